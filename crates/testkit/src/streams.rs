//! Strict readers of the streams that a server sends: each either understands every byte or names
//! the rule that was broken.
//!
//! They check more than a client needs. A client forgives, and differs from the next client in
//! what it forgives; a server that passes here is understood by all of them.

mod chat;
mod completions;
mod fields;
mod items;
mod parts;
mod response_object;
mod responses;
mod sse;

use std::fmt;

pub use chat::{ChatStream, ChatStreamChecker};
pub use completions::{CompletionsStream, CompletionsStreamChecker, IncludeUsage, StreamedCall};
pub use response_object::check_response_object;
pub use responses::{ResponsesStream, ResponsesStreamChecker};

/// A rule that was broken, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Index of the frame or line, heartbeats counted; what is wrong with the stream as a whole
    /// has the number of its frames.
    pub at: usize,
    /// What is wrong, in a sentence that quotes what came.
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "frame {}: {}", self.at, self.what)
    }
}

impl std::error::Error for Violation {}

/// What a check comes to before it is known where in the stream it was made.
type Rule<T = ()> = Result<T, String>;

/// Fails with a sentence unless the condition holds.
fn rule(holds: bool, broken: impl FnOnce() -> String) -> Rule {
    if holds { Ok(()) } else { Err(broken()) }
}
