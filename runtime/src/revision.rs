//! Revisions of one package as a graph: which order they run in, and what is recorded afterwards. Pure.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// One revision as a package describes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revision {
    /// Its id.
    pub id: String,
    /// The ids it revises; none for a base.
    pub down_revisions: Vec<String>,
    /// What it does.
    pub message: String,
    /// What must be applied first.
    pub depends_on: Vec<Dependency>,
}

impl Revision {
    /// What it depends on of other packages than its own: that is on the target or not. What it depends on of its own is a
    /// matter of order, see [`Graph`].
    pub fn depends_elsewhere(&self, own: &str) -> Vec<Dependency> {
        self.depends_on.iter().filter(|dependency| dependency.package != own).cloned().collect()
    }
}

/// A revision of a package.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Dependency {
    /// The package.
    pub package: String,
    /// Its revision.
    pub revision: String,
}

/// A populate step as a package describes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PopulateStep {
    /// Its name.
    pub name: String,
    /// What it does.
    pub title: String,
    /// Whether it runs without being named.
    pub active: bool,
    /// Steps of this package that run before it.
    pub requires: Vec<String>,
    /// What must be applied first.
    pub depends_on: Vec<Dependency>,
}

/// What a package says it is: checked, and all its components taken together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackageInfo {
    /// Its name.
    pub name: String,
    /// Its title.
    pub title: String,
    /// Its version.
    pub version: String,
    /// Its revisions, in the order described.
    pub revisions: Vec<Revision>,
    /// Its populate steps, in the order described.
    pub populate_steps: Vec<PopulateStep>,
}

/// The populate step that makes a package's latest schema.
pub const LATEST_SCHEMA: &str = "ptah-db-schema";
/// The populate step that makes what exists before the first revision.
pub const BASE_SCHEMA: &str = "ptah-base-schema";

impl PackageInfo {
    /// The populate step of that name.
    pub fn populate_step(&self, name: &str) -> Option<&PopulateStep> {
        self.populate_steps.iter().find(|step| step.name == name)
    }

    /// Its revisions in order.
    ///
    /// # Errors
    /// As [`Graph::new`].
    pub fn graph(&self) -> Result<Graph<'_>, GraphError> {
        Graph::new(&self.name, &self.revisions)
    }

    /// Everything that any step of the package depends on.
    pub fn dependencies(&self) -> BTreeSet<&Dependency> {
        let revisions = self.revisions.iter().flat_map(|revision| &revision.depends_on);
        revisions.chain(self.populate_steps.iter().flat_map(|step| &step.depends_on)).collect()
    }
}

/// Why revisions, populate steps or packages cannot be put in order.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GraphError {
    /// Two revisions of one id.
    #[error("revision {0} is described twice")]
    Duplicate(String),
    /// A revision revises one that is not there.
    #[error("revision {revision} revises {missing}, which the package does not have")]
    Disconnected {
        /// The revision.
        revision: String,
        /// What it revises.
        missing: String,
    },
    /// A revision depends on one of its own package that is not there.
    #[error("revision {revision} depends on {missing}, which the package does not have")]
    Lacking {
        /// The revision.
        revision: String,
        /// What it depends on.
        missing: String,
    },
    /// Revisions, populate steps or packages that lead back to themselves.
    #[error("{what} form a cycle: {}", path.join(" -> "))]
    Cycle {
        /// `revisions`, `populate steps` or `packages`.
        what: &'static str,
        /// The cycle, its first member again at the end.
        path: Vec<String>,
    },
    /// Several heads where one is needed.
    #[error("there are several heads, {}: name the one that is meant", heads.join(" and "))]
    SeveralHeads {
        /// The heads, sorted.
        heads: Vec<String>,
    },
    /// A target that the package does not have.
    #[error("there is no revision {0}")]
    UnknownRevision(String),
    /// A recorded revision that the package does not have.
    #[error("revision {0} is recorded on the target, but this package does not have it")]
    UnknownRecorded(String),
    /// An upgrade to what is already behind.
    #[error("revision {wanted} is behind the recorded {recorded}; `downgrade` goes back")]
    Behind {
        /// The revision asked for.
        wanted: String,
        /// What is recorded.
        recorded: String,
    },
    /// A downgrade to what was never applied.
    #[error("revision {wanted} is not applied; recorded is {recorded}")]
    NotApplied {
        /// The revision asked for.
        wanted: String,
        /// What is recorded.
        recorded: String,
    },
    /// A populate step that is not there.
    #[error("there is no populate step {0}")]
    UnknownPopulateStep(String),
}

/// Where an upgrade goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Goal {
    /// To the only head.
    Head,
    /// To this revision.
    Revision(String),
}

/// One step along the graph, with what it does to the recorded heads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Move<'a> {
    /// The revision whose upgrade or downgrade runs.
    pub revision: &'a Revision,
    /// Recorded heads that go.
    pub remove: Vec<String>,
    /// Recorded heads that come.
    pub add: Vec<String>,
}

/// The revisions of one package, known to be connected and free of cycles. A revision may depend on another one of the
/// package: that is applied before it and taken back after it, and both stay heads, as in Alembic's graphs.
#[derive(Debug, Clone)]
pub struct Graph<'a> {
    package: &'a str,
    by_id: BTreeMap<&'a str, &'a Revision>,
    /// For each id the ids that revise it, sorted.
    children: BTreeMap<&'a str, Vec<&'a str>>,
    /// For each id the ids that revise it or depend on it.
    followers: BTreeMap<&'a str, Vec<&'a str>>,
    /// Every revision after all that it revises or depends on; ties by id.
    order: Vec<&'a Revision>,
}

/// The revisions of its own package that come before a revision.
fn before<'a>(package: &str, revision: &'a Revision) -> BTreeSet<&'a str> {
    let own = revision.depends_on.iter().filter(|dependency| dependency.package == package);
    let own = own.map(|dependency| dependency.revision.as_str());
    revision.down_revisions.iter().map(String::as_str).chain(own).collect()
}

impl<'a> Graph<'a> {
    /// Checks and orders.
    ///
    /// # Errors
    /// A duplicate id, a missing down revision or dependency, a cycle (with its path).
    pub fn new(package: &'a str, revisions: &'a [Revision]) -> Result<Self, GraphError> {
        let mut by_id = BTreeMap::new();
        let mut children: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        let mut followers: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for revision in revisions {
            if by_id.insert(revision.id.as_str(), revision).is_some() {
                return Err(GraphError::Duplicate(revision.id.clone()));
            }
        }
        let mut waiting: BTreeMap<&str, usize> = BTreeMap::new();
        for revision in by_id.values() {
            let parents: BTreeSet<&str> = revision.down_revisions.iter().map(String::as_str).collect();
            for parent in &parents {
                if !by_id.contains_key(parent) {
                    let (revision, missing) = (revision.id.clone(), (*parent).to_owned());
                    return Err(GraphError::Disconnected { revision, missing });
                }
                children.entry(parent).or_default().push(&revision.id);
            }
            let before = before(package, revision);
            for earlier in &before {
                if !by_id.contains_key(earlier) {
                    let (revision, missing) = (revision.id.clone(), (*earlier).to_owned());
                    return Err(GraphError::Lacking { revision, missing });
                }
                followers.entry(earlier).or_default().push(&revision.id);
            }
            waiting.insert(&revision.id, before.len());
        }
        let mut ready: BTreeSet<&str> = waiting.iter().filter(|(_, count)| **count == 0).map(|(id, _)| *id).collect();
        let mut order = Vec::with_capacity(revisions.len());
        while let Some(id) = ready.pop_first() {
            order.extend(by_id.get(id));
            waiting.remove(id);
            for child in followers.get(id).into_iter().flatten() {
                if let Some(count) = waiting.get_mut(child) {
                    *count -= 1;
                    if *count == 0 {
                        ready.insert(child);
                    }
                }
            }
        }
        if order.len() < by_id.len() {
            let next = |id: &str| {
                let revision = by_id.get(id)?;
                before(package, revision).into_iter().find(|earlier| waiting.contains_key(earlier))
            };
            let path = waiting.keys().next().map(|start| cycle(start, next)).unwrap_or_default();
            return Err(GraphError::Cycle { what: "revisions", path });
        }
        Ok(Self { package, by_id, children, followers, order })
    }

    /// All revisions, each after those that it revises or depends on.
    pub fn order(&self) -> &[&'a Revision] {
        &self.order
    }

    /// The revisions that nothing revises, sorted. Empty for a package without revisions.
    pub fn heads(&self) -> Vec<&'a str> {
        self.by_id.keys().filter(|id| !self.children.contains_key(*id)).copied().collect()
    }

    /// These revisions and everything that they revise, directly or not.
    ///
    /// # Errors
    /// [`GraphError::UnknownRecorded`] for an id that the package does not have.
    pub fn applied(&self, heads: &BTreeSet<String>) -> Result<BTreeSet<&'a str>, GraphError> {
        let mut found = BTreeSet::new();
        let mut open: Vec<&str> = heads.iter().map(String::as_str).collect();
        while let Some(id) = open.pop() {
            let revision = self.by_id.get(id).ok_or_else(|| GraphError::UnknownRecorded(id.to_owned()))?;
            if found.insert(revision.id.as_str()) {
                open.extend(revision.down_revisions.iter().map(String::as_str));
            }
        }
        Ok(found)
    }

    /// The revision that a goal names.
    ///
    /// # Errors
    /// Several heads where one is needed, or an unknown revision. None for the head of a package
    /// without revisions.
    pub fn resolve(&self, goal: &Goal) -> Result<Option<&'a str>, GraphError> {
        match goal {
            Goal::Revision(id) => match self.by_id.get_key_value(id.as_str()) {
                Some((id, _)) => Ok(Some(id)),
                None => Err(GraphError::UnknownRevision(id.clone())),
            },
            Goal::Head => match self.heads().as_slice() {
                [] => Ok(None),
                [head] => Ok(Some(head)),
                heads => Err(GraphError::SeveralHeads { heads: heads.iter().map(|id| (*id).to_owned()).collect() }),
            },
        }
    }

    /// The steps from the recorded heads up to the goal, in order. Empty when it is already recorded.
    ///
    /// # Errors
    /// A recorded revision that is unknown, a goal that is unknown, ambiguous or behind.
    pub fn upgrade(&self, recorded: &BTreeSet<String>, goal: &Goal) -> Result<Vec<Move<'a>>, GraphError> {
        let applied = self.applied(recorded)?;
        let Some(target) = self.resolve(goal)? else { return Ok(Vec::new()) };
        if applied.contains(target) && !recorded.contains(target) {
            return Err(GraphError::Behind { wanted: target.to_owned(), recorded: list(recorded) });
        }
        let wanted = self.needed(target);
        let mut heads = recorded.clone();
        let pending = self
            .order
            .iter()
            .filter(|revision| wanted.contains(revision.id.as_str()) && !applied.contains(revision.id.as_str()));
        Ok(pending
            .map(|revision| {
                let parents: BTreeSet<&String> = revision.down_revisions.iter().collect();
                let remove: Vec<String> = parents.into_iter().filter(|id| heads.remove(*id)).cloned().collect();
                heads.insert(revision.id.clone());
                Move { revision, remove, add: vec![revision.id.clone()] }
            })
            .collect())
    }

    /// The steps from the recorded heads down to a revision, or to base with none, in order.
    ///
    /// # Errors
    /// A recorded revision that is unknown, a target that is unknown or not applied.
    pub fn downgrade(&self, recorded: &BTreeSet<String>, target: Option<&str>) -> Result<Vec<Move<'a>>, GraphError> {
        let mut applied = self.applied(recorded)?;
        let leaving: BTreeSet<&str> = match target {
            None => applied.clone(),
            Some(target) => {
                let Some((target, _)) = self.by_id.get_key_value(target) else {
                    return Err(GraphError::UnknownRevision(target.to_owned()));
                };
                if !applied.contains(target) {
                    return Err(GraphError::NotApplied { wanted: (*target).to_owned(), recorded: list(recorded) });
                }
                self.beyond(target).into_iter().filter(|id| applied.contains(id)).collect()
            }
        };
        let mut moves = Vec::with_capacity(leaving.len());
        for revision in self.order.iter().rev().filter(|revision| leaving.contains(revision.id.as_str())) {
            applied.remove(revision.id.as_str());
            let parents: BTreeSet<&str> = revision.down_revisions.iter().map(String::as_str).collect();
            let bare = |parent: &&str| {
                self.children.get(parent).is_none_or(|children| !children.iter().any(|child| applied.contains(child)))
            };
            let add = parents.into_iter().filter(bare).map(str::to_owned).collect();
            moves.push(Move { revision, remove: vec![revision.id.clone()], add });
        }
        Ok(moves)
    }

    /// This revision and everything that it revises or depends on, directly or not.
    fn needed(&self, id: &'a str) -> BTreeSet<&'a str> {
        let mut found = BTreeSet::from([id]);
        let mut open = vec![id];
        while let Some(id) = open.pop() {
            let earlier = self.by_id.get(id).map(|revision| before(self.package, revision));
            open.extend(earlier.into_iter().flatten().filter(|id| found.insert(id)));
        }
        found
    }

    /// What goes when this one becomes the last of its line: everything that revises it, and what follows that.
    fn beyond(&self, id: &str) -> BTreeSet<&'a str> {
        let mut open: Vec<&str> = self.children.get(id).cloned().unwrap_or_default();
        let mut found: BTreeSet<&str> = open.iter().copied().collect();
        while let Some(id) = open.pop() {
            for follower in self.followers.get(id).into_iter().flatten() {
                if found.insert(*follower) {
                    open.push(follower);
                }
            }
        }
        found
    }
}

/// Several revisions as one text; `None` for base, as Ptah's log lines say it.
pub fn list<'a>(ids: impl IntoIterator<Item = &'a String>) -> String {
    let ids: Vec<&str> = ids.into_iter().map(String::as_str).collect();
    if ids.is_empty() { "None".to_owned() } else { ids.join(", ") }
}

/// These populate steps and all that they require, each after what it requires, ties in the order described.
///
/// # Errors
/// An unknown step, a cycle (with its path).
pub fn populate_order<'a>(steps: &'a [PopulateStep], wanted: &[&str]) -> Result<Vec<&'a PopulateStep>, GraphError> {
    let find = |name: &str| {
        let step = steps.iter().find(|step| step.name == name);
        step.ok_or_else(|| GraphError::UnknownPopulateStep(name.to_owned()))
    };
    let mut done: Vec<&PopulateStep> = Vec::new();
    let mut path: Vec<(&PopulateStep, usize)> = Vec::new();
    for name in wanted {
        path.push((find(name)?, 0));
        while let Some((step, next)) = path.last_mut() {
            let step: &PopulateStep = step;
            if done.iter().any(|earlier| earlier.name == step.name) {
                path.pop();
                continue;
            }
            match step.requires.get(*next) {
                Some(required) => {
                    *next += 1;
                    if let Some(start) = path.iter().position(|(open, _)| open.name == *required) {
                        let cycle = path.iter().skip(start).map(|(open, _)| open.name.clone());
                        let path = cycle.chain([required.clone()]).collect();
                        return Err(GraphError::Cycle { what: "populate steps", path });
                    }
                    path.push((find(required)?, 0));
                }
                None => {
                    done.push(step);
                    path.pop();
                }
            }
        }
    }
    Ok(done)
}

/// Packages in dependency order, ties in the order given: positions into `packages`.
///
/// # Errors
/// A cycle (with its path).
pub fn package_order(packages: &[&PackageInfo]) -> Result<Vec<usize>, GraphError> {
    let position = |name: &str| packages.iter().position(|package| package.name == name);
    let needs: Vec<BTreeSet<usize>> = packages
        .iter()
        .enumerate()
        .map(|(own, package)| {
            let found = package.dependencies().into_iter().filter_map(|dependency| position(&dependency.package));
            found.filter(|other| *other != own).collect()
        })
        .collect();
    let mut order: Vec<usize> = Vec::with_capacity(packages.len());
    while order.len() < packages.len() {
        let open = |index: &usize| !order.contains(index);
        let ready = (0..packages.len())
            .filter(open)
            .find(|index| needs.get(*index).is_some_and(|needs| needs.iter().all(|need| order.contains(need))));
        match ready {
            Some(index) => order.push(index),
            None => {
                let name = |index: usize| packages.get(index).map_or("", |package| package.name.as_str());
                let next = |id: &str| {
                    let needs = needs.get(position(id)?)?;
                    needs.iter().copied().find(|need| !order.contains(need)).map(name)
                };
                let start = (0..packages.len()).find(open).map(name).unwrap_or_default();
                return Err(GraphError::Cycle { what: "packages", path: cycle(start, next) });
            }
        }
    }
    Ok(order)
}

/// Follows `next` from `start` until a member comes up again and returns that loop.
fn cycle<'a>(start: &'a str, next: impl Fn(&str) -> Option<&'a str>) -> Vec<String> {
    let mut path = vec![start];
    let mut at = start;
    while let Some(following) = next(at) {
        if let Some(first) = path.iter().position(|id| *id == following) {
            path.push(following);
            return path.into_iter().skip(first).map(str::to_owned).collect();
        }
        path.push(following);
        at = following;
    }
    path.into_iter().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests;
