//! What a database holds, as text to compare.

use ptah_wasm::dialect::Dialect;

use crate::target::TestTarget;

/// Every table with its definition and its rows, sorted. Of the history only what was applied counts, without what
/// differs from run to run.
pub async fn dump(target: &TestTarget) -> String {
    text(target, |table| match table {
        "ptah_db_history" => "SELECT package, kind, step, heads_before, heads_after, component_digest, plan_digest, \
                              schema_digest, operations, statements FROM ptah_db_history \
                              WHERE outcome = 'applied' AND kind <> 'discard-journal'"
            .to_owned(),
        "ptah_db_objects" => {
            "SELECT kind, name, package, step, on_package, on_revision FROM ptah_db_objects".to_owned()
        }
        _ => rows_of(target, table),
    })
    .await
}

/// As [`dump`], and the whole history in order, failures too, but for times and the hashes that follow from them.
pub async fn dump_with_history(target: &TestTarget) -> String {
    let columns = "package, kind, step, heads_before, heads_after, outcome, error, actor, host, component_digest, \
                   plan_digest, schema_digest, fuel, operations, statements, seed, runner_version";
    let history = target.fetch(&format!("SELECT {columns} FROM ptah_db_history ORDER BY id")).await;
    let line =
        |row: &Vec<Option<String>>| row.iter().map(|value| value.as_deref().unwrap_or("NULL").to_owned()).collect();
    let lines: Vec<String> =
        history.iter().map(|row| -> Vec<String> { line(row) }).map(|row| row.join(" | ")).collect();
    format!("{}== history\n{}\n", dump(target).await, lines.join("\n"))
}

/// The lines that only one of two dumps has: `-` for the first, `+` for the second. None if they are equal.
pub fn difference(one: &str, other: &str) -> Option<String> {
    let only = |mark: char, these: &str, those: &str| -> Vec<String> {
        let those: Vec<&str> = those.lines().collect();
        these.lines().filter(|line| !those.contains(line)).map(|line| format!("{mark} {line}")).collect()
    };
    if one == other {
        return None;
    }
    let lines = [only('-', one, other), only('+', other, one)].concat();
    Some(if lines.is_empty() { "the same lines, in another order or number".into() } else { lines.join("\n") })
}

/// Everything, with every column of every row: to hold that nothing at all was changed.
pub async fn whole(target: &TestTarget) -> String {
    text(target, |table| rows_of(target, table)).await
}

fn rows_of(target: &TestTarget, table: &str) -> String {
    format!("SELECT * FROM {}", quoted(target, table))
}

async fn text(target: &TestTarget, rows: impl Fn(&str) -> String) -> String {
    let tables = target.tables().await;
    let queries: Vec<String> = tables.iter().flat_map(|table| [definition(target, table), rows(table)]).collect();
    let answers = target.fetch_all(&queries).await;
    let mut text = String::new();
    for (table, answers) in tables.iter().zip(answers.chunks(2)) {
        let words: Vec<&str> = answers[0].iter().flatten().flatten().flat_map(|text| text.split(' ')).collect();
        // How far an AUTO_INCREMENT counted is not part of a table's shape.
        let words: Vec<&str> = words.into_iter().filter(|word| !word.starts_with("AUTO_INCREMENT=")).collect();
        let value = |value: &Option<String>| value.clone().unwrap_or_else(|| "NULL".into());
        let line = |row: &Vec<Option<String>>| row.iter().map(value).collect::<Vec<_>>().join(" | ");
        let mut rows: Vec<String> = answers[1].iter().map(line).collect();
        rows.sort();
        text.push_str(&format!("== {table}\n{}\n{}\n", words.join(" "), rows.join("\n")));
    }
    text
}

fn quoted(target: &TestTarget, name: &str) -> String {
    match target.dialect() {
        Dialect::Mariadb => format!("`{name}`"),
        _ => format!("\"{name}\""),
    }
}

/// The query of a table's definition.
fn definition(target: &TestTarget, table: &str) -> String {
    match target.dialect() {
        Dialect::Sqlite => {
            format!("SELECT type, name, sql FROM sqlite_schema WHERE tbl_name = '{table}' ORDER BY 1, 2")
        }
        Dialect::Postgres => format!(
            "SELECT 'column', column_name, concat_ws(' ', data_type, character_maximum_length, is_nullable, \
             column_default) FROM information_schema.columns \
             WHERE table_schema = current_schema() AND table_name = '{table}' \
             UNION ALL SELECT 'constraint', conname, pg_get_constraintdef(oid) FROM pg_constraint \
             WHERE conrelid = '\"{table}\"'::regclass \
             UNION ALL SELECT 'index', indexname, indexdef FROM pg_indexes \
             WHERE schemaname = current_schema() AND tablename = '{table}' ORDER BY 1, 2"
        ),
        Dialect::Mariadb => format!("SHOW CREATE TABLE `{table}`"),
    }
}
