//! What an operator is told about a step that was refused or cut short.

use crate::database::DatabaseError;
use crate::sandbox::visible;
use crate::store::{FlightState, InFlight};

/// What to do about a step that left part of itself.
pub(super) const SETTLE: &str = "put the schema as it was before the step, then run again with `--discard-journal`";

/// The account of a step that was cut short, for the operator.
pub(super) fn account(step: &InFlight) -> String {
    let total = step.statements.len();
    let what = match (step.state, &step.error) {
        (FlightState::Refused, message) => {
            format!("the database refused this statement: {}", message.as_deref().unwrap_or("it did not say why"))
        }
        (FlightState::Running, _) if step.position >= total => {
            "all its statements were applied, but it was not recorded".to_owned()
        }
        (FlightState::Running, _) => {
            "the runner ended while this statement was in flight; it may or may not have been applied".to_owned()
        }
    };
    let statement = step.statements.get(step.position).map(|sql| format!("\n  {}", cut(sql))).unwrap_or_default();
    format!(
        "{} {} {} was cut short, partial {} of {total}, started {} by {}: {what}{statement}\n  {SETTLE}",
        step.package,
        step.kind.as_str(),
        step.step,
        step.position,
        step.started,
        step.holder
    )
}

/// A step that was announced and not finished, for one who only looks: it may be under way right now.
pub(super) fn unfinished(step: &InFlight) -> String {
    format!(
        "{}: {} {} is under way or was cut short, partial {} of {}, started {} by {}",
        step.package,
        step.kind.as_str(),
        step.step,
        step.position,
        step.statements.len(),
        step.started,
        step.holder
    )
}

/// A statement for a message. Its lines are set in, as one of them may look like a message of the runner.
pub(super) fn cut(sql: &str) -> String {
    let mut shown: String = sql.chars().take(500).collect();
    if shown.len() < sql.len() {
        shown.push('…');
    }
    visible(&shown).replace('\n', "\n      ")
}

/// What a database answered, for a sentence that says already that it refused a statement.
pub(super) fn refusal(error: &DatabaseError) -> String {
    match error {
        DatabaseError::Refused { code, message } => format!("{message} ({code})"),
        other => other.to_string(),
    }
}
