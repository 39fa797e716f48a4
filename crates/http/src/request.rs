//! What callers send, in the shapes of the wire, and how it becomes what a use case takes.

pub(crate) mod chat_stream;
pub(crate) mod compact;
mod context;
pub(crate) mod conversation;
pub(crate) mod create_completion;
pub(crate) mod create_response;
mod format;
pub(crate) mod input_tokens;
mod item;
pub(crate) mod limit;
mod message;
mod part;
pub(crate) mod revocation;
mod tool;
pub(crate) mod usage;
mod value;
