//! What a turn emits.
//!
//! Events correspond one to one, number for number, to the streaming events of the Open Responses
//! specification; every other stream format is an encoding of a part of them.

use std::sync::Arc;

use crate::{Failure, Item, ItemId, Response};

/// One step of a turn.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// 0 for the first event of a turn; each next one is greater by one.
    pub sequence: u64,
    /// What happened.
    pub kind: EventKind,
}

/// What happened.
///
/// `output` is the index of an item in the response's output; `part` the index of a part in an
/// item's content.
#[derive(Debug, Clone, PartialEq)]
pub enum EventKind {
    /// The turn was accepted and its input stored. Always the first event.
    Created,
    /// The turn waits for a place among those that are at work: the second event of a turn in the
    /// background, and of no other.
    Queued,
    /// The model is at work.
    InProgress,
    /// An output item begins.
    ItemAdded {
        /// Index of the item in the output.
        output: u32,
        /// Its id.
        id: ItemId,
        /// What is known of it.
        start: ItemStart,
    },
    /// A part of an output item begins. Function calls have no parts.
    PartAdded {
        /// Index of the item in the output.
        output: u32,
        /// The item's id.
        id: ItemId,
        /// Index of the part in the item.
        part: u32,
        /// What the part holds.
        kind: StreamKind,
    },
    /// A piece of text.
    Delta {
        /// Index of the item in the output.
        output: u32,
        /// The item's id.
        id: ItemId,
        /// Index of the part in the item; 0 for arguments.
        part: u32,
        /// What the text is.
        kind: StreamKind,
        /// The piece.
        text: String,
    },
    /// The last piece has come.
    TextDone {
        /// Index of the item in the output.
        output: u32,
        /// The item's id.
        id: ItemId,
        /// Index of the part in the item; 0 for arguments.
        part: u32,
        /// What the text is.
        kind: StreamKind,
        /// All pieces together.
        text: Arc<str>,
        /// For arguments, the function's name; else empty.
        name: Arc<str>,
    },
    /// A part is whole.
    PartDone {
        /// Index of the item in the output.
        output: u32,
        /// The item's id.
        id: ItemId,
        /// Index of the part in the item.
        part: u32,
        /// What the part holds.
        kind: StreamKind,
        /// All of its text.
        text: Arc<str>,
    },
    /// An item is whole, or cut off.
    ItemDone {
        /// Index of the item in the output.
        output: u32,
        /// The item.
        item: Arc<Item>,
    },
    /// The turn fails; [`EventKind::Ended`] follows.
    Failed(Failure),
    /// The turn has come to its end, and the end is stored. Always the last event, exactly once.
    Ended(Arc<Ended>),
}

/// What is known of an output item when it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ItemStart {
    /// A message of the assistant.
    Message,
    /// Thoughts.
    Reasoning,
    /// A function call.
    FunctionCall {
        /// Ties the call to its output.
        call_id: String,
        /// The function's name.
        name: String,
    },
}

/// What a stream of pieces adds up to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StreamKind {
    /// A message's text.
    Text,
    /// A message's refusal.
    Refusal,
    /// Thoughts. They are one part of their item.
    Reasoning,
    /// A summary of thoughts, one part of several. An item has either thoughts or summaries.
    Summary,
    /// A function call's arguments.
    Arguments,
}

/// How a turn ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Ended {
    /// The response in its terminal status.
    pub response: Response,
    /// What it produced, in order.
    pub output: Vec<Arc<Item>>,
}
