//! How a store fails.

use crate::Earlier;

type Source = Box<dyn std::error::Error + Send + Sync>;

/// Why a store call failed. After an error nothing has changed.
///
/// The variants are the decisions that a caller can take; a driver's own error travels as the
/// source and is never part of the text.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The scope has no such thing: it never existed, was deleted, or is somebody else's.
    #[error("no such thing in this scope")]
    NotFound,
    /// The page's `after` is no entry of that list.
    #[error("the cursor is no entry of this list")]
    CursorNotFound,
    /// A turn is running in the conversation; may be tried again when it has ended.
    #[error("a turn is running in the conversation")]
    Locked,
    /// The conversation has moved on since it was read, or the id is taken. Read again.
    #[error("the conversation has changed since it was read")]
    Conflict,
    /// A request with this key has been done before. This one was not done.
    #[error("a request with this key has been done before")]
    Done(Earlier),
    /// Could not be reached in time, or is full; may be tried again.
    #[error("the store is unavailable")]
    Unavailable(#[source] Source),
    /// A stored value that this version cannot read.
    #[error("column `{column}` holds a value that this version cannot read")]
    Corrupt {
        /// Where the value is.
        column: &'static str,
    },
    /// Anything else.
    #[error("the store failed")]
    Internal(#[source] Source),
}
