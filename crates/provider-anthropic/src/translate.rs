//! From the wire's events to a provider's.

use std::collections::VecDeque;

use loquat_domain::Usage;
use loquat_provider::{FinishReason, ProviderError, ProviderEvent};
use loquat_provider_http::{Channel, ErrorReport, Frame, Pieces, Said, Seal, Translator, WireText};
use serde_json::value::RawValue;

use crate::{
    event::{Block, Delta, Event, WireUsage},
    request::Sealed,
};

/// The names of the wire's events, which their data repeat.
const NAMES: [&[u8]; 8] = [
    b"message_start",
    b"content_block_start",
    b"content_block_delta",
    b"content_block_stop",
    b"message_delta",
    b"message_stop",
    b"error",
    // As it is called where nobody gives a name.
    b"message",
];

/// The longest signature that is kept, in bytes: that of one event. Real ones have some kilobytes.
const MAX_SIGNATURE_BYTES: usize = 1024 * 1024;

/// Reads one answer's events in order.
pub(crate) struct EventTranslator {
    seal: Seal,
    pieces: Pieces,
    /// The thought that is being told.
    thought: Option<Thought>,
    /// The calls so far; their places are the numbers that we give them.
    calls: Vec<Call>,
    usage: WireUsage,
    finished: bool,
}

#[derive(Default)]
struct Thought {
    signature: Vec<u8>,
}

struct Call {
    /// The number of its block.
    block: u32,
    /// All of its arguments, where the block had them from the beginning.
    whole: String,
    /// Arguments have come, or all that came have been told.
    is_told: bool,
}

impl Translator for EventTranslator {
    fn frame(
        &mut self,
        frame: &Frame,
        out: &mut VecDeque<ProviderEvent>,
    ) -> Result<Said, ProviderError> {
        let data = frame.data.trim_ascii();
        // An event of another name need not be JSON at all; some servers give no names.
        if data.is_empty() || !(frame.name.is_empty() || NAMES.contains(&&*frame.name)) {
            return Ok(Said::More);
        }
        // Serde would take a list for an object, field by field.
        let event = data.starts_with(b"{").then(|| serde_json::from_slice::<Event<'_>>(data).ok());
        let Some(event) = event.flatten() else {
            return Err(ProviderError::Protocol("an event that is not one of an answer"));
        };
        let kind = event.kind.as_ref().map_or(&*frame.name, |kind| &*kind.0);
        match kind {
            b"error" => return Err(ErrorReport::read(data).into_error()),
            b"message_stop" => return Ok(Said::All),
            b"message_start" => self.learn(event.message.and_then(|message| message.usage)),
            b"message_delta" => {
                self.learn(event.usage);
                self.changed(event.delta.unwrap_or_default(), out);
            }
            _ if self.finished => {}
            b"content_block_start" => {
                self.begin(event.index, event.content_block.unwrap_or_default(), out)?;
            }
            b"content_block_delta" => {
                self.delta(event.index, event.delta.unwrap_or_default(), out)?;
            }
            b"content_block_stop" => self.end(event.index, out),
            // `ping`, and what the wire may learn to say.
            _ => {}
        }
        Ok(Said::More)
    }

    fn is_finished(&self) -> bool {
        self.finished
    }

    fn usage(&self) -> Option<Usage> {
        self.usage.total()
    }
}

impl EventTranslator {
    /// A reader that marks what is sealed as its endpoint's.
    pub(crate) fn new(seal: Seal) -> Self {
        Self {
            seal,
            pieces: Pieces::default(),
            thought: None,
            calls: Vec::new(),
            usage: WireUsage::default(),
            finished: false,
        }
    }

    fn learn(&mut self, usage: Option<&RawValue>) {
        if let Some(usage) = usage {
            self.usage.learn(usage);
        }
    }

    /// A block begins. Kinds that we never ask for are passed over.
    fn begin(
        &mut self,
        block: Option<u32>,
        mut begun: Block<'_>,
        out: &mut VecDeque<ProviderEvent>,
    ) -> Result<(), ProviderError> {
        self.end_thought(out);
        let kind = begun.kind.take().unwrap_or_default();
        match &*kind.0 {
            b"text" => self.pieces.push(Channel::Text, begun.text.unwrap_or_default(), out),
            b"thinking" => {
                self.thought = Some(Thought::default());
                self.pieces.push(Channel::Reasoning, begun.thinking.unwrap_or_default(), out);
                self.sign(&begun.signature.unwrap_or_default())?;
            }
            b"redacted_thinking" => {
                let data = begun.data.unwrap_or_default().into_text();
                self.sealed(Sealed::Redacted(&data), out);
            }
            b"tool_use" => self.call(block, begun, out)?,
            _ => {}
        }
        Ok(())
    }

    fn call(
        &mut self,
        block: Option<u32>,
        begun: Block<'_>,
        out: &mut VecDeque<ProviderEvent>,
    ) -> Result<(), ProviderError> {
        let text = |field: Option<WireText<'_>>| field.map(WireText::into_text);
        let index = u32::try_from(self.calls.len());
        let (Some(call_id), Some(name), Some(block), Ok(index)) =
            (text(begun.id), text(begun.name), block, index)
        else {
            return Err(ProviderError::Protocol("a call without an id, a name or a number"));
        };
        let whole = begun.input.map_or("{}", RawValue::get).to_owned();
        self.calls.push(Call { block, whole, is_told: false });
        self.pieces.close(out);
        out.push_back(ProviderEvent::ToolCallStarted { index, call_id, name });
        Ok(())
    }

    /// A piece of a block.
    fn delta(
        &mut self,
        block: Option<u32>,
        delta: Delta<'_>,
        out: &mut VecDeque<ProviderEvent>,
    ) -> Result<(), ProviderError> {
        if let Some(text) = delta.text {
            self.pieces.push(Channel::Text, text, out);
        }
        if let Some(thinking) = delta.thinking {
            self.thought.get_or_insert_default();
            self.pieces.push(Channel::Reasoning, thinking, out);
        }
        if let Some(signature) = delta.signature {
            self.sign(&signature)?;
        }
        if let Some(json) = delta.partial_json.filter(|json| !json.is_empty()) {
            let index = self.call_of(block);
            let call = index.and_then(|index| self.calls.get_mut(index));
            let index = index.and_then(|index| u32::try_from(index).ok());
            let (Some(call), Some(index)) = (call, index) else {
                // A tool of the endpoint's own, which we never asked for.
                return Ok(());
            };
            call.is_told = true;
            self.pieces.push(Channel::Arguments(index), json, out);
        }
        Ok(())
    }

    fn sign(&mut self, signature: &WireText<'_>) -> Result<(), ProviderError> {
        let thought = self.thought.get_or_insert_default();
        if thought.signature.len() + signature.0.len() > MAX_SIGNATURE_BYTES {
            return Err(ProviderError::Protocol("a signature of more than 1 MiB"));
        }
        thought.signature.extend_from_slice(&signature.0);
        Ok(())
    }

    fn call_of(&self, block: Option<u32>) -> Option<usize> {
        self.calls.iter().rposition(|call| Some(call.block) == block)
    }

    /// A block is whole.
    fn end(&mut self, block: Option<u32>, out: &mut VecDeque<ProviderEvent>) {
        if let Some(index) = self.call_of(block) {
            self.end_call(index, out);
        } else {
            self.end_thought(out);
        }
    }

    /// A call whose arguments came with its beginning, or that has none.
    fn end_call(&mut self, index: usize, out: &mut VecDeque<ProviderEvent>) {
        let Some(call) = self.calls.get_mut(index).filter(|call| !call.is_told) else { return };
        call.is_told = true;
        let whole = std::mem::take(&mut call.whole);
        if let Ok(index) = u32::try_from(index) {
            let whole = WireText(whole.into_bytes().into());
            self.pieces.push(Channel::Arguments(index), whole, out);
        }
    }

    /// A thought without a signature cannot be sent back, and has no seal.
    fn end_thought(&mut self, out: &mut VecDeque<ProviderEvent>) {
        let Some(thought) = self.thought.take() else { return };
        if !thought.signature.is_empty() {
            let signature = WireText(thought.signature.into()).into_text();
            self.sealed(Sealed::Signature(&signature), out);
        }
    }

    fn sealed(&mut self, sealed: Sealed<'_>, out: &mut VecDeque<ProviderEvent>) {
        self.pieces.close(out);
        out.push_back(ProviderEvent::ReasoningSealed(sealed.write(&self.seal)));
    }

    /// What changes about the whole answer: why it stops.
    fn changed(&mut self, delta: Delta<'_>, out: &mut VecDeque<ProviderEvent>) {
        let Some(reason) = delta.stop_reason.filter(|it| !it.is_empty() && !self.finished) else {
            return;
        };
        self.end_thought(out);
        for index in 0..self.calls.len() {
            self.end_call(index, out);
        }
        self.pieces.close(out);
        self.finished = true;
        out.push_back(ProviderEvent::Finished(self.finish_reason(&reason.0)));
    }

    fn finish_reason(&self, reason: &[u8]) -> FinishReason {
        match reason {
            // `pause_turn`: a loop of the endpoint's own tools, which we never ask for, was left. It
            // says at least that the answer is not whole.
            b"max_tokens" | b"model_context_window_exceeded" | b"pause_turn" => {
                FinishReason::Length
            }
            b"refusal" => FinishReason::ContentFilter,
            // Servers that speak the wire nearly say `end_turn` after calls: the calls decide.
            _ if !self.calls.is_empty() => FinishReason::ToolCalls,
            // `end_turn`, `stop_sequence`, and what the wire may learn to say.
            _ => FinishReason::Stop,
        }
    }
}
