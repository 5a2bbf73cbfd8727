//! Write [ptah-wasm](https://github.com/ptah-wasm/ptah-wasm) migration packages in Rust.
//!
//! A package is a function that returns a [`Package`]: what it is called, its revisions with their
//! two functions, its populate steps. [`export!`] turns it into a component.
//!
//! ```
//! use ptah_guest::prelude::*;
//!
//! fn package() -> Package {
//!     Package::new("minicms", "Mini CMS", "1.0.0")
//!         .revision(Revision::new("001", "Create pages").upgrade(create_pages).downgrade(drop_pages))
//!         .revision(
//!             Revision::new("002", "Add summary")
//!                 .revises("001")
//!                 .upgrade(|op| op.add_column("pages", Column::text("summary")))
//!                 .downgrade(|op| op.drop_column("pages", "summary")),
//!         )
//! }
//!
//! fn create_pages(op: &mut Op) -> Result<()> {
//!     op.create_table("pages", |t| {
//!         t.id("id");
//!         t.varchar("title", 200).not_null();
//!         t.text("body").not_null().default("");
//!         t.timestamp_tz("created").not_null().default(now());
//!         t.unique(["title"]);
//!         t.check(r#"length("title") > 0"#);
//!     })?;
//!     op.create_index("pages", Index::new("pages_created", ["created"]))?;
//!     op.bulk_insert("pages", ["title", "body"], [("Home", "Welcome"), ("About", "Us")])
//! }
//!
//! fn drop_pages(op: &mut Op) -> Result<()> {
//!     op.drop_table("pages")
//! }
//!
//! ptah_guest::export!(package);
//! ```
//!
//! An error of a call can be handed on with `?`, which ends the step, or looked at: [`Error`] is the
//! contract's own. A step is a deterministic function of what its calls return; it sees no file, no
//! socket and no clock but [`Op::started`].
//!
//! The records and enums here (columns, constraints, values, …) are those of the contract
//! `ptah:migration`, with methods to build them.

extern crate self as ptah_guest;

#[doc(hidden)]
#[allow(
    unsafe_code,
    missing_docs,
    unreachable_pub,
    clippy::all,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "generated: the canonical ABI takes raw pointers, and this is the only place for it"
)]
pub mod bindings;
mod op;
mod package;
mod rows;
mod table;
mod value;

#[doc(hidden)]
pub use wit_bindgen::rt as __rt;

pub use bindings::ptah::migration::inspect::ColumnInfo;
pub use bindings::ptah::migration::rows::AnswerColumn;
pub use bindings::ptah::migration::schema::{ColumnChanges, CommentChange, DefaultChange, LabelPlace};
pub use bindings::ptah::migration::types::{
    Check, Column, ColumnType, Comment, Computed, ComputedStorage, Constraint, ConstraintSelector, DefaultValue,
    Demand, Dialect, EnumType, Error, ForeignKey, Index, IndexKey, IndexOrder, IndexPart, NumericType, PrimaryKey,
    ReferentialAction, Refusal, RefusalKind, SqlSyntax, SqlText, Table, UniqueConstraint, Value,
};
pub use op::Op;
pub use package::{Package, Populate, Revision, Step};
pub use rows::{FromValue, Record, Rows, Statement};
pub use value::{Row, now, sql, target_sql};

/// Compiles what the README shows.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

/// What a step returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Everything that most packages use.
pub mod prelude {
    pub use crate::ReferentialAction::{Cascade, NoAction, Restrict, SetNull};
    pub use crate::{
        Check, Column, ColumnChanges, ColumnType, Comment, Constraint, ConstraintSelector, Demand, Dialect, Error,
        ForeignKey, Index, Op, Package, Populate, PrimaryKey, Result, Revision, Table, UniqueConstraint, Value, now,
        sql, target_sql,
    };
}

/// Logs what a panic says before it ends the step; without it the operator sees a bare trap.
#[doc(hidden)]
pub fn __report_panics() {
    #[cfg(target_family = "wasm")]
    std::panic::set_hook(Box::new(|panic| {
        use bindings::ptah::migration::log;
        log::message(log::Level::Warn, &panic.to_string());
    }));
}

/// Makes the component's exports from a function that returns the [`Package`]. Said once, in the
/// crate root of a `cdylib`. On other targets than wasm it only checks the types.
#[macro_export]
macro_rules! export {
    ($package:path) => {
        const _: () = {
            use $crate::bindings::exports::ptah::migration::migration;

            const PACKAGE: fn() -> $crate::Package = $package;
            const _: fn() -> $crate::Package = PACKAGE;

            struct Exported;

            impl migration::Guest for Exported {
                fn describe() -> migration::PackageInfo {
                    $crate::__report_panics();
                    PACKAGE().__describe()
                }
                fn populate(step: ::std::string::String) -> $crate::Result<()> {
                    $crate::__report_panics();
                    PACKAGE().__populate(&step)
                }
                fn upgrade(revision: ::std::string::String) -> $crate::Result<()> {
                    $crate::__report_panics();
                    PACKAGE().__upgrade(&revision)
                }
                fn downgrade(revision: ::std::string::String) -> $crate::Result<()> {
                    $crate::__report_panics();
                    PACKAGE().__downgrade(&revision)
                }
            }

            #[cfg(target_family = "wasm")]
    $crate::bindings::__export_migrations!(Exported with_types_in $crate::bindings);
        };
    };
}
