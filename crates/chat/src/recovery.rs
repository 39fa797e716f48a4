//! Turns whose process died are brought to their end by another, or by the next.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use loquat_context::TokenCounter as _;
use loquat_domain::{IncompleteReason, ItemStatus, Response, Status, Usage};
use loquat_store::{CheckpointLog, FinishTurn, StaleTurn, StoreError, json::EventEncoder};

use crate::{ending::beginning, periodic, service::Inner, transcript::Transcript};

/// Pause between two looks for stale turns: with the lease, the time after which a dead process no
/// longer holds up its conversations.
const PAUSE: Duration = Duration::from_secs(1);

/// The most turns that one look brings to their end.
const BATCH: u32 = 64;

/// Looks for stale turns until the service is gone.
pub(crate) async fn run(service: Weak<Inner>) {
    // After a crash under load there are more of them than one look finds.
    periodic::run(service, PAUSE, BATCH, recover).await;
}

/// Returns how many turns were ended.
async fn recover(inner: Arc<Inner>) -> u32 {
    let stale = match inner.ports.upkeep.stale_turns(BATCH).await {
        Ok(stale) => stale,
        Err(error) => {
            let error: &dyn std::error::Error = &error;
            tracing::warn!(error, "stale turns could not be looked for");
            return 0;
        }
    };
    let mut ended = 0;
    for turn in stale {
        // Ours, and alive: only its signs of life did not get through.
        if inner.live.get(&turn.scope, turn.response.id).is_some() {
            continue;
        }
        let id = turn.response.id;
        match inner.ports.turns.finish_turn(&turn.scope.clone(), end_of(&inner, turn)).await {
            Ok(()) => {
                ended += 1;
                tracing::info!(response = %id, "a turn of a dead process was ended");
            }
            // Deleted, or ended by somebody else.
            Err(StoreError::NotFound | StoreError::Conflict) => {}
            Err(error) => {
                let error: &dyn std::error::Error = &error;
                tracing::warn!(error, response = %id, "a stale turn could not be ended");
            }
        }
    }
    ended
}

/// The end of a turn that died: what it had emitted is its partial answer.
fn end_of(inner: &Inner, turn: StaleTurn) -> FinishTurn {
    let response = turn.response;
    let emitted = turn.events.last().map_or(0, |event| event.sequence + 1);
    let mut transcript = Transcript::replay(response.id, response.created_at, turn.events);
    let mut closing = EventEncoder::default();
    let mut next = emitted;
    // One that died before its first checkpoint has not even begun, and no stream may end so.
    let beginning = beginning(response.background).into_iter();
    for kind in beginning.skip(usize::try_from(emitted).unwrap_or(usize::MAX)) {
        closing.push(&kind);
        next += 1;
    }
    transcript.close(ItemStatus::Incomplete, &inner.tools(), &mut |kind| {
        closing.push(&kind);
        next += 1;
    });
    let log = (next > emitted).then(|| CheckpointLog {
        first: emitted,
        last: next - 1,
        events: closing.finish(),
    });
    let output: Vec<_> =
        transcript.into_output().iter().map(|item| item.as_ref().clone()).collect();
    let output_tokens =
        output.iter().map(|item| u64::from(inner.counter.item(&item.content))).sum();
    FinishTurn {
        response: Response {
            status: Status::Incomplete(IncompleteReason::ServerRestart),
            usage: Some(Usage { output_tokens, estimated: true, ..Usage::default() }),
            completed_at: Some(inner.ports.clock.now()),
            ..response
        },
        output,
        last_sequence: next,
        log: log.into_iter().collect(),
        keep_log: inner.limits.event_log_keep,
    }
}

#[cfg(test)]
mod tests;
