//! Turns whose process died are brought to their end by another, or by the next.

use std::{
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use loquat_domain::{
    EventKind, IncompleteReason, ItemStatus, Metadata, Purpose, RawJson, Response, ResponseId,
    Scope, Settings, Status, Usage,
};
use loquat_provider::{Attempt, AttemptOutcome, Trail};
use loquat_store::{
    CheckpointLog, FinishTurn, StaleTurn, StoreError,
    json::{EventDecoder, EventEncoder},
};
use tokio::time::Instant;

use crate::{
    Model, bill::Account, ending::beginning, periodic, service::Inner, transcript::Transcript,
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
    // Of the limits is taken already what it had set aside.
    inner.ports.turns.finish_turn(&scope, finish).await
}

/// What a dead turn had emitted, as far as anybody knows.
#[derive(Default)]
struct Emitted {
    events: u64,
    /// It no longer waited for its turn.
    was_at_work: bool,
}

/// Feeds what was checkpointed of a turn to its transcript, a run at a time. It ends at the first
/// event that cannot be read.
async fn replay(
    inner: &Inner,
    scope: &Scope,
    response: &Response,
    transcript: &mut Transcript,
) -> Result<Emitted, StoreError> {
    let mut decoder = EventDecoder::new();
    let mut emitted = Emitted { events: 0, was_at_work: !response.background };
    loop {
        let log = inner.ports.turns.events(scope, response.id, emitted.events, RUNS).await?;
        if log.runs.is_empty() {
            return Ok(emitted);
        }
        for run in log.runs {
            let Ok(events) = decoder.push(&run.events) else { return Ok(emitted) };
            for event in events {
                emitted.was_at_work |= matches!(event.kind, EventKind::InProgress);
                transcript.replay(response.created_at, event.kind);
            }
            emitted.events = run.last + 1;
        }
    }
}

fn end_of(
    inner: &Arc<Inner>,
    scope: &Scope,
    response: Response,
    receipt: Option<&RawJson>,
    mut transcript: Transcript,
    Emitted { events: emitted, was_at_work }: Emitted,
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
    let input_tokens = receipt.filter(|_| was_at_work).map_or(0, prompt_tokens);
    let usage = Usage {
        input_tokens: input_tokens.into(),
        output_tokens: output.iter().map(|item| u64::from(counter.item(&item.content))).sum(),
        estimated: true,
        ..Usage::default()
    };
    // One whose row cannot be read names no model to be charged.
    let charges = if was_at_work && receipt.is_some() {
        let asked = asked(&response, model.map(Arc::as_ref));
        let account = Account {
            scope: scope.clone(),
            purpose: Purpose::Answer,
            conversation: response.conversation,
            response: Some(response.id),
            first_attempt: 0,
            asked: response.model.clone(),
            price: model.map(|model| model.price).unwrap_or_default(),
        };
        inner.charges(&account, &asked, Some(usage))
    } else {
        Vec::new()
    };
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

/// The call that there was. Whom a model that chooses had asked nobody knows: what was asked for is
/// what can be charged.
fn asked(response: &Response, model: Option<&Model>) -> Trail {
    let trail = Trail::default();
    let call = Attempt {
        model: response.model.clone(),
        provider: model.map(|model| model.owner.clone()).unwrap_or_default(),
        upstream: model.map(|model| model.upstream.clone()).unwrap_or_default(),
        outcome: AttemptOutcome::Open,
        used: None,
    };
    trail.call(call, 0);
    trail
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
