//! The example packages: what their steps plan from one schema to the next, and that the committed
//! components are what their sources give.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use ptah_wasm::dialect::Dialect;
use ptah_wasm::package::Package;
use ptah_wasm::plan::{Plan, Planner};
use ptah_wasm::policy::{Access, Limits};
use ptah_wasm::sandbox::{CacheLocation, Compiler, RunValues, Sandbox, StepCall};
use ptah_wasm::schema::Schema;

static SANDBOX: LazyLock<Sandbox> =
    LazyLock::new(|| Sandbox::new(Limits::default(), CacheLocation::Off, Compiler::InProcess).unwrap());

/// A model of the schema that the steps of a package change one after the other.
struct Site<'a> {
    package: &'a Package,
    dialect: Dialect,
    access: Access,
    schema: Schema,
}

impl<'a> Site<'a> {
    fn empty(package: &'a Package, dialect: Dialect) -> Site<'a> {
        Site { package, dialect, access: Access::default(), schema: Schema::default() }
    }

    /// Where crowd's 001 is applied, as minicms demands.
    fn with_crowd(package: &'a Package, crowd: &'a Package, dialect: Dialect) -> Site<'a> {
        let mut site = Site::empty(crowd, dialect);
        site.run(StepCall::Upgrade("001"));
        let referable = site.schema.tables.keys().cloned().collect();
        Site { package, dialect, access: Access { referable }, schema: site.schema }
    }

    fn run(&mut self, call: StepCall<'_>) -> Plan {
        let guest = self.package.guest_for(&call).unwrap();
        let planner = Planner::new(self.dialect, self.schema.clone(), self.access.clone(), Limits::default());
        let outcome = guest
            .run(call, planner, &RunValues::default(), None, &mut |_| ())
            .unwrap_or_else(|error| panic!("{call:?} on {:?}: {error}", self.dialect));
        let (plan, schema) = outcome.planner.finish();
        self.schema = schema;
        plan
    }
}

fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../example-packages/{name}/{name}.wasm"))
}

fn open(path: &Path) -> Package {
    Package::open(&SANDBOX, path).unwrap()
}

/// The chain of a package up and down again: the call and the plan's digest of each step.
fn digests(mut site: Site<'_>) -> Vec<(String, String)> {
    let revisions: Vec<_> = site.package.info().revisions.iter().map(|revision| revision.id.clone()).collect();
    let up = revisions.iter().map(|id| StepCall::Upgrade(id));
    let down = revisions.iter().rev().map(|id| StepCall::Downgrade(id));
    up.chain(down).map(|call| (format!("{call:?}"), site.run(call).digest)).collect()
}

#[test]
fn crowd_goes_up_and_down_between_an_empty_schema_and_its_head() {
    let crowd = open(&example("crowd"));
    for dialect in Dialect::ALL {
        let mut site = Site::empty(&crowd, dialect);
        site.run(StepCall::Upgrade("001"));
        let first = site.schema.clone();
        site.run(StepCall::Upgrade("002"));
        assert_ne!(site.schema, first);
        site.run(StepCall::Downgrade("002"));
        assert_eq!(site.schema, first, "{dialect:?}");
        site.run(StepCall::Downgrade("001"));
        assert_eq!(site.schema, Schema::default(), "{dialect:?}");
    }
}

#[test]
fn minicms_goes_up_and_down_between_its_base_and_its_head() {
    let (crowd, minicms) = (open(&example("crowd")), open(&example("minicms")));
    for dialect in Dialect::ALL {
        let mut site = Site::with_crowd(&minicms, &crowd, dialect);
        site.run(StepCall::Populate("ptah-base-schema"));
        let base = site.schema.clone();
        site.run(StepCall::Upgrade("001"));
        let first = site.schema.clone();
        site.run(StepCall::Upgrade("002"));
        site.run(StepCall::Downgrade("002"));
        assert_eq!(site.schema, first, "{dialect:?}");
        site.run(StepCall::Downgrade("001"));
        assert_eq!(site.schema, base, "{dialect:?}");
    }
}

#[test]
fn the_latest_schema_of_minicms_is_what_its_revisions_lead_to() {
    let (crowd, minicms) = (open(&example("crowd")), open(&example("minicms")));
    for dialect in Dialect::ALL {
        let mut chain = Site::with_crowd(&minicms, &crowd, dialect);
        chain.run(StepCall::Populate("ptah-base-schema"));
        chain.run(StepCall::Upgrade("001"));
        chain.run(StepCall::Upgrade("002"));
        let mut populated = Site::with_crowd(&minicms, &crowd, dialect);
        populated.run(StepCall::Populate("ptah-db-schema"));
        assert_eq!(populated.schema, chain.schema, "{dialect:?}");
        assert_eq!(populated.run(StepCall::Populate("demo-pages")).rows(), 2);
    }
}

#[test]
fn an_example_imports_the_contract_alone_and_stays_small() {
    for name in ["crowd", "minicms"] {
        let package = open(&example(name));
        let imports = package.components()[0].imports.iter();
        assert!(imports.clone().all(|import| import.starts_with("ptah:migration/")), "{name}: {imports:?}");
        let bytes = std::fs::read(example(name)).unwrap();
        assert!(bytes.len() < 100 * 1024, "{name}: {} bytes", bytes.len());
        let text = String::from_utf8_lossy(&bytes);
        for place in ["/home", "/root", "/tmp", ".cargo"] {
            assert!(!text.contains(place), "{name} names the place {place} of the machine that built it");
        }
    }
}

#[test]
fn components_built_anew_plan_the_same_as_the_committed_ones() {
    let built = tempfile::tempdir().unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../example-packages/build.sh");
    let status = Command::new("bash")
        .arg(script)
        .arg("--out")
        .arg(built.path())
        .env("PTAH_GUEST_TARGET_DIR", Path::new(env!("CARGO_TARGET_TMPDIR")).join("guests"))
        .status()
        .unwrap();
    assert!(status.success(), "example-packages/build.sh failed: its words are above");

    let crowd = open(&example("crowd"));
    let minicms = open(&example("minicms"));
    let crowd_anew = open(&built.path().join("crowd.wasm"));
    let minicms_anew = open(&built.path().join("minicms.wasm"));
    assert_eq!(crowd_anew.info(), crowd.info());
    assert_eq!(minicms_anew.info(), minicms.info());
    for dialect in Dialect::ALL {
        assert_eq!(digests(Site::empty(&crowd_anew, dialect)), digests(Site::empty(&crowd, dialect)));
        let from_base = |package| {
            let mut site = Site::with_crowd(package, &crowd, dialect);
            let base = site.run(StepCall::Populate("ptah-base-schema")).digest;
            (base, digests(site))
        };
        assert_eq!(from_base(&minicms_anew), from_base(&minicms), "{dialect:?}");
    }
}
