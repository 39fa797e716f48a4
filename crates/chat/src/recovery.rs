//! Turns whose process died are brought to their end by another, or by the next.

use std::{
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use loquat_domain::{
    IncompleteReason, ItemStatus, Metadata, Purpose, RawJson, Response, ResponseId, Scope,
    Settings, Status, Usage,
};
use loquat_provider::Trail;
use loquat_store::{
    CheckpointLog, FinishTurn, StaleTurn, StoreError,
    json::{EventDecoder, EventEncoder},
};
use tokio::time::Instant;

use crate::{
    bill::{Account, total},
    ending::beginning,
    periodic,
    service::Inner,
    transcript::Transcript,
};

/// Pause between two looks for stale turns: with the lease, the time after which a dead process no
/// longer holds up its conversations.
const PAUSE: Duration = Duration::from_secs(1);

/// The most turns that one look brings to their end.
const BATCH: u32 = 64;

/// The most runs of events that are read at once.
const RUNS: u32 = 8;

/// Looks for stale turns until the service is gone.
pub(crate) async fn run(service: Weak<Inner>) {
    let calm = Arc::new(Mutex::new(Instant::now()));
    // After a crash under load there are more of them than one look finds.
    periodic::run(service, PAUSE, BATCH, |inner| {
        let calm = Arc::clone(&calm);
        async move { recover(&inner, &calm).await }
    })
    .await;
}

/// Ends the stale turns that one look finds. Returns how many there were; none when none could be
/// ended, so that the next look takes its time. Before `calm` it ends none.
async fn recover(inner: &Arc<Inner>, calm: &Mutex<Instant>) -> u32 {
    let stale = match inner.ports.upkeep.stale_turns(BATCH).await {
        Ok(stale) => stale,
        Err(error) => {
            let error: &dyn std::error::Error = &error;
            tracing::warn!(error, "stale turns could not be looked for");
            // Nobody could give a sign of life either: whoever lives has a lease's time for it.
            *calm.lock().unwrap_or_else(PoisonError::into_inner) =
                Instant::now() + inner.limits.lease;
            return 0;
        }
    };
    if Instant::now() < *calm.lock().unwrap_or_else(PoisonError::into_inner) {
        return 0;
    }
    let found = u32::try_from(stale.len()).unwrap_or(u32::MAX);
    let mut ended = 0;
    for turn in stale {
        // Ours, and alive: only its signs of life did not get through.
        if inner.live.get(&turn.scope, turn.response).is_some() {
            continue;
        }
        let id = turn.response;
        match end(inner, turn).await {
            Ok(()) => {
                ended += 1;
                tracing::info!(response = %id, "a turn of a dead process was ended");
            }
            // Deleted, ended by somebody else, or alive after all.
            Err(StoreError::NotFound | StoreError::Conflict) => {}
            Err(error) => {
                let error: &dyn std::error::Error = &error;
                tracing::warn!(error, response = %id, "a stale turn could not be ended");
            }
        }
    }
    if ended > 0 { found } else { 0 }
}

/// Ends a turn that died: what it had emitted is its partial answer.
async fn end(inner: &Arc<Inner>, turn: StaleTurn) -> Result<(), StoreError> {
    let StaleTurn { scope, response: id } = turn;
    let (response, receipt) = match inner.ports.turns.response(&scope, id).await {
        Ok(stored) => (stored.response, Some(stored.receipt)),
        Err(error @ StoreError::Corrupt { .. }) => {
            let error: &dyn std::error::Error = &error;
            tracing::error!(error, response = %id, "a stale turn cannot be read, and is ended");
            (unreadable(inner, id), None)
        }
        Err(error) => return Err(error),
    };
    let mut transcript = Transcript::new(id);
    let emitted = replay(inner, &scope, &response, &mut transcript).await?;
    let finish = end_of(inner, &scope, response, receipt.as_ref(), transcript, emitted);
    let model = finish.response.model.clone();
    let (tokens, cost) = total(&finish.charges);
    inner.ports.turns.finish_turn(&scope, finish).await?;
    inner.ports.limiter.debit(&scope, &model, tokens, cost);
    Ok(())
}

/// Feeds what was checkpointed of a turn to its transcript, a run at a time; returns the number of
/// events. They end at the first that cannot be read.
async fn replay(
    inner: &Inner,
    scope: &Scope,
    response: &Response,
    transcript: &mut Transcript,
) -> Result<u64, StoreError> {
    let mut decoder = EventDecoder::new();
    let mut next = 0;
    loop {
        let log = inner.ports.turns.events(scope, response.id, next, RUNS).await?;
        if log.runs.is_empty() {
            return Ok(next);
        }
        for run in log.runs {
            let Ok(events) = decoder.push(&run.events) else { return Ok(next) };
            for event in events {
                transcript.replay(response.created_at, event.kind);
            }
            next = run.last + 1;
        }
    }
}

fn end_of(
    inner: &Arc<Inner>,
    scope: &Scope,
    response: Response,
    receipt: Option<&RawJson>,
    mut transcript: Transcript,
    emitted: u64,
) -> FinishTurn {
    let mut closing = EventEncoder::default();
    let mut next = emitted;
    // One that died before its first checkpoint has not even begun, and no stream may end so.
    let beginning = beginning(response.background).into_iter();
    for kind in beginning.skip(usize::try_from(emitted).unwrap_or(usize::MAX)) {
        closing.push(&kind);
        next += 1;
    }
    // The model may be configured no longer.
    let model = inner.ports.models.get(&response.model);
    let counter = model.map_or_else(|| inner.default_counter(), |model| model.counter.as_ref());
    transcript.close(ItemStatus::Incomplete, &inner.tools(counter), &mut |kind| {
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
    let usage = Usage {
        input_tokens: receipt.map_or(0, prompt_tokens).into(),
        output_tokens: output.iter().map(|item| u64::from(counter.item(&item.content))).sum(),
        estimated: true,
        ..Usage::default()
    };
    // Whom it had asked nobody knows: what was asked for is what can be charged.
    let charges = model.map_or_else(Vec::new, |model| {
        let account = Account {
            scope: scope.clone(),
            purpose: Purpose::Answer,
            conversation: response.conversation,
            response: Some(response.id),
            first_attempt: 0,
            asked: Arc::clone(model),
            input_tokens: 0,
        };
        inner.charges(&account, &Trail::default(), Some(usage))
    });
    FinishTurn {
        response: Response {
            status: Status::Incomplete(IncompleteReason::ServerRestart),
            usage: Some(usage),
            completed_at: Some(inner.ports.clock.now()),
            ..response
        },
        output,
        last_sequence: next,
        log: log.into_iter().collect(),
        keep_log: inner.limits.event_log_keep,
        only_if_stale: true,
        context_state: None,
        route: None,
        charges,
    }
}

/// Tokens of the prompt, as its receipt says.
fn prompt_tokens(receipt: &RawJson) -> u32 {
    let receipt: Option<serde_json::Value> = serde_json::from_str(receipt.as_str()).ok();
    let used = receipt.as_ref().and_then(|receipt| receipt.pointer("/budget/used")?.as_u64());
    used.and_then(|used| u32::try_from(used).ok()).unwrap_or_default()
}

/// What can be said of a response whose row cannot be read: its end takes no more than this.
fn unreadable(inner: &Inner, id: ResponseId) -> Response {
    Response {
        id,
        conversation: None,
        previous: None,
        model: String::new(),
        settings: Settings::default(),
        metadata: Metadata::default(),
        background: false,
        status: Status::InProgress,
        usage: None,
        created_at: inner.ports.clock.now(),
        completed_at: None,
    }
}

#[cfg(test)]
mod tests;
