//! What an operator is told about a step that was refused or cut short.

use crate::database::DatabaseError;
use crate::dialect::REBUILT;
use crate::sandbox::visible;
use crate::store::{FlightState, InFlight};

/// What is left of a step that was one transaction.
pub(super) const ROLLED_BACK: &str = "\n  the step is rolled back";

/// What an interrupt between two steps leaves.
pub(super) const NOT_BEGUN: &str = "nothing of this step was applied";

/// What an end that is nobody's fault leaves of a step that asks for rows, where statements commit by themselves.
pub(super) const GOES_ON: &str = "the next run of the package goes on with this step";

/// What is left of a step that was refused and taken back.
pub(super) const UNDONE: &str = "\n  what the step had applied was undone";

/// What to do about a step of which a part stands.
pub(super) const PARTIAL: &str = "what was applied stands, as not all of it can be undone; put the rows or the package \
    right and run again: a plan that begins with the statements applied goes on after them (see `ptah-wasm repair`)";

/// The account of a step that was refused half way, or that only its package can end, for the operator.
pub(super) fn account(step: &InFlight) -> String {
    if step.is_left_open() {
        let what = head(step, "was cut short");
        return format!("{what}: it asks for rows, so only the same run of the same package goes on with it");
    }
    let error = step.error.as_deref().unwrap_or("the database did not say why");
    format!("{}: {error}", head(step, "stands half done"))
}

/// A step that was announced and not finished, for one who only looks: it may be under way right now.
pub(super) fn unfinished(step: &InFlight) -> String {
    let what = match step.state {
        FlightState::Running => "is under way or was cut short",
        FlightState::Undoing => "is being undone, or that was cut short",
        FlightState::Refused => "stands half done",
    };
    format!("{}: {}", step.package, head(step, what))
}

/// A step whose tables look like nothing that it made of them.
pub(super) fn unknown(step: &InFlight) -> String {
    format!(
        "{}: the tables {} look neither as before nor as after any statement of it, so somebody else changed them; \
         `ptah-wasm repair --discard` forgets the step and leaves them as they are",
        head(step, "was cut short"),
        step.earlier.keys().cloned().collect::<Vec<_>>().join(", ")
    )
}

/// A step that was taken back and left something all the same.
pub(super) fn not_as_before(step: &InFlight) -> String {
    format!(
        "{}: it was taken back, but the tables {} do not all look as before; `ptah-wasm repair --discard` forgets it and \
         leaves them as they are",
        head(step, "was undone"),
        step.earlier.keys().cloned().collect::<Vec<_>>().join(", ")
    )
}

fn head(step: &InFlight, what: &str) -> String {
    format!(
        "{} {} {what}, partial {} of {}, started {} by {}",
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
        // A table that is built anew is the table to whoever reads it.
        DatabaseError::Refused { code, message } => format!("{} ({code})", message.replace(REBUILT, "")),
        other => other.to_string(),
    }
}
