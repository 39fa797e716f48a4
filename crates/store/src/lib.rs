//! The ports to the notebook: [`ConversationStore`] keeps what people see and edit, [`TurnStore`]
//! keeps the work of producing an answer, [`ContextStore`] what is derived from long conversations,
//! [`Ledger`] what was used, [`LimitStore`] how much of it may be, [`AccessStore`] who may not;
//! [`Upkeep`] is what has to be done from time to time. [`json`] is the one JSON form of what they
//! keep.
//!
//! **Invariant**: every method is one atomic step that takes the scope first (but for upkeep, which
//! answers no caller, for checkpoints, jobs and exchanges, which bring one each, and for the list of
//! revocations, which is everybody's); nothing here knows a
//! model, a prompt, HTTP or a particular database. A store persists what it is given: ids and
//! times are made by its caller, and only how long something lasts (leases, keys, kept events)
//! is told by the store's own clock, because that must mean the same to every process.

mod access_store;
mod context_store;
mod conversation_store;
mod error;
pub mod json;
mod ledger;
mod limit_store;
mod once;
mod turn_store;

/// Every port to one store, which is what a store implements.
pub trait Store:
    ConversationStore + TurnStore + ContextStore + Upkeep + Ledger + LimitStore + AccessStore
{
}

impl<T> Store for T where
    T: ConversationStore + TurnStore + ContextStore + Upkeep + Ledger + LimitStore + AccessStore
{
}

#[cfg(feature = "mock")]
pub use access_store::MockAccessStore;
pub use access_store::{AccessStore, AuditEntry, Revocation, RevocationList, Revoked};
#[cfg(feature = "mock")]
pub use context_store::MockContextStore;
pub use context_store::{
    Backlog, ContextChange, ContextJob, ContextStore, ContextUpdate, KeptContext, Segment, Summary,
};
#[cfg(feature = "mock")]
pub use conversation_store::MockConversationStore;
pub use conversation_store::{Archived, ConversationPatch, ConversationStore};
pub use error::StoreError;
#[cfg(feature = "mock")]
pub use ledger::MockLedger;
pub use ledger::{Ledger, UsageGroups, UsageKey, UsageQuery, UsageRow, Whose};
#[cfg(feature = "mock")]
pub use limit_store::MockLimitStore;
pub use limit_store::{AllowanceKey, Exchange, Exchanged, LimitStore, Settled};
pub use once::{Earlier, Made, Once};
pub use turn_store::{
    BeginTurn, Checkpoint, CheckpointLog, EventLog, FinishTurn, Head, History, HistoryStart,
    Interrupted, Interruption, LogEnd, Place, Reach, StaleTurn, StoredResponse, TurnHome,
    TurnStore, Upkeep,
};
#[cfg(feature = "mock")]
pub use turn_store::{MockTurnStore, MockUpkeep};
