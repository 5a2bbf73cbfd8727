//! DDL as scripts write it, in each database's own words: the model after it is what the database says.

use ptah_wasm::dialect::Dialect;
use ptah_wasm::operation::{ParseLimits, parse_ddl};
use ptah_wasm_tests::on_every_database;

use crate::twin::Twin;

const SQLITE: &[&str] = &[
    "CREATE TABLE files (id CHAR(32) NOT NULL, name VARCHAR(40) NOT NULL, size INTEGER NOT NULL, made DATETIME, \
     PRIMARY KEY (id), CONSTRAINT uq UNIQUE (name, size))",
    "CREATE TABLE notes (id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, file CHAR(32) REFERENCES files (id) ON DELETE CASCADE)",
    "CREATE INDEX ix ON files (size DESC, lower(name)) WHERE size > 0",
    "ALTER TABLE files ADD COLUMN kind VARCHAR(10) DEFAULT 'x' NOT NULL",
    "ALTER TABLE files RENAME COLUMN made TO born",
    "ALTER TABLE files RENAME TO docs",
    "ALTER TABLE docs DROP COLUMN born",
];

const POSTGRES: &[&str] = &[
    "CREATE TABLE files (id UUID NOT NULL, name VARCHAR(40) NOT NULL, size INTEGER NOT NULL, made TIMESTAMP WITH TIME ZONE, \
     PRIMARY KEY (id), CONSTRAINT uq UNIQUE (name, size))",
    "CREATE TABLE notes (id SERIAL PRIMARY KEY, file UUID REFERENCES files (id) ON DELETE CASCADE)",
    "ALTER TABLE files ALTER COLUMN size TYPE BIGINT USING size::bigint",
    "CREATE INDEX ix ON files USING btree (size DESC, lower(name)) WHERE size > 0",
    "ALTER TABLE files ADD COLUMN kind VARCHAR(10) DEFAULT 'x'::varchar NOT NULL, ALTER COLUMN made SET NOT NULL",
    "ALTER TABLE files ALTER kind DROP DEFAULT, ADD CONSTRAINT sized CHECK (size IS NOT NULL AND (size > 1) IS TRUE)",
    "ALTER TABLE files RENAME COLUMN made TO born",
    "ALTER TABLE files DROP CONSTRAINT uq",
    "ALTER TABLE files RENAME TO docs",
    "ALTER INDEX files_pkey RENAME TO docs_pkey",
    "ALTER TABLE docs DROP COLUMN size",
];

const MARIADB: &[&str] = &[
    "CREATE TABLE `files` (id INT NOT NULL, name VARCHAR(40) NOT NULL, size INTEGER NOT NULL, on_it TINYINT(1), made DATETIME(6), \
     PRIMARY KEY (id), UNIQUE KEY `uq` (name, size), KEY ix (size)) ENGINE=InnoDB",
    "CREATE TABLE notes (id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, file INT, FOREIGN KEY (file) REFERENCES files (id))",
    "ALTER TABLE files MODIFY name VARCHAR(80) NOT NULL DEFAULT 'x'",
    "ALTER TABLE files DROP INDEX `uq`, ADD UNIQUE KEY `uq` (`name`)",
    "ALTER TABLE notes ADD n INT NOT NULL, ADD UNIQUE KEY ix_file (file, n)",
    "ALTER TABLE notes DROP INDEX ix_file, ADD UNIQUE KEY ix_file (file)",
    "ALTER TABLE files CHANGE made born DATETIME(6) NULL COMMENT 'when', ADD COLUMN kind INT",
    "ALTER TABLE files ADD CHECK (on_it IS NOT FALSE AND NOT (on_it IS TRUE))",
    "DROP INDEX ix ON files",
    "CREATE TABLE pairs (a INT NOT NULL, b INT NOT NULL, PRIMARY KEY (a))",
    "ALTER TABLE pairs DROP PRIMARY KEY,ADD PRIMARY KEY(a, b);",
    "ALTER TABLE pairs RENAME TO couples",
    "ALTER TABLE files DROP COLUMN on_it",
];

on_every_database! {
    async fn ddl_that_is_read_leaves_what_the_database_says(target: &TestTarget) {
        let mut twin = Twin::new(target).await;
        let texts = match target.dialect() {
            Dialect::Sqlite => SQLITE,
            Dialect::Postgres => POSTGRES,
            Dialect::Mariadb => MARIADB,
        };
        for text in texts {
            for ddl in parse_ddl(target.dialect().grammar(), &ParseLimits::DEFAULT, text).unwrap().parts {
                if let Some(op) = twin.planner().ddl(ddl).unwrap() {
                    twin.must(op).await;
                }
            }
        }
    }
}
