//! Tables exactly as SQLAlchemy 2.1 renders them (`CreateTable`, `CreateIndex`), taken over by a package that says the
//! same in the contract's words.

use ptah_wasm_tests::{on_databases, on_every_database};

use super::*;

const SQLITE: &str = "CREATE TABLE members (
    id INTEGER NOT NULL,
    email VARCHAR(200) NOT NULL,
    active BOOLEAN DEFAULT 1 NOT NULL,
    banned BOOLEAN DEFAULT '0' NOT NULL,
    visits INTEGER DEFAULT '0' NOT NULL,
    kind VARCHAR(5) DEFAULT 'new' NOT NULL,
    balance NUMERIC(10, 2) DEFAULT '0.00',
    joined DATETIME DEFAULT CURRENT_TIMESTAMP NOT NULL,
    seen DATETIME,
    wakes TIME,
    born DATE,
    ratio DOUBLE,
    token CHAR(32),
    data JSON,
    photo BLOB,
    note TEXT,
    PRIMARY KEY (id),
    CHECK (balance >= 0),
    UNIQUE (email)
);
CREATE TABLE posts (
    id INTEGER NOT NULL,
    author_id INTEGER NOT NULL,
    editor_id INTEGER,
    parent_id INTEGER,
    title VARCHAR(100) NOT NULL,
    PRIMARY KEY (id),
    FOREIGN KEY(author_id) REFERENCES members (id) ON DELETE CASCADE,
    FOREIGN KEY(editor_id) REFERENCES members (id),
    FOREIGN KEY(parent_id) REFERENCES posts (id)
);
CREATE INDEX ix_posts_editor_id ON posts (editor_id);
CREATE INDEX ix_posts_title ON posts (title);";

const POSTGRES: &str = "CREATE TABLE members (
    id SERIAL NOT NULL,
    email VARCHAR(200) NOT NULL,
    active BOOLEAN DEFAULT true NOT NULL,
    banned BOOLEAN DEFAULT '0' NOT NULL,
    visits INTEGER DEFAULT '0' NOT NULL,
    kind VARCHAR(5) DEFAULT 'new' NOT NULL,
    balance NUMERIC(10, 2) DEFAULT '0.00',
    joined TIMESTAMP WITHOUT TIME ZONE DEFAULT now() NOT NULL,
    seen TIMESTAMP WITH TIME ZONE,
    wakes TIME WITHOUT TIME ZONE,
    born DATE,
    ratio DOUBLE PRECISION,
    token UUID,
    data JSON,
    photo BYTEA,
    note TEXT,
    PRIMARY KEY (id),
    CHECK (balance >= 0),
    UNIQUE (email)
);
CREATE TABLE posts (
    id SERIAL NOT NULL,
    author_id INTEGER NOT NULL,
    editor_id INTEGER,
    parent_id INTEGER,
    title VARCHAR(100) NOT NULL,
    PRIMARY KEY (id),
    FOREIGN KEY(author_id) REFERENCES members (id) ON DELETE CASCADE,
    FOREIGN KEY(editor_id) REFERENCES members (id),
    FOREIGN KEY(parent_id) REFERENCES posts (id)
);
CREATE INDEX ix_posts_editor_id ON posts (editor_id);
CREATE INDEX ix_posts_title ON posts (title);";

const MARIADB: &str = "CREATE TABLE members (
    id INTEGER NOT NULL AUTO_INCREMENT,
    email VARCHAR(200) NOT NULL,
    active BOOL NOT NULL DEFAULT true,
    banned BOOL NOT NULL DEFAULT '0',
    visits INTEGER NOT NULL DEFAULT '0',
    kind VARCHAR(5) NOT NULL DEFAULT 'new',
    balance NUMERIC(10, 2) DEFAULT '0.00',
    joined DATETIME NOT NULL DEFAULT (now()),
    seen DATETIME,
    wakes TIME,
    born DATE,
    ratio DOUBLE,
    token UUID,
    data JSON,
    photo BLOB,
    note TEXT,
    PRIMARY KEY (id),
    CHECK (balance >= 0),
    UNIQUE (email)
);
CREATE TABLE posts (
    id INTEGER NOT NULL AUTO_INCREMENT,
    author_id INTEGER NOT NULL,
    editor_id INTEGER,
    parent_id INTEGER,
    title VARCHAR(100) NOT NULL,
    PRIMARY KEY (id),
    FOREIGN KEY(author_id) REFERENCES members (id) ON DELETE CASCADE,
    FOREIGN KEY(editor_id) REFERENCES members (id),
    FOREIGN KEY(parent_id) REFERENCES posts (id)
);
CREATE INDEX ix_posts_editor_id ON posts (editor_id);
CREATE INDEX ix_posts_title ON posts (title);";

/// What SQLAlchemy's models say.
fn club() -> GuestPackage {
    GuestPackage::new("club")
        .populate(
            "ptah-base-schema",
            [
                create_table("members", |t| {
                    t.integer("id").not_null().auto_increment();
                    t.varchar("email", 200).not_null();
                    t.boolean("active").not_null().default(true);
                    t.boolean("banned").not_null().default(false);
                    t.integer("visits").not_null().default(0);
                    t.varchar("kind", 5).not_null().default("new");
                    t.numeric("balance", 10, 2).default(sql("0.00"));
                    t.timestamp("joined").not_null().default(now());
                    t.timestamp_tz("seen");
                    t.time("wakes");
                    t.date("born");
                    t.double("ratio");
                    t.uuid("token");
                    t.json("data");
                    t.binary("photo");
                    t.text("note");
                    t.primary_key(["id"]);
                    t.unique(["email"]);
                    t.check("balance >= 0");
                }),
                create_table("posts", |t| {
                    t.integer("id").not_null().auto_increment();
                    t.integer("author_id").not_null();
                    t.integer("editor_id");
                    t.integer("parent_id");
                    t.varchar("title", 100).not_null();
                    t.primary_key(["id"]);
                    t.foreign_key(["author_id"], "members", ["id"]).on_delete(Cascade);
                    t.foreign_key(["editor_id"], "members", ["id"]);
                    t.foreign_key(["parent_id"], "posts", ["id"]);
                }),
                create_index("posts", Index::new("ix_posts_editor_id", ["editor_id"])),
                create_index("posts", Index::new("ix_posts_title", ["title"])),
            ],
        )
        .revision("001", &[], "Add nick")
        .upgrade([
            add_column("members", Column::varchar("nick", 50)),
            // On MariaDB it takes the place of the foreign key's own index.
            create_index("posts", Index::new("by_author", ["author_id", "title"])),
        ])
        .downgrade([drop_column("members", "nick")])
}

async fn make(target: &TestTarget) {
    target
        .execute(match target.dialect() {
            Dialect::Sqlite => SQLITE,
            Dialect::Postgres => POSTGRES,
            Dialect::Mariadb => MARIADB,
        })
        .await;
    let rows =
        "INSERT INTO members (email, joined, wakes) VALUES ('eve@example.org', '2026-01-02 03:04:05', '06:30:00')";
    target.execute(rows).await;
    target.execute("INSERT INTO posts (author_id, title) VALUES (1, 'Hello')").await;
}

/// The row of `members`, each moment without its fraction.
async fn eve(target: &TestTarget) -> Vec<Option<String>> {
    let sql = match target.dialect() {
        Dialect::Mariadb => {
            "SELECT email, CAST(joined AS CHAR(19)), CAST(wakes AS CHAR(8)), CAST(visits AS CHAR) FROM members"
        }
        _ => "SELECT email, CAST(joined AS TEXT), CAST(wakes AS TEXT), CAST(visits AS TEXT) FROM members",
    };
    target.fetch(sql).await.remove(0)
}

on_every_database! {
    async fn they_are_adopted_and_an_upgrade_goes_on_from_there(target: &TestTarget) {
        let run = Run::on(target);
        make(target).await;
        let club = run.open(&club());
        let before = run.everything().await;
        assert_says(run.upgrade(&club).await, &["(members, posts)", "equal base", "`--adopt` takes them over"]);
        assert_eq!(run.everything().await, before);
        run.populate_as(&adopting(&club)).await.unwrap();
        let altered = if target.dialect() == Dialect::Mariadb { " (altered members, posts)" } else { "" };
        assert_eq!(run.said(), [format!("club: adopted members, posts{altered}, stamped base")]);
        run.model_holds("club").await;
        let row = ["eve@example.org", "2026-01-02 03:04:05", "06:30:00", "0"].map(|text| Some(text.to_owned()));
        assert_eq!(eve(target).await, row);
        run.upgrade(&club).await.unwrap();
        assert_eq!(run.said(), ["club: running upgrade None -> 001, Add nick"]);
        run.model_holds("club").await;
        assert_eq!(eve(target).await, row);
    }
}

on_databases! {
    [postgres mariadb] async fn a_foreign_key_and_its_column_go_as_if_the_package_had_made_them(target: &TestTarget) {
        let run = Run::on(target);
        make(target).await;
        let package = club().revision("002", &["001"], "Drop parents").upgrade([
            drop_constraint("posts", ConstraintSelector::foreign_key_of(["parent_id"])),
            drop_column("posts", "parent_id"),
        ]);
        run.upgrade_as(adopting(&run.open(&package))).await.unwrap();
        run.model_holds("club").await;
    }

    [mariadb] async fn what_adopting_alters_is_said_beforehand(target: &TestTarget) {
        let run = Run::on(target);
        make(target).await;
        let club = run.open(&club());
        let before = run.everything().await;
        assert_says(run.upgrade(&club).await, &["takes them over, and alters members, posts without loss, as `--dry-run`"]);
        let plans = run.migrator.plan_upgrade(&[adopting(&club)]).await.unwrap();
        let statements: Vec<&str> = plans[0].steps[0].plan.statements().map(|one| one.sql.as_str()).collect();
        assert_eq!(
            statements,
            [
                "ALTER TABLE `members` MODIFY COLUMN `joined` DATETIME(6) NOT NULL DEFAULT (CURRENT_TIMESTAMP(6))",
                "ALTER TABLE `members` MODIFY COLUMN `seen` DATETIME(6)",
                "ALTER TABLE `members` MODIFY COLUMN `wakes` TIME(6)",
                "ALTER TABLE `posts` RENAME INDEX `author_id` TO `posts_ibfk_1`",
                "ALTER TABLE `posts` RENAME INDEX `parent_id` TO `posts_ibfk_3`",
            ]
        );
        assert_eq!(run.everything().await, before);
    }

    [mariadb] async fn what_would_lose_something_is_left_to_the_operator(target: &TestTarget) {
        let run = Run::on(target);
        make(target).await;
        target.execute("ALTER TABLE members MODIFY seen TIMESTAMP NULL").await;
        target.execute("ALTER TABLE posts RENAME INDEX parent_id TO mine").await;
        let club = run.open(&club());
        let before = run.everything().await;
        let parts = [
            "equal no revision; nearest is base",
            "table members: column seen: type is timestamp, expected datetime(6)",
            "table posts: index mine (over parent_id) is to be called posts_ibfk_3",
        ];
        assert_says(run.upgrade_as(adopting(&club)).await, &parts);
        assert!(!text(run.upgrade_as(adopting(&club)).await).contains("joined"));
        assert_eq!(run.everything().await, before);
        target.execute("ALTER TABLE members MODIFY seen DATETIME(6)").await;
        target.execute("ALTER TABLE posts RENAME INDEX mine TO posts_ibfk_3").await;
        run.upgrade_as(adopting(&club)).await.unwrap();
        run.model_holds("club").await;
    }

    [mariadb] async fn a_refused_alteration_of_an_adoption_leaves_all_as_it_was(target: &TestTarget) {
        let run = Run::on(target);
        make(target).await;
        target.execute("SET sql_mode = ''; INSERT INTO members (email, joined) VALUES ('x', '0000-00-00 00:00:00')").await;
        let club = run.open(&club());
        let parts = ["club: adopt: on ", "the database refused statement 1 of 5", "what the step had applied was undone"];
        assert_says(run.upgrade_as(adopting(&club)).await, &parts);
        target.execute("DELETE FROM members WHERE email = 'x'").await;
        run.upgrade_as(adopting(&club)).await.unwrap();
        assert_eq!(run.versions().await, ["club 001"]);
        run.model_holds("club").await;
    }
}
