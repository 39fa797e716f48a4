//! What a test has planned for single calls.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, PoisonError},
};

use loquat_store::StoreError;
use tokio::sync::oneshot;

/// A method of one of the store ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each variant is the method of the same name")]
pub enum StoreCall {
    CreateConversation,
    Conversation,
    Conversations,
    UpdateConversation,
    DeleteConversation,
    Items,
    Item,
    AppendItems,
    DeleteItem,
    Branches,
    ActivateBranch,
    History,
    BeginTurn,
    Earlier,
    Checkpoint,
    FinishTurn,
    Response,
    Events,
    RequestStop,
    DeleteResponse,
    ItemsAt,
    Pinned,
    Span,
    Backlog,
    PutSegment,
    PutSummary,
    ClaimContextJobs,
    EndContextJob,
    Record,
    Usage,
    Exchange,
    Limits,
    SetLimit,
    RemoveLimit,
    Revoke,
    Restore,
    Revocations,
    RevocationList,
    Audit,
    StaleTurns,
    ForgetExpired,
    Ping,
}

/// A call that waits until the test lets it go on.
#[derive(Debug)]
pub struct HeldCall {
    arrived: oneshot::Receiver<()>,
    go: oneshot::Sender<()>,
}

impl HeldCall {
    /// Returns once the call has been made and waits. False when the store is gone, so that no
    /// call can come any more.
    pub async fn arrived(&mut self) -> bool {
        (&mut self.arrived).await.is_ok()
    }

    /// Lets the call go on.
    pub fn release(self) {
        drop(self.go);
    }
}

#[derive(Debug)]
enum Intervention {
    Fail(StoreError),
    Hold { arrived: oneshot::Sender<()>, go: oneshot::Receiver<()> },
}

#[derive(Debug, Default)]
pub(super) struct Interventions {
    planned: Mutex<HashMap<StoreCall, VecDeque<Intervention>>>,
}

impl Interventions {
    pub(super) fn fail_next(&self, call: StoreCall, error: StoreError) {
        self.plan(call, Intervention::Fail(error));
    }

    pub(super) fn hold_next(&self, call: StoreCall) -> HeldCall {
        let (here, arrived) = oneshot::channel();
        let (go, released) = oneshot::channel();
        self.plan(call, Intervention::Hold { arrived: here, go: released });
        HeldCall { arrived, go }
    }

    fn plan(&self, call: StoreCall, intervention: Intervention) {
        let mut planned = self.planned.lock().unwrap_or_else(PoisonError::into_inner);
        planned.entry(call).or_default().push_back(intervention);
    }

    /// Does what is planned for this call, if anything is.
    pub(super) async fn meet(&self, call: StoreCall) -> Result<(), StoreError> {
        let next = self
            .planned
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get_mut(&call)
            .and_then(VecDeque::pop_front);
        match next {
            None => Ok(()),
            Some(Intervention::Fail(error)) => Err(error),
            Some(Intervention::Hold { arrived, go }) => {
                // Either end may be gone already; both mean that nobody wants the call to wait.
                let _nobody_waits = arrived.send(());
                let _released_or_dropped = go.await;
                Ok(())
            }
        }
    }
}
