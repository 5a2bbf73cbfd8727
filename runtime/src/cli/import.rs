//! `ptah-wasm import`.

use super::CliError;
use super::output::Output;
use crate::import::{self, AlembicImport, ImportError, Imported};

pub(super) async fn alembic(output: &Output, args: AlembicImport) -> Result<(), CliError> {
    // In a thread of its own: signals are watched in this one. The Python that is at work hears of them too.
    let done = tokio::task::spawn_blocking(move || import::alembic(&args)).await;
    let (imported, error) =
        done.unwrap_or_else(|error| (Imported::default(), Some(ImportError::Other(error.to_string()))));
    for finding in &imported.findings {
        output.finding(finding);
    }
    if let Some(error) = error {
        return Err(CliError::Import { error, findings: imported.findings });
    }
    if output.is_json() {
        return output.document(&imported);
    }
    let Imported { package, version, folder, component, revisions, heads, .. } = &imported;
    let heads = match heads.as_slice() {
        [head] => format!("head {head}"),
        heads => format!("heads {}", heads.join(", ")),
    };
    let count = match revisions.len() {
        1 => "1 revision".to_owned(),
        count => format!("{count} revisions"),
    };
    output.line(&format!("package: {package} {version}, {count}, {heads}"))?;
    for (what, path) in [("folder", folder), ("component", component)] {
        if let Some(path) = path {
            output.line(&format!("{what}: {path}"))?;
        }
    }
    if let (Some(folder), Some(_)) = (folder, component) {
        output.note(&format!("run it with: ptah-wasm upgrade --limits-profile language-runtime {folder}"));
    }
    Ok(())
}
