//! [`Package`]: what a package is, with its steps, in one place.

use crate::bindings::exports::ptah::migration::migration;
use crate::bindings::ptah::migration::types::Error;
use crate::table::names;
use crate::{Op, Result};

/// A step: a plain function.
pub type Step = fn(&mut Op) -> Result<()>;

/// A package: its name, title and version, its revisions and its populate steps.
#[derive(Debug)]
pub struct Package {
    name: &'static str,
    title: &'static str,
    version: &'static str,
    revisions: Vec<Revision>,
    populate: Vec<Populate>,
}

/// One revision with its two functions.
#[derive(Debug)]
pub struct Revision {
    id: &'static str,
    message: &'static str,
    down_revisions: Vec<String>,
    depends_on: Vec<String>,
    upgrade: Option<Step>,
    downgrade: Option<Step>,
}

/// One populate step.
#[derive(Debug)]
pub struct Populate {
    name: &'static str,
    title: &'static str,
    active: bool,
    requires: Vec<String>,
    depends_on: Vec<String>,
    step: Step,
}

impl Package {
    /// A package without revisions.
    pub fn new(name: &'static str, title: &'static str, version: &'static str) -> Package {
        Package { name, title, version, revisions: Vec::new(), populate: Vec::new() }
    }

    /// Adds a revision.
    pub fn revision(mut self, revision: Revision) -> Package {
        self.revisions.push(revision);
        self
    }

    /// Adds a populate step. They run in the order they are added.
    pub fn populate(mut self, step: Populate) -> Package {
        self.populate.push(step);
        self
    }
}

impl Revision {
    /// A revision that revises nothing and does nothing yet.
    pub fn new(id: &'static str, message: &'static str) -> Revision {
        Revision { id, message, down_revisions: Vec::new(), depends_on: Vec::new(), upgrade: None, downgrade: None }
    }

    /// The revision that it follows; said several times for a merge.
    pub fn revises(mut self, revision: &str) -> Revision {
        self.down_revisions.push(revision.into());
        self
    }

    /// What must be applied first, `package:revision`.
    pub fn depends_on(mut self, revision: &str) -> Revision {
        self.depends_on.push(revision.into());
        self
    }

    /// The way forward. Without one the revision changes nothing.
    pub fn upgrade(mut self, step: Step) -> Revision {
        self.upgrade = Some(step);
        self
    }

    /// The way back. Without one the revision cannot be downgraded.
    pub fn downgrade(mut self, step: Step) -> Revision {
        self.downgrade = Some(step);
        self
    }
}

impl Populate {
    /// The name of the step that makes the package's latest schema.
    pub const SCHEMA: &'static str = "ptah-db-schema";
    /// The name of the step that makes what exists before the first revision.
    pub const BASE_SCHEMA: &'static str = "ptah-base-schema";

    /// An active step.
    pub fn new(name: &'static str, title: &'static str, step: Step) -> Populate {
        Populate { name, title, active: true, requires: Vec::new(), depends_on: Vec::new(), step }
    }

    /// It runs only when it is named.
    pub fn inactive(mut self) -> Populate {
        self.active = false;
        self
    }

    /// A populate step of this package that runs before it.
    pub fn requires(mut self, step: &str) -> Populate {
        self.requires.push(step.into());
        self
    }

    /// What must be applied first, `package:revision`.
    pub fn depends_on(mut self, revision: &str) -> Populate {
        self.depends_on.push(revision.into());
        self
    }
}

/// What [`export!`](crate::export) calls.
impl Package {
    #[doc(hidden)]
    pub fn __describe(&self) -> migration::PackageInfo {
        let revisions = self.revisions.iter().map(|revision| migration::Revision {
            id: revision.id.into(),
            down_revisions: names(&revision.down_revisions),
            message: revision.message.into(),
            depends_on: names(&revision.depends_on),
        });
        let populate_steps = self.populate.iter().map(|step| migration::PopulateStep {
            name: step.name.into(),
            title: step.title.into(),
            active: step.active,
            requires: names(&step.requires),
            depends_on: names(&step.depends_on),
        });
        migration::PackageInfo {
            name: self.name.into(),
            title: self.title.into(),
            version: self.version.into(),
            revisions: revisions.collect(),
            populate_steps: populate_steps.collect(),
        }
    }

    #[doc(hidden)]
    pub fn __populate(&self, name: &str) -> Result<()> {
        match self.populate.iter().find(|step| step.name == name) {
            Some(found) => run(found.step),
            None => Err(Error::NotFound(["populate step ", name].concat())),
        }
    }

    #[doc(hidden)]
    pub fn __upgrade(&self, id: &str) -> Result<()> {
        self.find(id)?.upgrade.map_or(Ok(()), run)
    }

    #[doc(hidden)]
    pub fn __downgrade(&self, id: &str) -> Result<()> {
        match self.find(id)?.downgrade {
            Some(step) => run(step),
            None => Err(Error::Failed(["revision ", id, " cannot be downgraded"].concat())),
        }
    }

    fn find(&self, id: &str) -> Result<&Revision> {
        let found = self.revisions.iter().find(|revision| revision.id == id);
        found.ok_or_else(|| Error::NotFound(["revision ", id].concat()))
    }
}

fn run(step: Step) -> Result<()> {
    step(&mut Op { _private: () })
}

#[cfg(test)]
#[allow(clippy::indexing_slicing)]
mod tests {
    use super::*;

    fn package() -> Package {
        Package::new("crowd", "Crowd", "1.0.0")
            .revision(
                Revision::new("001", "Create users").upgrade(|_| Ok(())).downgrade(|_| Err(Error::Failed("no".into()))),
            )
            .revision(Revision::new("002", "Nothing").revises("001").depends_on("other:7"))
            .populate(Populate::new("demo", "Demo", |_| Ok(())).inactive().requires("ptah-db-schema"))
    }

    #[test]
    fn describe_tells_what_was_registered() {
        let info = package().__describe();
        assert_eq!((info.name.as_str(), info.version.as_str()), ("crowd", "1.0.0"));
        let ids: Vec<_> = info.revisions.iter().map(|revision| revision.id.as_str()).collect();
        assert_eq!(ids, ["001", "002"]);
        assert_eq!(info.revisions[1].down_revisions, ["001"]);
        assert_eq!(info.revisions[1].depends_on, ["other:7"]);
        assert_eq!(info.populate_steps[0].requires, ["ptah-db-schema"]);
        assert!(!info.populate_steps[0].active);
    }

    #[test]
    fn a_step_runs_the_function_that_was_registered_for_it() {
        assert_eq!(package().__upgrade("001"), Ok(()));
        assert_eq!(package().__downgrade("001"), Err(Error::Failed("no".into())));
        assert_eq!(package().__populate("demo"), Ok(()));
    }

    #[test]
    fn an_unknown_step_is_not_found() {
        assert_eq!(package().__upgrade("003"), Err(Error::NotFound("revision 003".into())));
        assert_eq!(package().__populate("x"), Err(Error::NotFound("populate step x".into())));
    }

    #[test]
    fn without_a_function_an_upgrade_does_nothing_and_a_downgrade_fails() {
        assert_eq!(package().__upgrade("002"), Ok(()));
        assert!(matches!(package().__downgrade("002"), Err(Error::Failed(_))));
    }
}
