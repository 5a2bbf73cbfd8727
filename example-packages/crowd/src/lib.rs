//! The users of a site: two revisions from an empty base, no populate steps.

use ptah_guest::prelude::*;

fn package() -> Package {
    Package::new("crowd", "Crowd", "1.0.0")
        .revision(Revision::new("001", "Create users").upgrade(create_users).downgrade(drop_users))
        .revision(Revision::new("002", "Add email").revises("001").upgrade(add_email).downgrade(drop_email))
}

fn create_users(op: &mut Op) -> Result<()> {
    op.create_table("users", |t| {
        t.id("id");
        t.varchar("name", 100).not_null();
        t.boolean("active").not_null().default(true);
        t.timestamp_tz("joined").not_null().default(now());
        t.unique(["name"]);
        t.check(r#"length("name") > 0"#);
    })
}

fn drop_users(op: &mut Op) -> Result<()> {
    op.drop_table("users")
}

fn add_email(op: &mut Op) -> Result<()> {
    op.add_column("users", Column::varchar("email", 254))?;
    op.create_index("users", Index::new("users_email", ["email"]).unique())
}

fn drop_email(op: &mut Op) -> Result<()> {
    op.drop_index("users", "users_email")?;
    op.drop_column("users", "email")
}

ptah_guest::export!(package);
