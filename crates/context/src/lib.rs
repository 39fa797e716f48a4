//! Decides which part of a conversation a model sees, and accounts for it in a [`Receipt`].
//!
//! Of a conversation of any length, the newest turns are sent as they are (the window), what came
//! before them as a summary, and what of it bears on the new message as a quotation. Which turns are
//! in the window changes seldom and in large steps, so that in between each prompt continues the one
//! before byte for byte, which is what providers' caches ask for. A [`Policy`] says how much.
//!
//! Three calls, so that whoever does the I/O loads no more than is needed: [`plan`] says what to
//! load, [`search`] finds what to fetch back in the [`index`] of what has left the window, [`build`]
//! makes the prompt. What was said is counted once, when it is stored, by a [`TokenCounter`]. Whoever
//! has only a list of messages takes a [`Transcript`], which does all of it in memory:
//!
//! ```
//! use loquat_context::{Estimate, ModelWindow, Policy, Transcript};
//! use loquat_domain::{Message, Role, Timestamp};
//!
//! let model = ModelWindow {
//!     model: "small".to_owned(), context_window: 8_192, reserved_output: 1_024, exact: false,
//! };
//! let mut transcript = Transcript::new(Policy::balanced(), model, Estimate);
//! let at = Timestamp::from_micros(0);
//! transcript.push(Message::text(Role::User, "My sister recommends the Blue Door."), at);
//! transcript.push(Message::text(Role::Assistant, "I'll remember that."), at);
//! let prompt = transcript.prompt(Message::text(Role::User, "Where shall we eat?"))?;
//! assert_eq!(prompt.input.len(), 3);
//! assert!(prompt.receipt.budget.used <= prompt.receipt.budget.max_input);
//! # Ok::<(), loquat_context::ContextError>(())
//! ```
//!
//! **Invariant**: pure and deterministic. No I/O, no clock, no randomness, no model and no provider:
//! the same input gives the same prompt, byte for byte, everywhere. A prompt never exceeds the
//! budget; what does not fit is named in the receipt, never cut silently.

mod build;
mod compaction;
mod count;
mod groups;
mod parts;
mod plan;
mod policy;
mod recall;
mod receipt;
mod search;
mod shorten;
mod state;
mod transcript;
mod weighed;
mod window;

pub use build::{KnownSummary, Loaded, Prompt, build};
pub use compaction::{seal, unseal};
#[cfg(feature = "bpe")]
pub use count::Bpe;
pub use count::{Estimate, TokenCounter};
pub use parts::{PolicyError, PolicyParts};
pub use plan::{ContextError, ModelWindow, Need, NewTurn, plan};
pub use policy::{Gate, Policy, Recall, Window};
pub use receipt::{
    Budget, CacheReport, Counted, Dropped, Evicted, GateReport, Recalled, Receipt, Section,
    SectionKind, SummaryReport, WindowReport,
};
pub use search::{DamagedSegment, Entry, Hit, Query, SCORE_ONE, Search, asks, index, search};
pub use shorten::shortened;
pub use state::{Calibration, State};
pub use transcript::{Transcript, index_items};
