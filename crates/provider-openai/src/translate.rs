//! From the wire's chunks to a provider's events.

use std::collections::VecDeque;

use loquat_domain::Usage;
use loquat_provider::{FinishReason, ProviderError, ProviderEvent};

use crate::{
    chunk::{Choice, Chunk, Delta, ToolCallDelta, read_usage},
    refusal::ErrorReport,
    sse::Frame,
    text::{Seam, WireText},
    tool_calls::ToolCalls,
};

/// How far an answer has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Said {
    /// There is more to come.
    More,
    /// `[DONE]`: nothing that counts follows.
    All,
}

/// Reads one answer's frames in order.
#[derive(Debug, Default)]
pub(crate) struct Translator {
    calls: ToolCalls,
    /// What the last piece belonged to, and what it left over.
    channel: Option<Channel>,
    seam: Seam,
    finished: bool,
    usage: Option<Usage>,
}

/// The texts that an answer is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Channel {
    Text,
    Refusal,
    Reasoning,
    Arguments(u32),
}

impl Channel {
    fn event(self, text: String) -> ProviderEvent {
        match self {
            Self::Text => ProviderEvent::Text(text),
            Self::Refusal => ProviderEvent::Refusal(text),
            Self::Reasoning => ProviderEvent::Reasoning(text),
            Self::Arguments(index) => ProviderEvent::ToolCallArguments { index, delta: text },
        }
    }
}

impl Translator {
    /// True once the model has said why it stopped.
    pub(crate) fn is_finished(&self) -> bool {
        self.finished
    }

    /// What the provider said that was used, once; the last word counts.
    pub(crate) fn take_usage(&mut self) -> Option<ProviderEvent> {
        self.usage.take().map(ProviderEvent::Usage)
    }

    /// Adds what the frame says to `out`. Names that this wire does not have are passed over, as a
    /// browser passes over events that nobody listens to.
    pub(crate) fn frame(
        &mut self,
        frame: &Frame,
        out: &mut VecDeque<ProviderEvent>,
    ) -> Result<Said, ProviderError> {
        match (&*frame.name, frame.data.trim_ascii()) {
            (b"error", report) => Err(ErrorReport::read(report).into_error()),
            (b"" | b"message", b"[DONE]") => Ok(Said::All),
            (b"" | b"message", data) if !data.is_empty() => self.chunk(data, out),
            _ => Ok(Said::More),
        }
    }

    fn chunk(
        &mut self,
        data: &[u8],
        out: &mut VecDeque<ProviderEvent>,
    ) -> Result<Said, ProviderError> {
        // Serde would take a list for an object, field by field.
        let chunk = data.starts_with(b"{").then(|| serde_json::from_slice::<Chunk<'_>>(data).ok());
        let Some(chunk) = chunk.flatten() else {
            return Err(ProviderError::Protocol("an event that is not a chunk of an answer"));
        };
        let is_error = chunk.object.as_ref().is_some_and(|object| &*object.0 == b"error");
        if is_error || chunk.error.is_some() {
            return Err(ErrorReport::read(data).into_error());
        }
        if let Some(usage) = chunk.usage.and_then(read_usage) {
            self.usage = Some(usage);
        }
        if let Some(choice) = chunk.choice
            && !self.finished
        {
            self.choice(choice, out)?;
        }
        Ok(Said::More)
    }

    fn choice(
        &mut self,
        choice: Choice<'_>,
        out: &mut VecDeque<ProviderEvent>,
    ) -> Result<(), ProviderError> {
        if let Some(delta) = choice.delta {
            self.delta(delta, out)?;
        }
        // Some servers write an empty reason instead of null.
        if let Some(reason) = choice.finish_reason.filter(|reason| !reason.is_empty()) {
            let reason = self.finish_reason(&reason.0)?;
            self.close_channel(out);
            self.finished = true;
            out.push_back(ProviderEvent::Finished(reason));
        }
        Ok(())
    }

    fn delta(
        &mut self,
        delta: Delta<'_>,
        out: &mut VecDeque<ProviderEvent>,
    ) -> Result<(), ProviderError> {
        let thoughts = delta.reasoning_content.filter(|text| !text.is_empty()).or(delta.reasoning);
        if let Some(thoughts) = thoughts {
            self.piece(Channel::Reasoning, thoughts, out);
        }
        if let Some(content) = delta.content {
            self.piece(Channel::Reasoning, content.thinking, out);
            self.piece(Channel::Text, content.text, out);
        }
        if let Some(refusal) = delta.refusal {
            self.piece(Channel::Refusal, refusal, out);
        }
        for call in delta.tool_calls.into_iter().flatten() {
            self.tool_call(call, out)?;
        }
        Ok(())
    }

    fn tool_call(
        &mut self,
        mut delta: ToolCallDelta<'_>,
        out: &mut VecDeque<ProviderEvent>,
    ) -> Result<(), ProviderError> {
        let (index, started) = self.calls.begin(&mut delta)?;
        if let Some(started) = started {
            self.close_channel(out);
            out.push_back(started);
        }
        let arguments = delta.function.and_then(|function| function.arguments);
        let Some(arguments) = arguments.filter(|arguments| !arguments.is_empty()) else {
            return Ok(());
        };
        if !self.calls.is_started(index) {
            return Err(ProviderError::Protocol("arguments of a function without a name"));
        }
        self.piece(Channel::Arguments(index), arguments, out);
        Ok(())
    }

    /// A piece of one of the answer's texts. An empty one is no event.
    fn piece(&mut self, channel: Channel, piece: WireText<'_>, out: &mut VecDeque<ProviderEvent>) {
        if piece.is_empty() {
            return;
        }
        if self.channel != Some(channel) {
            self.close_channel(out);
            self.channel = Some(channel);
        }
        let text = self.seam.push(piece);
        if !text.is_empty() {
            out.push_back(channel.event(text));
        }
    }

    /// Whatever the last piece left over has nothing to wait for any more.
    fn close_channel(&mut self, out: &mut VecDeque<ProviderEvent>) {
        if let (Some(channel), Some(rest)) = (self.channel.take(), self.seam.close()) {
            out.push_back(channel.event(rest.into()));
        }
    }

    /// What the wire's reason means. The wire has five; the others were seen at servers that speak
    /// it nearly.
    fn finish_reason(&self, reason: &[u8]) -> Result<FinishReason, ProviderError> {
        match reason {
            b"length" | b"max_tokens" | b"model_length" => Ok(FinishReason::Length),
            b"content_filter" => Ok(FinishReason::ContentFilter),
            b"error" | b"abort" | b"insufficient_system_resource" => Err(ProviderError::Failed),
            // Servers differ in what they say after calls, some say `stop`: the calls decide.
            _ if self.calls.any() => Ok(FinishReason::ToolCalls),
            _ => Ok(FinishReason::Stop),
        }
    }
}

#[cfg(test)]
mod tests;
