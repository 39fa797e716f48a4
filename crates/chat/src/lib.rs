//! The service layer: one use case a file, and the live turns between a model and its readers.
//!
//! [`ChatService`] is handed its ports and plain values. A turn runs as its own task on the
//! runtime that the composition root names, never inside a caller's future: a caller that goes
//! away drops an [`EventReader`], and nothing else. What a turn emits is a numbered sequence of
//! [`Event`](loquat_domain::Event)s; every stream format is a reader of that sequence.
//!
//! **Invariant**: no HTTP, no SQL, no provider's wire. The user's message is durable before the
//! first event of the answer can be read, and the last event can be read only after the end is
//! durable.

mod access;
mod admin;
mod bill;
mod checkpoints;
mod compact;
mod conversations;
mod counting;
mod derived;
mod ending;
mod error;
mod failure;
mod follow;
mod limits;
mod live;
mod log;
mod models;
mod once;
mod periodic;
mod ports;
mod preview;
mod prompt;
mod recovery;
mod request;
mod responses;
mod route;
mod service;
mod summary;
#[cfg(test)]
mod test_service;
mod transcript;
mod turn;
mod upkeep;

pub use compact::{CompactHistory, CompactRequest, Compacted};
pub use counting::OffWorkers;
pub use error::{ChatError, Missing};
pub use follow::EventReader;
pub use limits::Limits;
pub use log::Read;
pub use models::{Model, ModelCatalog, ModelCatalogError};
pub use ports::{Clock, IdSource, SystemClock, SystemIds};
pub use preview::Chosen;
pub use request::{ContextWish, NewConversation, OnceKey, Target, TurnRequest};
pub use service::{ChatService, Ports};
pub use summary::{Material, ModelSummariser, Summariser, SummaryError, Written};
pub use turn::Turn;
