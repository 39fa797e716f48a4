//! The ports to the notebook: [`ConversationStore`] keeps what people see and edit, [`TurnStore`]
//! keeps the work of producing an answer. [`json`] is the one JSON form of what both keep.
//!
//! **Invariant**: every method is one atomic step that takes the scope first; nothing here knows a
//! model, a prompt, HTTP or a particular database. A store persists what it is given: ids and
//! times are made by its caller, and only leases use the store's own clock, because they must mean
//! the same to every process.

mod conversation_store;
mod error;
pub mod json;
mod turn_store;

#[cfg(feature = "mock")]
pub use conversation_store::MockConversationStore;
pub use conversation_store::{Archived, ConversationPatch, ConversationStore};
pub use error::StoreError;
#[cfg(feature = "mock")]
pub use turn_store::MockTurnStore;
pub use turn_store::{
    BeginTurn, Checkpoint, CheckpointLog, FinishTurn, Head, History, HistoryStart, Place,
    StaleTurn, StoredResponse, TurnHome, TurnStore,
};
