//! What a database holds, as text to compare.

use ptah_wasm::dialect::Dialect;

use crate::target::TestTarget;

/// Every table with its definition and its rows, sorted. Of the history only what was applied counts, without what
/// differs from run to run; of the journal nothing but its rows.
pub async fn dump(target: &TestTarget) -> String {
    let mut text = String::new();
    for table in target.tables().await {
        let rows = match table.as_str() {
            "ptah_db_history" => history(target).await,
            "ptah_db_objects" => {
                target.fetch("SELECT kind, name, package, step, on_package, on_revision FROM ptah_db_objects").await
            }
            _ => target.fetch(&format!("SELECT * FROM {}", quoted(target, &table))).await,
        };
        let mut rows: Vec<String> = rows
            .into_iter()
            .map(|row| row.into_iter().map(|value| value.unwrap_or_else(|| "NULL".into())).collect::<Vec<_>>())
            .map(|row| row.join(" | "))
            .collect();
        rows.sort();
        text.push_str(&format!("== {table}\n{}\n{}\n", definition(target, &table).await, rows.join("\n")));
    }
    text
}

/// Everything, with every column of every row: to hold that nothing at all was changed.
pub async fn whole(target: &TestTarget) -> String {
    let mut text = dump(target).await;
    for table in target.tables().await {
        for row in target.fetch(&format!("SELECT * FROM {}", quoted(target, &table))).await {
            text.push_str(&format!("{row:?}\n"));
        }
    }
    text
}

async fn history(target: &TestTarget) -> Vec<Vec<Option<String>>> {
    let sql = "SELECT package, kind, step, heads_before, heads_after, component_digest, plan_digest, schema_digest, \
               operations, statements FROM ptah_db_history WHERE outcome = 'applied' AND kind <> 'discard-journal'";
    target.fetch(sql).await
}

fn quoted(target: &TestTarget, name: &str) -> String {
    match target.dialect() {
        Dialect::Mariadb => format!("`{name}`"),
        _ => format!("\"{name}\""),
    }
}

async fn definition(target: &TestTarget, table: &str) -> String {
    let rows = match target.dialect() {
        Dialect::Sqlite => {
            let sql = format!("SELECT type, name, sql FROM sqlite_schema WHERE tbl_name = '{table}' ORDER BY 1, 2");
            target.fetch(&sql).await
        }
        Dialect::Postgres => {
            let sql = format!(
                "SELECT 'column', column_name, concat_ws(' ', data_type, character_maximum_length, is_nullable, \
                 column_default) FROM information_schema.columns \
                 WHERE table_schema = current_schema() AND table_name = '{table}' \
                 UNION ALL SELECT 'constraint', conname, pg_get_constraintdef(oid) FROM pg_constraint \
                 WHERE conrelid = '\"{table}\"'::regclass \
                 UNION ALL SELECT 'index', indexname, indexdef FROM pg_indexes \
                 WHERE schemaname = current_schema() AND tablename = '{table}' ORDER BY 1, 2"
            );
            target.fetch(&sql).await
        }
        Dialect::Mariadb => target.fetch(&format!("SHOW CREATE TABLE `{table}`")).await,
    };
    let text: Vec<String> = rows.into_iter().flatten().flatten().collect();
    // How far an AUTO_INCREMENT counted is not part of a table's shape.
    let kept = text.join(" ");
    let kept = kept.split(' ').filter(|word| !word.starts_with("AUTO_INCREMENT="));
    kept.collect::<Vec<_>>().join(" ")
}
