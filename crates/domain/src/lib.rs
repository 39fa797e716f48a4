//! The words that every layer of Loquat shares: who is asking ([`Scope`]), what is kept
//! ([`Conversation`], [`Item`], [`Response`]), what happens while a model answers ([`Event`]) and
//! how it is paged and counted ([`PageRequest`], [`Usage`], [`Charge`]).
//!
//! **Invariant**: no I/O, no clock, no random number, no wire or table format. A value that exists
//! is valid: limits live in constructors. Whoever needs JSON or SQL writes it at its own edge.

mod charge;
mod conversation;
mod counter;
mod day;
mod event;
mod id;
mod idempotency;
mod item;
mod limit;
mod page;
mod response;
mod scope;
mod text;
mod time;
mod usage;

pub use charge::{Charge, Micros, Price, Purpose, TokenParts};
pub use conversation::{Branch, Conversation, Metadata, MetadataError, Title, TitleError};
pub use counter::{CounterId, CounterIdError};
pub use day::Day;
pub use event::{Ended, Event, EventKind, ItemStart, StreamKind};
pub use id::{ConversationId, ItemId, ParseIdError, ResponseId};
pub use idempotency::{Fingerprint, IdempotencyKey, IdempotencyKeyError};
pub use item::{
    Compaction, FunctionCall, FunctionCallOutput, ImageDetail, Item, ItemContent, ItemKind,
    ItemStatus, Message, Part, Phase, Reasoning, Role, StoredItem,
};
pub use limit::{Limit, LimitKey, Meter, Whom};
pub use page::{Order, Page, PageLimit, PageLimitError, PageRequest};
pub use response::{
    CancelReason, Failure, FailureCode, IncompleteReason, ReasoningEffort, Response, Sampling,
    Settings, Status, TextFormat, Tool, ToolChoice, Truncation,
};
pub use scope::{NameError, Scope, TenantId, TokenId, UserId};
pub use text::{RawJson, TextError, check_text};
pub use time::Timestamp;
pub use usage::Usage;
