//! From the wire's chunks to a provider's events.

use std::collections::VecDeque;

use loquat_domain::Usage;
use loquat_provider::{FinishReason, ProviderError, ProviderEvent};
use loquat_provider_http::{Channel, ErrorReport, Frame, Pieces, Said, Translator};

use crate::{
    chunk::{Choice, Chunk, Delta, ToolCallDelta, read_usage},
    tool_calls::ToolCalls,
};

/// Reads one answer's frames in order.
#[derive(Debug, Default)]
pub(crate) struct ChunkTranslator {
    calls: ToolCalls,
    pieces: Pieces,
    finished: bool,
    usage: Option<Usage>,
}

impl Translator for ChunkTranslator {
    /// Names that this wire does not have are passed over, as a browser passes over events that
    /// nobody listens to.
    fn frame(
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

    fn is_finished(&self) -> bool {
        self.finished
    }

    fn usage(&self) -> Option<Usage> {
        self.usage
    }
}

impl ChunkTranslator {
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
            self.pieces.close(out);
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
            self.pieces.push(Channel::Reasoning, thoughts, out);
        }
        if let Some(content) = delta.content {
            self.pieces.push(Channel::Reasoning, content.thinking, out);
            self.pieces.push(Channel::Text, content.text, out);
        }
        if let Some(refusal) = delta.refusal {
            self.pieces.push(Channel::Refusal, refusal, out);
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
            self.pieces.close(out);
            out.push_back(started);
        }
        let arguments = delta.function.and_then(|function| function.arguments);
        let Some(arguments) = arguments.filter(|arguments| !arguments.is_empty()) else {
            return Ok(());
        };
        if !self.calls.is_started(index) {
            return Err(ProviderError::Protocol("arguments of a function without a name"));
        }
        self.pieces.push(Channel::Arguments(index), arguments, out);
        Ok(())
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
