//! One pass over a component: every section is counted before it is validated, and every validated before the next is
//! read. Nested components are counted by what they would instantiate, not by how often they occur in the file.

use wasmparser::{
    CanonicalFunction, ComponentAlias, ComponentExternalKind, ComponentInstance, ComponentTypeRef, ElementItems,
    FuncValidatorAllocations, FunctionBody, Instance, Parser, Payload, SectionLimited, Table, TypeSectionReader,
    ValidPayload, Validator,
};

use super::body::Bodies;
use super::{Outside, invalid, types, within};
use crate::policy::Limits;
use crate::sandbox::SandboxError;
use crate::sandbox::budget::ELEMENT_BYTES;
use crate::sandbox::engine::FEATURES;

/// Reads all of it.
pub(super) fn walk(component: &[u8], limits: &Limits) -> Result<Outside, SandboxError> {
    let mut walk = Walk::new(limits);
    let mut validator = Validator::new_with_features(FEATURES);
    let mut allocations = FuncValidatorAllocations::default();
    for payload in Parser::new(0).parse_all(component) {
        let payload = payload.map_err(invalid)?;
        walk.payload(component, &payload)?;
        if let ValidPayload::Func(function, body) = validator.payload(&payload).map_err(invalid)? {
            let mut function = function.into_validator(allocations);
            function.validate(&body).map_err(invalid)?;
            allocations = function.into_allocations();
        }
    }
    Ok(walk.outside)
}

/// A module or component that is being read.
#[derive(Default)]
struct Open {
    is_component: bool,
    /// Core instances that one instance of it makes, nested ones included.
    instances: u64,
    /// By index: whether the function, the instance comes from outside.
    functions: Vec<Origin>,
    component_instances: Vec<Origin>,
    /// Of a module: the parameters of its types, the types of its own functions, and how many of them were read.
    parameters: Vec<u64>,
    bodies: Vec<u32>,
    read: usize,
}

/// Where something that a component can use comes from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Origin {
    Outside,
    Within,
}

impl Open {
    fn component() -> Self {
        Self { is_component: true, ..Self::default() }
    }

    /// Takes note of a new item of one of the two kinds that matter.
    fn note(&mut self, kind: ComponentExternalKind, origin: Origin) {
        match kind {
            ComponentExternalKind::Func => self.functions.push(origin),
            ComponentExternalKind::Instance => self.component_instances.push(origin),
            _ => {}
        }
    }

    fn origin(&self, kind: ComponentExternalKind, index: u32) -> Origin {
        let items = match kind {
            ComponentExternalKind::Func => &self.functions,
            _ => &self.component_instances,
        };
        at(items, index).copied().unwrap_or(Origin::Within)
    }

    /// The parameters of the next function whose body is read.
    fn next_parameters(&mut self) -> u64 {
        let of = self.bodies.get(self.read).and_then(|index| at(&self.parameters, *index));
        self.read += 1;
        of.copied().unwrap_or_default()
    }
}

fn at<T>(items: &[T], index: u32) -> Option<&T> {
    items.get(usize::try_from(index).ok()?)
}

/// Counts while it reads.
struct Walk<'l> {
    limits: &'l Limits,
    outside: Outside,
    open: Vec<Open>,
    /// The most instances that a component read so far makes: an instantiation of any counts as one of it.
    largest: u64,
    modules: u64,
    memories: u64,
    tables: u64,
    imports: u64,
    items: u64,
    bodies: Bodies,
}

impl<'l> Walk<'l> {
    fn new(limits: &'l Limits) -> Self {
        Self {
            limits,
            outside: Outside::default(),
            open: vec![Open::component()],
            largest: 0,
            modules: 0,
            memories: 0,
            tables: 0,
            imports: 0,
            items: 0,
            bodies: Bodies::default(),
        }
    }

    fn payload(&mut self, component: &[u8], payload: &Payload<'_>) -> Result<(), SandboxError> {
        match payload {
            Payload::ModuleSection { .. } => {
                self.modules += 1;
                within("core modules", self.modules, u64::from(self.limits.modules))?;
                self.open.push(Open::default());
            }
            Payload::ComponentSection { .. } => {
                self.open.push(Open::component());
                let depth = u64::try_from(self.open.len() - 1).unwrap_or(u64::MAX);
                within("levels of nested components", depth, self.limits.component_depth)?;
            }
            Payload::End(_) => {
                if let Some(closed) = self.open.pop() {
                    self.largest = self.largest.max(closed.instances);
                }
            }

            Payload::TypeSection(section) => self.signatures(section)?,
            Payload::ImportSection(section) => self.imports(section.count())?,
            Payload::FunctionSection(section) => self.functions(section)?,
            Payload::TableSection(section) => self.tables(section)?,
            Payload::MemorySection(section) => {
                for memory in section.clone() {
                    let memory = memory.map_err(invalid)?;
                    self.memories += 1;
                    within("memories", self.memories, u64::from(self.limits.instances))?;
                    let page = 1_u64 << memory.page_size_log2.unwrap_or(16).min(16);
                    self.begins_with(memory.initial.saturating_mul(page))?;
                }
            }
            Payload::ElementSection(section) => {
                self.items(section.count())?;
                for segment in section.clone() {
                    match segment.map_err(invalid)?.items {
                        ElementItems::Functions(functions) => self.items(functions.count())?,
                        ElementItems::Expressions(_, expressions) => self.items(expressions.count())?,
                    }
                }
            }
            Payload::GlobalSection(section) => self.items(section.count())?,
            Payload::ExportSection(section) => self.items(section.count())?,
            Payload::DataSection(section) => self.items(section.count())?,
            Payload::TagSection(section) => self.items(section.count())?,
            Payload::CodeSectionEntry(body) => self.body(body)?,

            Payload::CoreTypeSection(section) => {
                self.items(section.count())?;
                for core in section.clone() {
                    self.more_items(types::within_core(&core.map_err(invalid)?))?;
                }
            }
            Payload::ComponentTypeSection(section) => {
                self.items(section.count())?;
                let range = section.range();
                let bytes = component.get(range.clone()).unwrap_or_default();
                types::nested(bytes, range.start, |count| self.more_items(count))?;
            }
            Payload::InstanceSection(section) => self.core_instances(section)?,
            Payload::ComponentInstanceSection(section) => self.component_instances(section)?,
            Payload::ComponentImportSection(section) => {
                self.imports(section.count())?;
                for import in section.clone() {
                    let import = import.map_err(invalid)?;
                    // What is outside of a nested component may be within the one around it.
                    let origin = if self.is_outside() { Origin::Outside } else { Origin::Within };
                    match import.ty {
                        ComponentTypeRef::Func(_) => self.note(ComponentExternalKind::Func, origin),
                        ComponentTypeRef::Instance(_) => self.note(ComponentExternalKind::Instance, origin),
                        _ => {}
                    }
                    if self.is_outside() {
                        self.outside.imports.push(import.name.name.to_owned());
                    }
                }
            }
            Payload::ComponentExportSection(section) => {
                self.items(section.count())?;
                for export in section.clone() {
                    let export = export.map_err(invalid)?;
                    let origin = self.origin(export.kind, export.index);
                    self.note(export.kind, origin);
                    if self.is_outside() {
                        self.outside.exports.push(export.name.name.to_owned());
                    }
                }
            }
            Payload::ComponentAliasSection(section) => {
                self.items(section.count())?;
                for alias in section.clone() {
                    if let ComponentAlias::InstanceExport { kind, instance_index, .. } = alias.map_err(invalid)? {
                        let origin = self.origin(ComponentExternalKind::Instance, instance_index);
                        self.note(kind, origin);
                    }
                }
            }
            Payload::ComponentCanonicalSection(section) => {
                self.items(section.count())?;
                for function in section.clone() {
                    match function.map_err(invalid)? {
                        CanonicalFunction::Lift { .. } => self.note(ComponentExternalKind::Func, Origin::Within),
                        CanonicalFunction::Lower { func_index, .. } => self.lowers(func_index)?,
                        _ => {}
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn is_outside(&self) -> bool {
        self.open.len() == 1
    }

    fn note(&mut self, kind: ComponentExternalKind, origin: Origin) {
        if let Some(open) = self.open.last_mut() {
            open.note(kind, origin);
        }
    }

    fn origin(&self, kind: ComponentExternalKind, index: u32) -> Origin {
        self.open.last().map_or(Origin::Within, |open| open.origin(kind, index))
    }

    /// Entries of sections: types, exports, aliases, …
    fn items(&mut self, count: u32) -> Result<(), SandboxError> {
        self.more_items(u64::from(count))
    }

    fn more_items(&mut self, count: u64) -> Result<(), SandboxError> {
        self.items = self.items.saturating_add(count);
        within("types, exports, elements and the like", self.items, self.limits.items)
    }

    fn imports(&mut self, count: u32) -> Result<(), SandboxError> {
        self.imports = self.imports.saturating_add(u64::from(count));
        within("imports, those of its modules included", self.imports, self.limits.imports)
    }

    /// Memory that it has before it does anything.
    fn begins_with(&self, bytes: u64) -> Result<(), SandboxError> {
        within("bytes in one memory or table from the start", bytes, self.limits.memory_bytes as u64)
    }

    fn tables(&mut self, section: &SectionLimited<'_, Table<'_>>) -> Result<(), SandboxError> {
        for table in section.clone() {
            let table = table.map_err(invalid)?;
            self.tables += 1;
            within("tables", self.tables, u64::from(self.limits.instances))?;
            self.begins_with(table.ty.initial.saturating_mul(ELEMENT_BYTES as u64))?;
        }
        Ok(())
    }

    /// Core code may call the runner's functions and no others through the component interface. For any other the
    /// engine writes code of its own, whose size the types decide and not the bytes that were counted here.
    fn lowers(&self, function: u32) -> Result<(), SandboxError> {
        match self.origin(ComponentExternalKind::Func, function) {
            Origin::Outside => Ok(()),
            Origin::Within => {
                Err(SandboxError::Invalid("it is composed of components that call each other: build it as one".into()))
            }
        }
    }

    fn core_instances(&mut self, section: &SectionLimited<'_, Instance<'_>>) -> Result<(), SandboxError> {
        for instance in section.clone() {
            match instance.map_err(invalid)? {
                Instance::Instantiate { args, .. } => {
                    self.items(u32::try_from(args.len()).unwrap_or(u32::MAX))?;
                    self.instantiates(1)?;
                }
                Instance::FromExports(exports) => self.items(u32::try_from(exports.len()).unwrap_or(u32::MAX))?,
            }
        }
        Ok(())
    }

    fn component_instances(&mut self, section: &SectionLimited<'_, ComponentInstance<'_>>) -> Result<(), SandboxError> {
        for instance in section.clone() {
            match instance.map_err(invalid)? {
                ComponentInstance::Instantiate { args, .. } => {
                    self.items(u32::try_from(args.len()).unwrap_or(u32::MAX))?;
                    self.instantiates(self.largest)?;
                }
                ComponentInstance::FromExports(exports) => {
                    self.items(u32::try_from(exports.len()).unwrap_or(u32::MAX))?;
                }
            }
            self.note(ComponentExternalKind::Instance, Origin::Within);
        }
        Ok(())
    }

    fn instantiates(&mut self, count: u64) -> Result<(), SandboxError> {
        let Some(open) = self.open.last_mut().filter(|open| open.is_component) else {
            return Err(SandboxError::Invalid("it instantiates outside of a component".into()));
        };
        open.instances = open.instances.saturating_add(count);
        within("instances", open.instances, u64::from(self.limits.instances))
    }

    fn signatures(&mut self, section: &TypeSectionReader<'_>) -> Result<(), SandboxError> {
        self.items(section.count())?;
        for signature in section.clone().into_iter_err_on_gc_types() {
            let signature = signature.map_err(invalid)?;
            let size = signature.params().len().max(signature.results().len());
            within("parameters of one function", size as u64, self.limits.function_parameters)?;
            if let Some(open) = self.open.last_mut() {
                open.parameters.push(signature.params().len() as u64);
            }
        }
        Ok(())
    }

    fn functions(&mut self, section: &SectionLimited<'_, u32>) -> Result<(), SandboxError> {
        within("functions", u64::from(section.count()), self.limits.functions)?;
        if let Some(open) = self.open.last_mut() {
            open.bodies = section.clone().into_iter().collect::<Result<_, _>>().map_err(invalid)?;
        }
        Ok(())
    }

    fn body(&mut self, body: &FunctionBody<'_>) -> Result<(), SandboxError> {
        let parameters = self.open.last_mut().map_or(0, Open::next_parameters);
        self.bodies.count(body, parameters, self.limits)
    }
}
