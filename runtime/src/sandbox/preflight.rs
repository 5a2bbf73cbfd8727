//! Looks at the bytes of a component before anything compiles them: is it one, of this contract, and
//! small enough that compiling it is safe? Only parses; validation is the compiler's.

use wasmparser::{
    CanonicalFunction, ComponentAlias, ComponentExternalKind, ComponentInstance, ComponentTypeRef, FunctionBody,
    Instance, Operator, Parser, Payload, TypeSectionReader,
};

use super::error::SandboxError;
use crate::policy::Limits;

/// The version of the contract that is linked.
pub(super) const VERSION: &str = "0.1.0";

/// What every component must export.
pub(super) const EXPORT: &str = "ptah:migration/migration@0.1.0";

/// What is linked.
const IMPORTS: [&str; 6] = ["types", "schema", "inspect", "data", "log", "run"];

/// What a component says about itself on the outside.
#[derive(Debug, Default)]
pub(super) struct Outside {
    /// The names of its imports in order.
    pub(super) imports: Vec<String>,
    exports: Vec<String>,
}

/// Checks the bytes.
///
/// # Errors
/// Everything that [`SandboxError`] names but the compiler's own refusal.
pub(super) fn check(component: &[u8], limits: &Limits) -> Result<Outside, SandboxError> {
    if component.len() > limits.component_bytes {
        let (size, limit) = (component.len(), limits.component_bytes);
        return Err(SandboxError::LimitExceeded(format!("the component has {size} bytes; the limit is {limit}")));
    }
    check_kind(component)?;
    let outside = Walk::new(limits).run(component)?;
    check_exports(&outside.exports)?;
    check_imports(&outside.imports)?;
    Ok(outside)
}

fn check_kind(bytes: &[u8]) -> Result<(), SandboxError> {
    if bytes.starts_with(b"\x7fELF") {
        return Err(SandboxError::NotWasm("it is native code"));
    }
    if !bytes.starts_with(b"\0asm") {
        let text = bytes.trim_ascii_start();
        let is_text = text.starts_with(b"(component") || text.starts_with(b"(module");
        return Err(SandboxError::NotWasm(match bytes {
            [] => "the file is empty",
            _ if is_text => "it is WebAssembly text; only the binary form is taken",
            _ => "it does not begin like one",
        }));
    }
    if Parser::is_core_wasm(bytes) {
        return Err(SandboxError::CoreModule);
    }
    if bytes.len() < 8 {
        return Err(SandboxError::Invalid("the file is cut off".into()));
    }
    if !Parser::is_component(bytes) {
        return Err(SandboxError::Invalid("it is of a WebAssembly version that this runner does not know".into()));
    }
    Ok(())
}

fn check_exports(exports: &[String]) -> Result<(), SandboxError> {
    if exports.iter().any(|name| name == EXPORT) {
        return Ok(());
    }
    match exports.iter().find(|name| name.starts_with("ptah:migration/migration@")) {
        Some(found) => Err(SandboxError::OtherVersion { found: shown(found) }),
        None => Err(SandboxError::OtherWorld { exports: exports.iter().take(8).map(|name| shown(name)).collect() }),
    }
}

fn check_imports(imports: &[String]) -> Result<(), SandboxError> {
    let linked = |import: &&String| {
        let interface = import.strip_prefix("ptah:migration/").and_then(|rest| rest.split_once('@'));
        interface.is_some_and(|(name, version)| version == VERSION && IMPORTS.contains(&name))
    };
    let unknown: Vec<&String> = imports.iter().filter(|import| !linked(import)).collect();
    let other_version = |import: &&String| {
        import
            .strip_prefix("ptah:migration/")
            .and_then(|rest| rest.split_once('@'))
            .is_some_and(|(name, version)| version != VERSION && IMPORTS.contains(&name))
    };
    match unknown.first() {
        None => Ok(()),
        Some(found) if unknown.iter().all(other_version) => Err(SandboxError::OtherVersion { found: shown(found) }),
        Some(_) => Err(SandboxError::UnknownImports { imports: unknown.iter().map(|name| shown(name)).collect() }),
    }
}

fn shown(name: &str) -> String {
    super::log::escaped(name, 128)
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
        usize::try_from(index).ok().and_then(|index| items.get(index).copied()).unwrap_or(Origin::Within)
    }
}

/// Counts while it reads.
struct Walk<'l> {
    limits: &'l Limits,
    outside: Outside,
    open: Vec<Open>,
    /// The most instances that a component read so far makes: an instantiation of any counts as one of it.
    largest: u64,
    modules: u32,
    functions: usize,
    locals: u64,
    branches: u64,
}

/// How many functions may have as many branches as one may.
const BRANCHING_FUNCTIONS: u64 = 30;

impl<'l> Walk<'l> {
    fn new(limits: &'l Limits) -> Self {
        Self {
            limits,
            outside: Outside::default(),
            open: vec![Open::component()],
            largest: 0,
            modules: 0,
            functions: 0,
            locals: 0,
            branches: 0,
        }
    }

    fn run(mut self, component: &[u8]) -> Result<Outside, SandboxError> {
        for payload in Parser::new(0).parse_all(component) {
            self.payload(payload.map_err(invalid)?)?;
        }
        Ok(self.outside)
    }

    fn payload(&mut self, payload: Payload<'_>) -> Result<(), SandboxError> {
        match payload {
            Payload::ModuleSection { .. } => {
                self.modules += 1;
                let modules = u64::from(self.modules);
                self.within("core modules", modules, u64::from(self.limits.modules))?;
                self.open.push(Open::default());
            }
            Payload::ComponentSection { .. } => {
                self.open.push(Open::component());
                let depth = u64::try_from(self.open.len() - 1).unwrap_or(u64::MAX);
                self.within("levels of nested components", depth, self.limits.component_depth)?;
            }
            Payload::End(_) => {
                if let Some(closed) = self.open.pop() {
                    self.largest = self.largest.max(closed.instances);
                }
            }
            Payload::InstanceSection(section) => {
                for instance in section {
                    if let Instance::Instantiate { .. } = instance.map_err(invalid)? {
                        self.instantiates(1)?;
                    }
                }
            }
            Payload::ComponentInstanceSection(section) => {
                for instance in section {
                    if let ComponentInstance::Instantiate { .. } = instance.map_err(invalid)? {
                        self.instantiates(self.largest)?;
                    }
                    self.note(ComponentExternalKind::Instance, Origin::Within);
                }
            }
            Payload::ComponentImportSection(section) => {
                for import in section {
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
                for export in section {
                    let export = export.map_err(invalid)?;
                    let origin = self.origin(export.kind, export.index);
                    self.note(export.kind, origin);
                    if self.is_outside() {
                        self.outside.exports.push(export.name.name.to_owned());
                    }
                }
            }
            Payload::ComponentAliasSection(section) => {
                for alias in section {
                    if let ComponentAlias::InstanceExport { kind, instance_index, .. } = alias.map_err(invalid)? {
                        let origin = self.origin(ComponentExternalKind::Instance, instance_index);
                        self.note(kind, origin);
                    }
                }
            }
            Payload::ComponentCanonicalSection(section) => {
                for function in section {
                    match function.map_err(invalid)? {
                        CanonicalFunction::Lift { .. } => self.note(ComponentExternalKind::Func, Origin::Within),
                        CanonicalFunction::Lower { func_index, .. } => self.lowers(func_index)?,
                        _ => {}
                    }
                }
            }
            Payload::TypeSection(section) => self.signatures(section)?,
            Payload::CodeSectionEntry(body) => self.body(&body)?,
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

    fn instantiates(&mut self, count: u64) -> Result<(), SandboxError> {
        let Some(open) = self.open.last_mut().filter(|open| open.is_component) else {
            return Err(SandboxError::Invalid("it instantiates outside of a component".into()));
        };
        open.instances = open.instances.saturating_add(count);
        let instances = open.instances;
        self.within("instances", instances, u64::from(self.limits.instances))
    }

    fn signatures(&self, section: TypeSectionReader<'_>) -> Result<(), SandboxError> {
        for signature in section.into_iter_err_on_gc_types() {
            let signature = signature.map_err(invalid)?;
            let size = signature.params().len().max(signature.results().len());
            self.within("parameters of one function", size as u64, self.limits.function_parameters)?;
        }
        Ok(())
    }

    fn body(&mut self, body: &FunctionBody<'_>) -> Result<(), SandboxError> {
        self.functions += 1;
        self.within("functions", self.functions as u64, self.limits.functions)?;
        self.within("bytes in one function", body.range().len() as u64, self.limits.function_bytes)?;
        let mut own: u64 = 0;
        for local in body.get_locals_reader().map_err(invalid)? {
            own = own.saturating_add(u64::from(local.map_err(invalid)?.0));
        }
        self.within("locals of one function", own, self.limits.function_locals)?;
        self.locals = self.locals.saturating_add(own);
        // A guest that a compiler made has a handful of locals in most functions.
        self.within("locals in all", self.locals, self.limits.function_locals.saturating_mul(100))?;
        let (mut depth, mut branches) = (0_u64, 0_u64);
        for operator in body.get_operators_reader().map_err(invalid)? {
            let operator = operator.map_err(invalid)?;
            branches = branches.saturating_add(match &operator {
                Operator::If { .. } | Operator::Else | Operator::Br { .. } | Operator::BrIf { .. } => 1,
                Operator::Block { .. } | Operator::Loop { .. } => 1,
                Operator::BrTable { targets } => u64::from(targets.len()),
                _ => 0,
            });
            self.within("branches in one function", branches, self.limits.function_branches)?;
            match operator {
                Operator::Block { .. } | Operator::Loop { .. } | Operator::If { .. } => {
                    depth += 1;
                    self.within("levels of nested blocks", depth, self.limits.block_depth)?;
                }
                Operator::End => depth = depth.saturating_sub(1),
                _ => {}
            }
        }
        self.branches = self.branches.saturating_add(branches);
        let limit = self.limits.function_branches.saturating_mul(BRANCHING_FUNCTIONS);
        self.within("branches in all", self.branches, limit)
    }

    fn within(&self, what: &str, count: u64, limit: u64) -> Result<(), SandboxError> {
        if count > limit {
            return Err(SandboxError::LimitExceeded(format!("the component has {count} {what}; the limit is {limit}")));
        }
        Ok(())
    }
}

/// The parser's own words; they may hold names out of the file.
#[allow(clippy::needless_pass_by_value)]
fn invalid(error: wasmparser::BinaryReaderError) -> SandboxError {
    let cut = if error.message().contains("unexpected end") { "the file is cut off: " } else { "" };
    SandboxError::Invalid(super::log::escaped(&format!("{cut}{error}"), 400))
}
