//! The pages of a site. The first table is older than the first revision, so `ptah-base-schema` makes what
//! revision 001 starts from, and `ptah-db-schema` makes at once what all revisions lead to.

use ptah_guest::prelude::*;

fn package() -> Package {
    Package::new("minicms", "Mini CMS", "1.0.0")
        .revision(Revision::new("001", "Add column").upgrade(add_content).downgrade(drop_content))
        .revision(
            Revision::new("002", "Move data")
                .revises("001")
                .depends_on("crowd:001")
                .upgrade(move_body_to_content)
                .downgrade(move_content_to_body),
        )
        .populate(Populate::new(Populate::BASE_SCHEMA, "Tables before the first revision", base_schema).inactive())
        .populate(Populate::new(Populate::SCHEMA, "Tables", latest_schema).depends_on("crowd:001"))
        .populate(Populate::new("demo-pages", "Sample pages", demo_pages).requires(Populate::SCHEMA))
}

fn base_schema(op: &mut Op) -> Result<()> {
    op.create_table("pages", define_pages)?;
    create_pages_index(op)
}

fn latest_schema(op: &mut Op) -> Result<()> {
    op.create_table("pages", |t| {
        define_pages(t);
        t.text("content");
    })?;
    create_pages_index(op)?;
    create_page_authors(op)
}

fn demo_pages(op: &mut Op) -> Result<()> {
    op.bulk_insert("pages", ["title", "content"], [("Home", "Welcome."), ("About", "A small site.")])
}

/// The columns and constraints that `pages` has had from the beginning.
fn define_pages(t: &mut Table) {
    t.id("id");
    t.varchar("title", 200).not_null();
    t.text("body");
    t.timestamp_tz("created").not_null().default(now());
    t.unique(["title"]);
    t.check(r#"length("title") > 0"#);
}

fn create_pages_index(op: &mut Op) -> Result<()> {
    op.create_index("pages", Index::new("pages_created", ["created"]))
}

fn add_content(op: &mut Op) -> Result<()> {
    op.add_column("pages", Column::text("content"))
}

fn drop_content(op: &mut Op) -> Result<()> {
    op.drop_column("pages", "content")
}

fn move_body_to_content(op: &mut Op) -> Result<()> {
    op.execute(r#"UPDATE "pages" SET "content" = "body" WHERE "content" IS NULL"#, ())?;
    op.execute(r#"UPDATE "pages" SET "body" = NULL"#, ())?;
    create_page_authors(op)
}

fn move_content_to_body(op: &mut Op) -> Result<()> {
    op.drop_table("page_authors")?;
    op.execute(r#"UPDATE "pages" SET "body" = "content""#, ())?;
    op.execute(r#"UPDATE "pages" SET "content" = NULL"#, ())?;
    Ok(())
}

fn create_page_authors(op: &mut Op) -> Result<()> {
    op.create_table("page_authors", |t| {
        t.big_integer("page").not_null();
        t.big_integer("author").not_null();
        t.primary_key(["page", "author"]);
        t.foreign_key(["page"], "pages", ["id"]).on_delete(Cascade);
        t.foreign_key(["author"], "users", ["id"]).on_delete(Cascade);
    })?;
    op.create_index("page_authors", Index::new("page_authors_author", ["author"]))
}

ptah_guest::export!(package);
