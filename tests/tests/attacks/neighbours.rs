//! Others who may write to the same database: what they leave there must not decide what a step means.

use ptah_wasm::database::Target;
use ptah_wasm_tests::target::TestTarget;

use super::*;

/// The error of connecting to this database after somebody left something in it, if there is one.
fn error_after(sql: &'static str) -> Option<String> {
    let found = std::sync::Mutex::new(None);
    ptah_wasm_tests::target::run(Dialect::Postgres, async |target: &TestTarget| {
        target.execute("CREATE SCHEMA north").await;
        target.execute(sql).await;
        let url = format!("{}?schema=north", target.url());
        *found.lock().unwrap() = match Target::parse(&url).unwrap().connect_to_change().await {
            Ok(connection) => {
                connection.close().await;
                None
            }
            Err(error) => Some(error.to_string()),
        };
    });
    found.into_inner().unwrap()
}

#[test]
fn a_decoy_of_a_function_or_operator_is_never_called_on_postgres() {
    for (decoy, named) in [
        (
            "CREATE FUNCTION north.lower(varchar) RETURNS text LANGUAGE sql AS 'SELECT ''decoy''::text'",
            "lower(character varying)",
        ),
        (
            "CREATE FUNCTION north.setval(regclass, integer) RETURNS bigint LANGUAGE sql AS 'SELECT 1::bigint'",
            "setval(",
        ),
        (
            "CREATE FUNCTION north.pg_get_expr(pg_node_tree, integer) RETURNS text LANGUAGE sql AS 'SELECT ''''::text'",
            "pg_get_expr(",
        ),
        (
            "CREATE FUNCTION north.f(varchar, varchar) RETURNS boolean LANGUAGE sql AS 'SELECT true';
             CREATE OPERATOR north.= (leftarg = varchar, rightarg = varchar, function = north.f)",
            "=(character varying,character varying)",
        ),
        (
            "CREATE FUNCTION north.f(anyelement, text) RETURNS text LANGUAGE sql AS 'SELECT $2';
             CREATE OPERATOR north.|| (leftarg = anyelement, rightarg = text, function = north.f)",
            "||(anyelement,text)",
        ),
        (
            "CREATE TYPE north.mood AS ENUM ('sad');
             CREATE FUNCTION north.f(north.mood, text) RETURNS boolean LANGUAGE sql AS 'SELECT true';
             CREATE OPERATOR north.= (leftarg = north.mood, rightarg = text, function = north.f)",
            "=(north.mood,text)",
        ),
        (
            "CREATE TYPE north.mood AS ENUM ('sad');
             CREATE FUNCTION north.f(bigint, north.mood) RETURNS bigint LANGUAGE sql AS 'SELECT 1::bigint';
             CREATE AGGREGATE north.count(north.mood) (sfunc = north.f, stype = bigint)",
            "count(north.mood)",
        ),
    ] {
        let error = error_after(decoy).unwrap_or_else(|| panic!("{named} was taken"));
        assert!(error.contains(named) && error.contains("in place of PostgreSQL's own"), "{error}");
    }
}

#[test]
fn what_no_statement_would_call_is_no_trouble_on_postgres() {
    for harmless in [
        "SELECT 1",
        "CREATE FUNCTION north.lowest(varchar) RETURNS text LANGUAGE sql AS 'SELECT ''x''::text'",
        "CREATE FUNCTION public.lower(varchar) RETURNS text LANGUAGE sql AS 'SELECT ''decoy''::text'",
        "CREATE TYPE north.mood AS ENUM ('sad'); CREATE FUNCTION north.lower(north.mood) RETURNS text LANGUAGE sql AS 'SELECT ''x''::text'",
        "CREATE FUNCTION north.f(text, text) RETURNS boolean LANGUAGE sql AS 'SELECT true';
         CREATE OPERATOR north.% (leftarg = text, rightarg = text, function = north.f)",
        "CREATE FUNCTION north.f(int[], int[]) RETURNS boolean LANGUAGE sql AS 'SELECT true';
         CREATE OPERATOR north.- (leftarg = int[], rightarg = int[], function = north.f)",
    ] {
        assert_eq!(error_after(harmless), None, "{harmless}");
    }
}
