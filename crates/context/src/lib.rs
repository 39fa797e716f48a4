//! Decides which part of a conversation a model sees, and accounts for it in a [`Receipt`].
//!
//! Two calls, so that whoever does the I/O loads no more than is needed: [`plan`] says how many
//! tokens of history there is room for, [`build`] makes the prompt of what was loaded. What was
//! said is counted once, when it is stored, by a [`TokenCounter`].
//!
//! **Invariant**: pure and deterministic. No I/O, no clock, no randomness, no model and no provider:
//! the same input gives the same prompt, byte for byte, everywhere. A prompt never exceeds the
//! budget; what does not fit is named in the receipt, never cut silently.

mod build;
mod count;
mod plan;
mod receipt;

pub use build::{Loaded, Prompt, build};
pub use count::{Estimate, TokenCounter};
pub use plan::{ContextError, Need, NewTurn, Window, plan};
pub use receipt::{Dropped, Receipt, Section, SectionKind};
