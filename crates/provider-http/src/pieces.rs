//! The texts of one answer, put together from their pieces.

use std::collections::VecDeque;

use loquat_provider::ProviderEvent;

use crate::{Seam, WireText};

/// The texts that an answer is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channel {
    /// The answer.
    Text,
    /// A refusal to answer.
    Refusal,
    /// Thoughts.
    Reasoning,
    /// The summary of thoughts with this number.
    ReasoningSummary(u32),
    /// Arguments of the call with this number.
    Arguments(u32),
}

impl Channel {
    fn event(self, text: String) -> ProviderEvent {
        match self {
            Self::Text => ProviderEvent::Text(text),
            Self::Refusal => ProviderEvent::Refusal(text),
            Self::Reasoning => ProviderEvent::Reasoning(text),
            Self::ReasoningSummary(part) => ProviderEvent::ReasoningSummary { part, delta: text },
            Self::Arguments(index) => ProviderEvent::ToolCallArguments { index, delta: text },
        }
    }
}

/// Turns pieces of text as the wire has them into events whose text is valid: see [`Seam`].
#[derive(Debug, Default)]
pub struct Pieces {
    /// What the last piece belonged to, and what it left over.
    channel: Option<Channel>,
    seam: Seam,
}

impl Pieces {
    /// A piece of one of the answer's texts. An empty one is no event.
    pub fn push(
        &mut self,
        channel: Channel,
        piece: WireText<'_>,
        out: &mut VecDeque<ProviderEvent>,
    ) {
        if piece.is_empty() {
            return;
        }
        if self.channel != Some(channel) {
            self.close(out);
            self.channel = Some(channel);
        }
        let text = self.seam.push(piece);
        if !text.is_empty() {
            out.push_back(channel.event(text));
        }
    }

    /// The text that the last piece belonged to goes no further: whatever it left over has nothing
    /// to wait for any more. To be called before every event that is no piece.
    pub fn close(&mut self, out: &mut VecDeque<ProviderEvent>) {
        if let (Some(channel), Some(rest)) = (self.channel.take(), self.seam.close()) {
            out.push_back(channel.event(rest.into()));
        }
    }
}
