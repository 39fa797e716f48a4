//! How a turn begins and ends, as its events tell it. No log keeps the end: the response says it.

use std::sync::Arc;

use loquat_domain::{Ended, EventKind, Response, Status};

/// Where a turn stands at its first event.
pub(crate) fn at_first(background: bool) -> Status {
    if background { Status::Queued } else { Status::InProgress }
}

/// A response as it was at its first event.
pub(crate) fn as_begun(response: Response) -> Response {
    let status = at_first(response.background);
    Response { status, usage: None, completed_at: None, ..response }
}

/// The events of a turn's beginning, up to where it waits or works.
pub(crate) fn beginning(background: bool) -> [EventKind; 2] {
    let stands = if background { EventKind::Queued } else { EventKind::InProgress };
    [EventKind::Created, stands]
}

/// The events of a turn's end.
pub(crate) fn ending(ended: Arc<Ended>) -> impl Iterator<Item = EventKind> {
    let failure = match &ended.response.status {
        Status::Failed(failure) => Some(EventKind::Failed(failure.clone())),
        _ => None,
    };
    failure.into_iter().chain([EventKind::Ended(ended)])
}

/// How many events a turn's end has.
pub(crate) fn ending_events(status: &Status) -> u64 {
    if matches!(status, Status::Failed(_)) { 2 } else { 1 }
}
