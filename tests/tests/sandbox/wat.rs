//! Guests written as WebAssembly text: the smallest component there is for a case, and ones that no
//! toolchain would make.

use std::path::Path;

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// A guest under construction: what it says it is, and what its upgrade does.
pub(crate) struct Guest {
    name: String,
    version: String,
    revisions: Vec<String>,
    imports: String,
    globals: String,
    describe: String,
    upgrade: String,
}

/// The upgrade's own result: success.
pub(crate) const OK: &str = "(i32.const 16)";

impl Guest {
    /// Package `demo` with revision `001`, whose upgrade is this code; it leaves the address of a result.
    pub(crate) fn new(upgrade: &str) -> Self {
        Self {
            name: "demo".into(),
            version: "1".into(),
            revisions: vec!["001".into()],
            imports: String::new(),
            globals: "(memory (export \"memory\") 2)".into(),
            describe: String::new(),
            upgrade: upgrade.into(),
        }
    }

    /// With an import `$name` of an interface.
    pub(crate) fn import(mut self, interface: &str, function: &str, signature: &str) -> Self {
        let import = format!(
            "(import \"ptah:migration/{interface}@0.1.0\" \"{function}\" (func ${} {signature}))\n",
            function.replace("[resource-drop]", "drop-")
        );
        self.imports.push_str(&import);
        self
    }

    /// With other fields in place of its memory.
    pub(crate) fn fields(mut self, fields: &str) -> Self {
        self.globals = fields.into();
        self
    }

    /// With code that runs before it describes itself.
    pub(crate) fn before_describe(mut self, code: &str) -> Self {
        self.describe = code.into();
        self
    }

    /// With this package name, version and these revisions.
    pub(crate) fn described(mut self, name: &str, version: &str, revisions: &[&str]) -> Self {
        self.name = name.into();
        self.version = version.into();
        self.revisions = revisions.iter().map(|&id| id.to_owned()).collect();
        self
    }

    /// The component's bytes.
    pub(crate) fn component(&self) -> Vec<u8> {
        component(&self.text())
    }

    /// The same with the core module swapped in afterwards, so that no tool on the way looks at it.
    pub(crate) fn unchecked_component(&self) -> Vec<u8> {
        let module = wat::parse_str(self.text()).unwrap();
        let mut component = b"\0asm\x0d\0\x01\0".to_vec();
        component.push(1);
        let mut length = module.len();
        while length >= 0x80 {
            component.push(u8::try_from(length & 0x7f).unwrap() | 0x80);
            length >>= 7;
        }
        component.push(u8::try_from(length).unwrap());
        component.extend_from_slice(&module);
        let export =
            wat::parse_str("(component (instance $i) (export \"ptah:migration/migration@0.1.0\" (instance $i)))");
        component.extend_from_slice(&export.unwrap()[8..]);
        component
    }

    /// The core module with more fields.
    pub(crate) fn text_with(&self, fields: &str) -> String {
        let text = self.text();
        let end = text.rfind(')').unwrap();
        format!("{} {fields})", &text[..end])
    }

    fn text(&self) -> String {
        let Self { imports, globals, describe, upgrade, .. } = self;
        let data = self.data();
        format!(
            r#"(module
                {imports}
                {globals}
                (global $heap (mut i32) (i32.const 65536))
                ;; 16: ok. 32: failed("no"). 1024: the description.
                (data (i32.const 32) "\01\00\00\00\07\00\00\00\40\00\00\00\02\00\00\00")
                (data (i32.const 64) "no")
                {data}
                (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (local $at i32)
                    (local.set $at (i32.and (i32.add (global.get $heap) (i32.const 7)) (i32.const -8)))
                    (global.set $heap (i32.add (local.get $at) (local.get 3)))
                    (if (i32.gt_u (global.get $heap) (i32.mul (memory.size) (i32.const 65536)))
                        (then (drop (memory.grow (i32.const 16)))))
                    (local.get $at))
                (func (export "ptah:migration/migration@0.1.0#describe") (result i32)
                    {describe}
                    (i32.const 1024))
                (func (export "ptah:migration/migration@0.1.0#populate") (param i32 i32) (result i32) (i32.const 16))
                (func (export "ptah:migration/migration@0.1.0#upgrade") (param i32 i32) (result i32)
                    {upgrade})
                (func (export "ptah:migration/migration@0.1.0#downgrade") (param i32 i32) (result i32)
                    (i32.const 32))
            )"#
        )
    }

    /// The record that `describe` returns, and the texts and revisions that it points to.
    fn data(&self) -> String {
        let (record, texts) = (1024_usize, 4096_usize);
        let mut bytes = Vec::new();
        let mut text = |text: &str| {
            let at = texts + bytes.len();
            bytes.extend_from_slice(text.as_bytes());
            [at, text.len()]
        };
        let name = text(&self.name);
        let version = text(&self.version);
        let revisions: Vec<usize> = self
            .revisions
            .iter()
            .flat_map(|id| {
                let id = text(id);
                [id[0], id[1], 0, 0, 0, 0, 0, 0]
            })
            .collect();
        let list = record + 64;
        let fields = [name[0], name[1], name[0], name[1], version[0], version[1], list, self.revisions.len(), 0, 0];
        format!(
            "(data (i32.const {record}) \"{}\") (data (i32.const {list}) \"{}\") (data (i32.const {texts}) \"{}\")",
            words(&fields),
            words(&revisions),
            escaped(&bytes)
        )
    }
}

/// Little-endian 32-bit words as the text of a data segment.
pub(crate) fn words(words: &[usize]) -> String {
    let bytes: Vec<u8> = words.iter().flat_map(|word| u32::try_from(*word).unwrap().to_le_bytes()).collect();
    escaped(&bytes)
}

fn escaped(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("\\{byte:02x}")).collect()
}

/// Makes a component of the project's own world from the text of a core module.
pub(crate) fn component(text: &str) -> Vec<u8> {
    let (resolve, world) = contract();
    encode(text, &resolve, world)
}

fn contract() -> (Resolve, wit_parser::WorldId) {
    let mut resolve = Resolve::default();
    let wit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit");
    let (package, _) = resolve.push_dir(wit).unwrap();
    let world = resolve.select_world(&[package], Some("migrations")).unwrap();
    (resolve, world)
}

/// Makes a component of another world.
pub(crate) fn component_of(text: &str, packages: &[&str], world: &str) -> Vec<u8> {
    let mut resolve = Resolve::default();
    let ids: Vec<_> = packages.iter().map(|wit| resolve.push_str("test.wit", wit).unwrap()).collect();
    let world = resolve.select_world(&ids[ids.len() - 1..], Some(world)).unwrap();
    encode(text, &resolve, world)
}

/// Makes a component of a world from the text of a core module.
pub(crate) fn encode(text: &str, resolve: &Resolve, world: wit_parser::WorldId) -> Vec<u8> {
    let mut module = wat::parse_str(text).unwrap();
    embed_component_metadata(&mut module, resolve, world, StringEncoding::UTF8).unwrap();
    ComponentEncoder::default().module(&module).unwrap().validate(true).encode().unwrap()
}
