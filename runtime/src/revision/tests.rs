//! The revision graph: orders, refusals, and any graph up and down again.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use proptest::prelude::*;

use super::*;

fn revision(id: &str, down: &[&str]) -> Revision {
    Revision {
        id: id.into(),
        down_revisions: down.iter().map(|id| (*id).into()).collect(),
        message: String::new(),
        depends_on: Vec::new(),
    }
}

fn heads(ids: &[&str]) -> BTreeSet<String> {
    ids.iter().map(|id| (*id).to_owned()).collect()
}

fn ids(moves: &[Move<'_>]) -> Vec<String> {
    moves.iter().map(|step| step.revision.id.clone()).collect()
}

#[test]
fn a_line_runs_in_order_and_back() {
    let line = [revision("b", &["a"]), revision("a", &[]), revision("c", &["b"])];
    let graph = Graph::new("own", &line).unwrap();
    let up = graph.upgrade(&heads(&[]), &Goal::Head).unwrap();
    assert_eq!(ids(&up), ["a", "b", "c"]);
    assert_eq!((up[1].remove.clone(), up[1].add.clone()), (vec!["a".to_owned()], vec!["b".to_owned()]));
    assert_eq!(ids(&graph.upgrade(&heads(&["a"]), &Goal::Revision("b".into())).unwrap()), ["b"]);
    assert_eq!(graph.upgrade(&heads(&["c"]), &Goal::Head).unwrap(), []);
    let down = graph.downgrade(&heads(&["c"]), Some("a")).unwrap();
    assert_eq!(ids(&down), ["c", "b"]);
    assert_eq!(down[1].add, ["a"]);
    assert_eq!(graph.downgrade(&heads(&["a"]), None).unwrap()[0].add, Vec::<String>::new());
}

#[test]
fn bad_graphs_are_refused_with_what_is_wrong() {
    let duplicate = [revision("a", &[]), revision("a", &[])];
    assert_eq!(Graph::new("own", &duplicate).unwrap_err(), GraphError::Duplicate("a".into()));
    let missing = [revision("a", &["z"])];
    assert!(matches!(Graph::new("own", &missing).unwrap_err(), GraphError::Disconnected { .. }));
    let looped = [revision("a", &["c"]), revision("b", &["a"]), revision("c", &["b"]), revision("d", &["a"])];
    let GraphError::Cycle { path, .. } = Graph::new("own", &looped).unwrap_err() else { panic!("no cycle") };
    assert_eq!(path, ["a", "c", "b", "a"]);
    let own = [revision("a", &["a"])];
    let GraphError::Cycle { path, .. } = Graph::new("own", &own).unwrap_err() else { panic!("no cycle") };
    assert_eq!(path, ["a", "a"]);
}

fn depending(id: &str, down: &[&str], on: &[&str]) -> Revision {
    let on = on.iter().map(|on| on.split_once(':').unwrap_or(("own", on)));
    let depends_on = on.map(|(package, id)| Dependency { package: package.into(), revision: id.into() }).collect();
    Revision { depends_on, ..revision(id, down) }
}

#[test]
fn what_a_revision_depends_on_in_its_package_comes_before_it_and_stays_a_head() {
    let lines = [
        revision("z1", &[]),
        revision("z2", &["z1"]),
        revision("z3", &["z2"]),
        depending("a1", &[], &["z2", "other:x"]),
        depending("a2", &["a1"], &[]),
        revision("m", &["a2", "z3"]),
    ];
    let graph = Graph::new("own", &lines).unwrap();
    let to = |id: &str| Goal::Revision(id.to_owned());
    let order: Vec<&str> = graph.order().iter().map(|revision| revision.id.as_str()).collect();
    assert_eq!(order, ["z1", "z2", "a1", "a2", "z3", "m"]);
    let up = graph.upgrade(&heads(&[]), &to("a2")).unwrap();
    assert_eq!(ids(&up), ["z1", "z2", "a1", "a2"]);
    assert!(up[2].remove.is_empty(), "both are heads: {:?}", up[2]);
    assert_eq!(ids(&graph.upgrade(&heads(&["z2", "a2"]), &Goal::Head).unwrap()), ["z3", "m"]);
    // What it depends on may be the last of its line; what is before that may not.
    assert_eq!(ids(&graph.downgrade(&heads(&["m"]), Some("z2")).unwrap()), ["m", "z3"]);
    assert_eq!(ids(&graph.downgrade(&heads(&["a2", "z3"]), Some("z1")).unwrap()), ["z3", "a2", "a1", "z2"]);
    assert_eq!(ids(&graph.downgrade(&heads(&["m"]), None).unwrap()), ["m", "z3", "a2", "a1", "z2", "z1"]);
    assert_eq!(lines[3].depends_elsewhere("own"), [Dependency { package: "other".into(), revision: "x".into() }]);

    let lacking = [depending("a", &[], &["q"])];
    let missing = GraphError::Lacking { revision: "a".into(), missing: "q".into() };
    assert_eq!(Graph::new("own", &lacking).unwrap_err(), missing);
    let looped = [depending("a", &[], &["b"]), revision("b", &["a"])];
    let GraphError::Cycle { path, .. } = Graph::new("own", &looped).unwrap_err() else { panic!("no cycle") };
    assert_eq!(path, ["a", "b", "a"]);
    assert!(Graph::new("another", &looped).is_ok());
}

#[test]
fn targets_that_make_no_sense_are_refused() {
    let line = [revision("a", &[]), revision("b", &["a"]), revision("x", &["a"])];
    let graph = Graph::new("own", &line).unwrap();
    let to = |id: &str| Goal::Revision(id.to_owned());
    assert!(matches!(graph.upgrade(&heads(&[]), &Goal::Head), Err(GraphError::SeveralHeads { .. })));
    assert_eq!(ids(&graph.upgrade(&heads(&[]), &to("x")).unwrap()), ["a", "x"]);
    assert!(matches!(graph.upgrade(&heads(&["b"]), &to("a")), Err(GraphError::Behind { .. })));
    assert!(matches!(graph.upgrade(&heads(&["b"]), &to("q")), Err(GraphError::UnknownRevision(_))));
    assert!(matches!(graph.upgrade(&heads(&["q"]), &to("b")), Err(GraphError::UnknownRecorded(_))));
    assert!(matches!(graph.downgrade(&heads(&["b"]), Some("x")), Err(GraphError::NotApplied { .. })));
}

#[test]
fn branches_keep_one_row_a_head_and_merges_join_them() {
    let diamond = [revision("a", &[]), revision("b", &["a"]), revision("c", &["a"]), revision("d", &["b", "c"])];
    let graph = Graph::new("own", &diamond).unwrap();
    let second = graph.upgrade(&heads(&["b"]), &Goal::Revision("c".into())).unwrap();
    assert_eq!((ids(&second), second[0].remove.len()), (vec!["c".to_owned()], 0));
    let merge = graph.upgrade(&heads(&["b", "c"]), &Goal::Head).unwrap();
    assert_eq!(merge[0].remove, ["b", "c"]);
    let down = graph.downgrade(&heads(&["d"]), Some("a")).unwrap();
    assert_eq!(ids(&down), ["d", "c", "b"]);
    assert_eq!(
        (down[0].add.clone(), down[1].add.clone(), down[2].add.clone()),
        (vec!["b".to_owned(), "c".to_owned()], vec![], vec!["a".to_owned()])
    );
}

#[test]
fn populate_steps_run_after_what_they_require() {
    let step = |name: &str, requires: &[&str]| PopulateStep {
        name: name.into(),
        title: String::new(),
        active: true,
        requires: requires.iter().map(|id| (*id).into()).collect(),
        depends_on: Vec::new(),
    };
    let steps = [step("a", &["b", "c"]), step("b", &["c"]), step("c", &[]), step("x", &["y"]), step("y", &["x"])];
    let names: Vec<_> = populate_order(&steps, &["a"]).unwrap().iter().map(|step| step.name.as_str()).collect();
    assert_eq!(names, ["c", "b", "a"]);
    let GraphError::Cycle { path, .. } = populate_order(&steps, &["x"]).unwrap_err() else { panic!("no cycle") };
    assert_eq!(path, ["x", "y", "x"]);
    assert!(matches!(populate_order(&steps, &["q"]), Err(GraphError::UnknownPopulateStep(_))));
}

proptest! {
    #[test]
    fn any_graph_without_cycles_goes_up_and_down_again(parents in prop::collection::vec(prop::collection::vec(0usize..40, 0..3), 1..40)) {
        let revisions: Vec<Revision> = parents.iter().enumerate().map(|(own, parents)| {
            let down: Vec<String> = parents.iter().filter(|_| own > 0).map(|parent| format!("r{}", parent % own)).collect();
            let down: Vec<&str> = down.iter().map(String::as_str).collect();
            revision(&format!("r{own}"), &down)
        }).collect();
        let graph = Graph::new("own", &revisions).unwrap();
        let mut recorded = BTreeSet::new();
        for head in graph.heads() {
            for step in graph.upgrade(&recorded, &Goal::Revision(head.to_owned())).unwrap() {
                for parent in &step.revision.down_revisions {
                    prop_assert!(graph.applied(&recorded).unwrap().contains(parent.as_str()));
                }
                for id in &step.remove { prop_assert!(recorded.remove(id)); }
                recorded.extend(step.add);
            }
        }
        prop_assert_eq!(graph.applied(&recorded).unwrap().len(), revisions.len());
        let mut rest: BTreeSet<String> = graph.heads().into_iter().map(str::to_owned).collect();
        prop_assert_eq!(&rest, &recorded);
        for step in graph.downgrade(&recorded, None).unwrap() {
            for id in &step.remove { prop_assert!(rest.remove(id)); }
            rest.extend(step.add);
            prop_assert!(!graph.applied(&rest).unwrap().contains(step.revision.id.as_str()));
        }
        prop_assert!(rest.is_empty());
    }
}
