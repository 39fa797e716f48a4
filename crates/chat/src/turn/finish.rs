//! The end: what came is closed, counted and stored; only then may anybody hear of it.

use std::{sync::Arc, time::Duration};

use loquat_domain::{
    CancelReason, Charge, Ended, Failure, FailureCode, Item, ItemContent, ItemStatus, RawJson,
    Response, Status, Usage,
};
use loquat_store::{ContextUpdate, FinishTurn, StoreError};

use super::{Run, begin::Begun, relay::Outcome};
use crate::{
    bill::{is_under_way, total},
    ending::ending_events,
    route::route,
    transcript::Transcript,
};

/// Waits between attempts to store an end while the store cannot be reached: about ten seconds in
/// all, the time that a database takes to restart.
const PAUSES: [Duration; 7] = [
    Duration::from_millis(50),
    Duration::from_millis(200),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(3),
    Duration::from_secs(4),
];

impl Run {
    /// Stores the end and returns it as it may be told.
    pub(super) async fn finish(
        &self,
        begun: &mut Begun,
        outcome: Outcome,
        mut transcript: Transcript,
    ) -> Ended {
        let item_status = match outcome.status {
            Status::Completed => ItemStatus::Completed,
            _ => ItemStatus::Incomplete,
        };
        let tools = self.inner.tools(self.model.counter.as_ref());
        transcript.close(item_status, &tools, &mut |kind| {
            self.live.log.push(kind);
        });
        let output = transcript.into_output();
        let usage = outcome.usage.unwrap_or_else(|| self.estimate(&output));
        let account = self.account();
        let charges = self.inner.charges(&account, &self.trail, Some(usage));
        let (tokens, cost) = total(&charges);
        begun.admission.settle(tokens, cost);
        let ended = Ended {
            response: Response {
                status: outcome.status,
                usage: Some(usage),
                completed_at: Some(self.inner.ports.clock.now()),
                ..begun.response.as_ref().clone()
            },
            output,
        };
        if self.live.trace.is_stored() {
            let learned = self.learned(begun, &ended.response.status, usage);
            self.store_end(ended, learned, charges).await
        } else {
            self.inner.record(account.scope, charges);
            ended
        }
    }

    /// What the end says about our count of the prompt, where that is news.
    fn learned(&self, begun: &Begun, status: &Status, usage: Usage) -> Option<ContextUpdate> {
        let (version, state) = begun.state.as_ref().filter(|_| !self.model.counter.is_exact())?;
        let model = &self.model.upstream;
        let state = match status {
            Status::Failed(failure) if failure.code == FailureCode::ContextLengthExceeded => {
                state.refused(model)?
            }
            _ if usage.estimated => return None,
            _ => {
                let reported = u32::try_from(usage.input_tokens).ok()?;
                state.calibrated(model, begun.input_tokens, reported)?
            }
        };
        let state = RawJson::from_checked(state.to_json());
        Some(ContextUpdate { expected: *version, state })
    }

    async fn store_end(
        &self,
        mut ended: Ended,
        learned: Option<ContextUpdate>,
        charges: Vec<Charge>,
    ) -> Ended {
        let route = route(&self.trail);
        let last_sequence = self.live.log.last_sequence() + ending_events(&ended.response.status);
        let log = self.live.log.all_unsaved();
        let mut pauses = PAUSES.iter();
        loop {
            let finish = FinishTurn {
                response: ended.response.clone(),
                output: ended.output.iter().map(|item| item.as_ref().clone()).collect(),
                last_sequence,
                log: log.clone(),
                keep_log: self.inner.limits.event_log_keep,
                only_if_stale: false,
                context_state: learned.clone(),
                route: route.clone(),
                charges: charges.clone(),
            };
            match self.inner.ports.turns.finish_turn(&self.live.scope, finish).await {
                Ok(()) => break,
                Err(StoreError::NotFound) => {
                    // Deleted while it ran: there is nothing left to say about it, but to pay.
                    self.inner.record(self.live.scope.clone(), charges);
                    ended.response.status = Status::Cancelled(CancelReason::ByOwner);
                    break;
                }
                Err(StoreError::Conflict) => {
                    // Another process took this one for dead. What it stored is the truth.
                    if let Ok(stored) =
                        self.inner.ports.turns.response(&self.live.scope, self.live.response).await
                    {
                        // It charged the call that it knew of, and no other.
                        self.inner.record(self.live.scope.clone(), charges);
                        ended.response = stored.response;
                        ended.output = stored.output.into_iter().map(Arc::new).collect();
                        break;
                    }
                }
                Err(error) => {
                    let error: &dyn std::error::Error = &error;
                    tracing::error!(error, response = %self.live.response, "a turn's end could not be stored");
                }
            }
            let Some(pause) = pauses.next() else {
                self.inner.record(self.live.scope.clone(), charges);
                ended.response.status = Status::Failed(Failure {
                    code: FailureCode::Storage,
                    message: "the answer could not be stored".to_owned(),
                });
                break;
            };
            tokio::time::sleep(*pause).await;
        }
        self.live.log.stop_saving();
        ended
    }

    /// What was used, by our own count, and by the provider's as far as it told before it was cut;
    /// nothing where nobody was called or nobody answered.
    fn estimate(&self, output: &[Arc<Item>]) -> Usage {
        if !is_under_way(&self.trail) {
            return Usage { estimated: true, ..Usage::default() };
        }
        let counted = |item: &Arc<Item>| u64::from(self.model.counter.item(&item.content));
        let thoughts = |item: &&Arc<Item>| matches!(item.content, ItemContent::Reasoning(_));
        let ours = Usage { input_tokens: self.trail.input_tokens().into(), ..Usage::default() };
        let told = self.trail.usage().unwrap_or(ours);
        Usage {
            output_tokens: output.iter().map(counted).sum(),
            reasoning_tokens: output.iter().filter(thoughts).map(counted).sum(),
            estimated: true,
            ..told
        }
    }
}
