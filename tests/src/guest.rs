//! [`GuestPackage`]: any package, well behaved or hostile, as the bytes of a component, without compiling
//! one.
//!
//! A step is a list of actions: calls of the contract made by the functions here (their tables and columns
//! are built as in `ptah-guest`), and every other [`Action`], such as `Action::Loop`.
//!
//! ```
//! use ptah_wasm_tests::guest::*;
//!
//! let bytes = GuestPackage::new("minicms")
//!     .revision("001", &[], "Create pages")
//!     .upgrade([
//!         create_table("pages", |t| {
//!             t.id("id");
//!             t.varchar("title", 200).not_null();
//!         }),
//!         bulk_insert("pages", ["title"], [("Home",), ("About",)]),
//!     ])
//!     .downgrade([drop_table("pages")])
//!     .revision("002", &["001"], "Add summary")
//!     .depends_on("crowd:001")
//!     .upgrade([
//!         fails(ErrorKind::AlreadyExists, add_column("pages", Column::text("title"))),
//!         add_column("pages", Column::text("summary")),
//!         execute(r#"UPDATE "pages" SET "summary" = ? WHERE "id" = ?"#, ("Start", 1)),
//!     ])
//!     .populate("ptah-db-schema", [create_table("pages", |t| { t.id("id"); })])
//!     .populate("spin", [Action::Loop])
//!     .inactive()
//!     .build();
//! assert!(bytes.starts_with(b"\0asm"));
//! ```

use std::borrow::Borrow;

use ptah_guest::bindings::exports::ptah::migration::migration::{PackageInfo, PopulateStep, Revision};
pub use ptah_guest::bindings::ptah::migration::log::Level;
pub use ptah_guest::prelude::{Cascade, NoAction, Restrict, SetNull};
pub use ptah_guest::{
    AnswerColumn, Check, Column, ColumnChanges, ColumnInfo, ColumnType, Comment, Computed, ComputedStorage, Constraint,
    ConstraintSelector, DefaultValue, Demand, Dialect, EnumType, Error, ForeignKey, Index, IndexKey, IndexOrder,
    IndexPart, LabelPlace, NumericType, PrimaryKey, ReferentialAction, Refusal, RefusalKind, Row, SqlSyntax, SqlText,
    Table, UniqueConstraint, Value, now, sql, target_sql,
};
pub use scripted::script::{Action, CAPACITY, ErrorKind};

/// The component whose script is replaced; built by `example-packages/build.sh`.
const SCRIPTED: &[u8] = include_bytes!("../guests/scripted.wasm");

/// A package in the making. What it says of itself is not checked: `describe` answers it as it is.
#[derive(Clone, Debug)]
pub struct GuestPackage {
    info: PackageInfo,
    steps: Vec<(String, Vec<Action>)>,
    last: Last,
}

#[derive(Clone, Copy, Debug)]
enum Last {
    Nothing,
    Revision,
    Populate,
}

impl GuestPackage {
    /// A package of this name without revisions, titled like its name, version `1.0`.
    pub fn new(name: &str) -> GuestPackage {
        let info = PackageInfo {
            name: name.into(),
            title: name.into(),
            version: "1.0".into(),
            revisions: Vec::new(),
            populate_steps: Vec::new(),
        };
        GuestPackage { info, steps: Vec::new(), last: Last::Nothing }
    }

    /// Sets the title.
    pub fn title(mut self, title: &str) -> GuestPackage {
        self.info.title = title.into();
        self
    }

    /// Sets the version.
    pub fn version(mut self, version: &str) -> GuestPackage {
        self.info.version = version.into();
        self
    }

    /// Adds a revision whose upgrade and downgrade do nothing until they are said.
    pub fn revision(mut self, id: &str, down_revisions: &[&str], message: &str) -> GuestPackage {
        self.info.revisions.push(Revision {
            id: id.into(),
            down_revisions: owned(down_revisions),
            message: message.into(),
            depends_on: Vec::new(),
        });
        self.last = Last::Revision;
        self.step("upgrade", id, []).step("downgrade", id, [])
    }

    /// Sets what the upgrade of the last revision does.
    pub fn upgrade(self, actions: impl Into<Vec<Action>>) -> GuestPackage {
        let id = self.last_revision();
        self.step("upgrade", &id, actions)
    }

    /// Sets what the downgrade of the last revision does.
    pub fn downgrade(self, actions: impl Into<Vec<Action>>) -> GuestPackage {
        let id = self.last_revision();
        self.step("downgrade", &id, actions)
    }

    /// Adds an active populate step.
    pub fn populate(mut self, name: &str, actions: impl Into<Vec<Action>>) -> GuestPackage {
        self.info.populate_steps.push(PopulateStep {
            name: name.into(),
            title: name.into(),
            active: true,
            requires: Vec::new(),
            depends_on: Vec::new(),
        });
        self.last = Last::Populate;
        self.step("populate", name, actions)
    }

    /// Makes the last populate step run only when it is named.
    pub fn inactive(mut self) -> GuestPackage {
        self.last_populate().active = false;
        self
    }

    /// Makes the last populate step require another one.
    pub fn requires(mut self, step: &str) -> GuestPackage {
        self.last_populate().requires.push(step.into());
        self
    }

    /// Makes the last revision or populate step depend on `package:revision`.
    pub fn depends_on(mut self, revision: &str) -> GuestPackage {
        match self.last {
            Last::Revision => self.info.revisions.last_mut().unwrap().depends_on.push(revision.into()),
            Last::Populate => self.last_populate().depends_on.push(revision.into()),
            Last::Nothing => panic!("no revision or populate step was added yet"),
        }
        self
    }

    /// Sets what happens before `describe` answers. An error there is a trap.
    pub fn describe(mut self, actions: impl Into<Vec<Action>>) -> GuestPackage {
        self.steps.push(("describe".into(), actions.into()));
        self
    }

    /// The component.
    pub fn build(&self) -> Vec<u8> {
        let mut component = SCRIPTED.to_vec();
        scripted::script::write(&mut component, &self.info, &self.steps).unwrap();
        component
    }

    fn step(mut self, direction: &str, name: &str, actions: impl Into<Vec<Action>>) -> GuestPackage {
        let key = format!("{direction}:{name}");
        let actions = actions.into();
        // Mostly it is the last or the one before: a thousand revisions are added in linear time.
        match self.steps.iter_mut().rev().take(2).find(|(known, _)| *known == key) {
            Some((_, known)) => *known = actions,
            None => self.steps.push((key, actions)),
        }
        self
    }

    fn last_revision(&self) -> String {
        self.info.revisions.last().expect("a revision was added").id.clone()
    }

    fn last_populate(&mut self) -> &mut PopulateStep {
        self.info.populate_steps.last_mut().expect("a populate step was added")
    }
}

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_string()).collect()
}

/// `schema.create-table`.
pub fn create_table(name: &str, define: impl FnOnce(&mut Table)) -> Action {
    let mut table = Table::new(name);
    define(&mut table);
    Action::CreateTable(table)
}

/// `schema.drop-table`.
pub fn drop_table(name: &str) -> Action {
    Action::DropTable(name.into())
}

/// `schema.rename-table`.
pub fn rename_table(name: &str, new_name: &str) -> Action {
    Action::RenameTable(name.into(), new_name.into())
}

/// `schema.add-column`.
pub fn add_column(table: &str, column: impl Borrow<Column>) -> Action {
    Action::AddColumn(table.into(), column.borrow().clone())
}

/// `schema.drop-column`.
pub fn drop_column(table: &str, name: &str) -> Action {
    Action::DropColumn(table.into(), name.into())
}

/// `schema.rename-column`.
pub fn rename_column(table: &str, name: &str, new_name: &str) -> Action {
    Action::RenameColumn(table.into(), name.into(), new_name.into())
}

/// `schema.alter-column`.
pub fn alter_column(table: &str, name: &str, changes: impl Borrow<ColumnChanges>) -> Action {
    Action::AlterColumn(table.into(), name.into(), changes.borrow().clone())
}

/// `schema.create-index`.
pub fn create_index(table: &str, index: impl Borrow<Index>) -> Action {
    Action::CreateIndex(table.into(), index.borrow().clone(), None)
}

/// `schema.create-index`, online.
pub fn create_index_online(table: &str, index: impl Borrow<Index>, demand: Demand) -> Action {
    Action::CreateIndex(table.into(), index.borrow().clone(), Some(demand))
}

/// `schema.drop-index`.
pub fn drop_index(table: &str, name: &str) -> Action {
    Action::DropIndex(table.into(), name.into(), None)
}

/// `schema.drop-index`, online.
pub fn drop_index_online(table: &str, name: &str, demand: Demand) -> Action {
    Action::DropIndex(table.into(), name.into(), Some(demand))
}

/// `schema.create-constraint`.
pub fn create_constraint(table: &str, constraint: impl Into<Constraint>) -> Action {
    Action::CreateConstraint(table.into(), constraint.into())
}

/// `schema.drop-constraint`.
pub fn drop_constraint(table: &str, which: ConstraintSelector) -> Action {
    Action::DropConstraint(table.into(), which)
}

/// `data.bulk-insert`; a row is a tuple.
pub fn bulk_insert<const N: usize, R: Row>(
    table: &str,
    columns: [&str; N],
    rows: impl IntoIterator<Item = R>,
) -> Action {
    let rows = rows.into_iter().map(Row::into_values).collect();
    Action::BulkInsert(table.into(), owned(&columns), rows)
}

/// `schema.ddl-text`.
pub fn ddl_text(statement: impl Into<SqlText>) -> Action {
    Action::DdlText(statement.into())
}

/// `schema.create-enum`.
pub fn create_enum(of: &EnumType) -> Action {
    Action::CreateEnum(of.name.clone().unwrap_or_default(), of.labels.clone())
}

/// `schema.drop-enum`.
pub fn drop_enum(name: &str) -> Action {
    Action::DropEnum(name.into())
}

/// `schema.add-enum-value` at the end.
pub fn add_enum_value(name: &str, label: &str) -> Action {
    Action::AddEnumValue(name.into(), label.into(), LabelPlace::End)
}

/// `data.execute`; the parameters are a tuple.
pub fn execute(statement: impl Into<SqlText>, parameters: impl Row) -> Action {
    Action::Execute(statement.into(), parameters.into_values())
}

/// `rows.query`, whose rows must be these.
pub fn expect_rows<R: Row>(
    query: impl Into<SqlText>,
    parameters: impl Row,
    rows: impl IntoIterator<Item = R>,
) -> Action {
    let rows: Vec<_> = rows.into_iter().map(Row::into_values).collect();
    let pages = if rows.is_empty() { Vec::new() } else { vec![rows] };
    Action::ExpectPages(query.into(), parameters.into_values(), 1_000, pages)
}

/// `rows.query`; its rows are then inserted into columns of a table.
pub fn insert_answer<const N: usize>(
    query: impl Into<SqlText>,
    parameters: impl Row,
    table: &str,
    columns: [&str; N],
) -> Action {
    Action::InsertAnswer(query.into(), parameters.into_values(), table.into(), owned(&columns))
}

/// The actions only if `rows.query` answers with a row.
pub fn if_rows(query: impl Into<SqlText>, parameters: impl Row, actions: impl Into<Vec<Action>>) -> Action {
    Action::IfRows(query.into(), parameters.into_values(), actions.into())
}

/// `data.execute`, and then `rows.touched` must be this.
pub fn expect_touched(statement: impl Into<SqlText>, parameters: impl Row, rows: u64) -> Action {
    Action::ExpectTouched(vec![(statement.into(), parameters.into_values(), rows)])
}

/// `rows.attempt`, which must be refused for this; without one its error, if any, is the step's.
pub fn attempt(statement: impl Into<SqlText>, parameters: impl Row, refused: Option<RefusalKind>) -> Action {
    Action::Attempt(statement.into(), parameters.into_values(), refused)
}

/// `data.execute`, and then `rows.drawn` must be this.
pub fn expect_drawn(statement: impl Into<SqlText>, parameters: impl Row, number: i64) -> Action {
    Action::ExpectDrawn(statement.into(), parameters.into_values(), number)
}

/// The action must fail with an error of this kind; then the step goes on.
pub fn fails(kind: ErrorKind, action: Action) -> Action {
    Action::Fails(kind, Box::new(action))
}

/// The action's error, if any, is taken no notice of.
pub fn ignore(action: Action) -> Action {
    Action::Ignore(Box::new(action))
}

/// A package of so many revisions in a line, `r0001` and on. The first revision of each table makes it, every other one
/// adds a column.
pub fn long(name: &str, revisions: usize, per_table: usize) -> GuestPackage {
    let mut package = GuestPackage::new(name);
    for at in 0..revisions {
        let (id, table, place) = (format!("r{:04}", at + 1), format!("table_{}", at / per_table), at % per_table);
        let before: Vec<String> = (at > 0).then(|| format!("r{at:04}")).into_iter().collect();
        let before: Vec<&str> = before.iter().map(String::as_str).collect();
        package = package.revision(&id, &before, "One more");
        package = match place {
            0 => package
                .upgrade([create_table(&table, |t| {
                    t.id("id");
                })])
                .downgrade([drop_table(&table)]),
            _ => {
                let column = format!("column_{place}");
                package
                    .upgrade([add_column(&table, Column::varchar(&column, 50))])
                    .downgrade([drop_column(&table, &column)])
            }
        };
    }
    package
}
