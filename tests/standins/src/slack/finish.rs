//! The end of a story: nothing may be left unanswered or not understood.

use super::people::is_answered;
use super::rows::Upload;
use super::state::{Shared, State};
use anyhow::bail;

/// Waits for answers on their way, then lists what is wrong.
pub(crate) async fn finish(shared: &Shared) -> anyhow::Result<()> {
    let settled =
        shared.wait("everything to be answered", |state| unanswered(state).is_empty().then_some(())).await;
    let mut problems = shared.read(|state| state.complaints.clone());
    if settled.is_err() {
        problems.extend(shared.read(unanswered));
    }
    problems.extend(shared.read(left_over));
    if problems.is_empty() {
        return Ok(());
    }
    bail!("the story does not end well:\n- {}", problems.join("\n- "))
}

/// Lists what the app still owes: an acknowledgement, an answer, the end of an upload.
fn unanswered(state: &State) -> Vec<String> {
    let heard = |event: &Option<String>| {
        event.is_some()
            && state.deliveries.values().any(|row| row.event == *event && row.ack.is_some() && !row.overdue)
    };
    let late = state.deliveries.values().filter(|row| !row.excused && !heard(&row.event));
    let late = late.filter_map(|row| match (&row.ack, row.overdue) {
        (Some(ack), true) => {
            Some(format!("{}: acknowledged only after {:?} ({})", row.label, ack.after, row.kind))
        }
        (Some(_), false) => None,
        (None, _) => {
            Some(format!("{}: not acknowledged ({}, attempt {})", row.label, row.kind, row.attempt + 1))
        }
    });
    let silent = state.interactions.iter().filter(|row| !row.excused && !is_answered(state, row));
    let silent = silent.map(|row| format!("{}: saw no answer", row.label));
    let uploads = state.files.values().filter(|row| row.upload != Upload::Complete);
    let uploads = uploads.map(|row| format!("the upload of {} was begun and never completed", row.name));
    late.chain(silent).chain(uploads).collect()
}

/// Lists what was prepared and never used.
fn left_over(state: &State) -> Vec<String> {
    state.faults.iter().filter_map(super::faults::Fault::unused).collect()
}
