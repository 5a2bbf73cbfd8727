//! The package that is disturbed: every kind of statement, in steps of several.

use ptah_wasm_tests::guest::*;

/// How many steps it has.
pub(crate) const STEPS: usize = 7;

/// Creates, seeds, alters, updates, indexes, builds tables anew (on SQLite) with rows that refer to them, renames, drops.
pub(crate) fn chain() -> GuestPackage {
    GuestPackage::new("chain")
        .revision("001", &[], "Create")
        .upgrade([
            create_table("author", |t| {
                t.id("id");
                t.varchar("name", 50).not_null();
            }),
            create_table("book", |t| {
                t.id("id");
                t.varchar("title", 80).not_null();
                t.big_integer("author");
                t.foreign_key(["author"], "author", ["id"]).on_delete(Cascade);
            }),
            bulk_insert("author", ["name"], [("Ann",), ("Bob",), ("Cleo",)]),
            bulk_insert("book", ["title", "author"], [("One", 1), ("Two", 2), ("Three", 2)]),
        ])
        .revision("002", &["001"], "Widen")
        .upgrade([
            add_column("book", Column::integer("pages")),
            execute(r#"UPDATE "book" SET "pages" = "id" * 100"#, ()),
            create_index("book", Index::new("book_pages", ["pages"])),
            rename_column("author", "name", "full_name"),
            add_column("author", Column::text("about")),
            execute(r#"UPDATE "author" SET "about" = "full_name""#, ()),
            execute(r#"DELETE FROM "book" WHERE "id" = 2"#, ()),
        ])
        .revision("003", &["002"], "Rebuild")
        .upgrade([
            alter_column(
                "author",
                "full_name",
                ColumnChanges::new().set_type(ColumnType::Varchar(Some(200))).set_nullable(),
            ),
            create_constraint("book", Check::new(sql(r#""pages" > 0"#)).named("book_has_pages")),
            execute(r#"UPDATE "author" SET "about" = NULL WHERE "id" = 1"#, ()),
        ])
        .revision("004", &["003"], "Move")
        .upgrade([
            create_table("shelf", |t| {
                t.id("id");
                t.integer("number").not_null();
            }),
            bulk_insert("shelf", ["number"], [(7,), (8,)]),
            rename_table("shelf", "rack"),
            drop_index("book", "book_pages"),
            add_column("rack", Column::text("spare")),
            drop_column("rack", "spare"),
            bulk_insert("book", ["id", "title", "author", "pages"], [(10, "Ten", 1, 10)]),
        ])
        .revision("005", &["004"], "Swap")
        .upgrade([
            create_table("left", |t| {
                t.integer("number").not_null();
            }),
            create_table("right", |t| {
                t.integer("number").not_null();
            }),
            bulk_insert("left", ["number"], [(1,)]),
            bulk_insert("right", ["number"], [(2,)]),
            // Afterwards all looks as before, and the rows are elsewhere.
            rename_table("left", "middle"),
            rename_table("right", "left"),
            rename_table("middle", "right"),
        ])
        .revision("006", &["005"], "Ask")
        .upgrade([
            expect_rows("SELECT count(*) AS n FROM book WHERE pages > 0", (), [(3,)]),
            create_table("draft", |t| {
                t.id("id");
                t.varchar("name", 200);
                t.integer("books");
            }),
            insert_answer("SELECT full_name FROM author ORDER BY id", (), "draft", ["name"]),
            expect_touched("UPDATE draft SET books = 1 WHERE name <> ?", ("Cleo",), 2),
            attempt("INSERT INTO draft (id, name) VALUES (1, 'Again')", (), Some(RefusalKind::Unique)),
            attempt("UPDATE draft SET books = 1 WHERE books = 1", (), None),
            rename_table("draft", "tally"),
            if_rows(
                "SELECT id FROM tally WHERE books IS NULL",
                (),
                [
                    add_column("tally", Column::text("note")),
                    execute("UPDATE tally SET note = name WHERE books IS NULL", ()),
                ],
            ),
            // Numbered on from those before.
            insert_answer("SELECT title FROM book ORDER BY id", (), "tally", ["name"]),
            expect_rows("SELECT max(id) AS id, count(note) AS notes FROM tally", (), [(6, 1)]),
            drop_column("tally", "note"),
        ])
        .revision("007", &["006"], "Online")
        .upgrade([
            add_column("book", Column::varchar("code", 100)),
            execute(r#"UPDATE "book" SET "code" = "title""#, ()),
            create_index_online("book", Index::new("book_code", ["code"]).unique(), Demand::IfSupported),
            create_index_online("book", Index::new("book_many", ["pages", "code"]), Demand::IfSupported),
            execute(r#"UPDATE "book" SET "pages" = "pages" + 1"#, ()),
            drop_index_online("book", "book_many", Demand::IfSupported),
            // There before and after: only the journal tells.
            create_index_online("author", Index::new("author_name", ["full_name"]), Demand::IfSupported),
            drop_index_online("author", "author_name", Demand::IfSupported),
            create_index_online("author", Index::new("author_name", ["full_name"]), Demand::IfSupported),
        ])
}
