//! From the wire's events to the provider's.

use std::{collections::VecDeque, sync::Arc};

use loquat_domain::Usage;
use loquat_provider::{FinishReason, ProviderError, ProviderEvent};
use loquat_provider_http::{
    Channel, ErrorReport, Frame, Pause, Pieces, Said, Seal, Translator, WireText,
};
use serde::Deserialize;

use super::{
    calls::Calls,
    event::{
        EventKind, FunctionCallItem, Item, ItemEvent, ItemPart, Piece, ReasoningItem, Response,
        TerminalEvent, kind, read_usage, text,
    },
    rewrite::is_about_seals,
    sources::{Source, Sources, Told},
};

/// Reads one answer's frames in order.
#[derive(Debug)]
pub(crate) struct EventTranslator {
    seal: Arc<Seal>,
    sources: Sources,
    calls: Calls,
    summary: SummaryParts,
    pieces: Pieces,
    finished: bool,
    usage: Option<Usage>,
    pause: Pause,
}

impl EventTranslator {
    pub(crate) fn new(seal: Arc<Seal>) -> Self {
        Self {
            seal,
            sources: Sources::default(),
            calls: Calls::default(),
            summary: SummaryParts::default(),
            pieces: Pieces::default(),
            finished: false,
            usage: None,
            pause: Pause::Backoff,
        }
    }
}

impl Translator for EventTranslator {
    /// Names that this wire does not have are passed over, as a browser passes over events that
    /// nobody listens to.
    fn frame(
        &mut self,
        frame: &Frame,
        out: &mut VecDeque<ProviderEvent>,
    ) -> Result<Said, ProviderError> {
        let data = frame.data.trim_ascii();
        match data {
            b"" => return Ok(Said::More),
            b"[DONE]" => return Ok(Said::All),
            _ => {}
        }
        let text = text(data);
        let kind = kind(frame, &text).ok_or(NO_EVENT)?;
        match kind {
            EventKind::Other => Ok(Said::More),
            EventKind::Error => Err(self.reported(&text)),
            EventKind::ItemAdded => self.item_added(&read(&text)?, out),
            EventKind::ItemDone => {
                let event: ItemEvent<'_> = read(&text)?;
                if let Some(item) = item_of(&event)? {
                    self.item(item, event.output_index, Source::Item, out)?;
                }
                Ok(Said::More)
            }
            EventKind::Completed | EventKind::Incomplete | EventKind::Failed => {
                self.end(kind, &text, out)
            }
            _ => self.piece(kind, read(&text)?, out),
        }
    }

    fn is_finished(&self) -> bool {
        self.finished
    }

    fn usage(&self) -> Option<Usage> {
        self.usage
    }

    fn pause(&self) -> Pause {
        self.pause
    }
}

const NO_EVENT: ProviderError = ProviderError::Protocol("an event that is not one of this wire's");

fn read<'a, T: Deserialize<'a>>(json: &'a str) -> Result<T, ProviderError> {
    // Serde would take a list for an object, field by field.
    let object = json.starts_with('{').then(|| serde_json::from_str(json).ok());
    object.flatten().ok_or(NO_EVENT)
}

fn item_of<'a>(event: &ItemEvent<'a>) -> Result<Option<Item<'a>>, ProviderError> {
    let item = event.item.map(Item::read).transpose().map_err(|_| NO_EVENT)?;
    Ok(item.flatten())
}

impl EventTranslator {
    /// An error instead of what should follow. Seals are looked at late by some servers.
    fn reported(&mut self, report: &str) -> ProviderError {
        if is_about_seals(report.as_bytes()) {
            self.pause = Pause::Rewritten;
        }
        ErrorReport::read(report.as_bytes()).into_error()
    }

    /// Only a call says something by beginning; what an item already has is told with its end.
    fn item_added(
        &mut self,
        event: &ItemEvent<'_>,
        out: &mut VecDeque<ProviderEvent>,
    ) -> Result<Said, ProviderError> {
        if let Some(Item::FunctionCall(call)) = item_of(event)?
            && call.name.as_ref().is_some_and(|name| !name.is_empty())
        {
            self.begin(call, event.output_index, out)?;
        }
        Ok(Said::More)
    }

    fn begin(
        &mut self,
        call: FunctionCallItem<'_>,
        place: Option<u32>,
        out: &mut VecDeque<ProviderEvent>,
    ) -> Result<u32, ProviderError> {
        let (index, started) = self.calls.begin(call.call_id, call.name, place)?;
        if let Some(started) = started {
            self.pieces.close(out);
            out.push_back(started);
        }
        Ok(index)
    }

    fn piece(
        &mut self,
        kind: EventKind,
        piece: Piece<'_>,
        out: &mut VecDeque<ProviderEvent>,
    ) -> Result<Said, ProviderError> {
        let place = piece.output_index;
        let summary = |parts: &mut SummaryParts| {
            Channel::ReasoningSummary(parts.number(place, piece.summary_index))
        };
        let (told, source, said, channel) = match kind {
            EventKind::TextDelta => (Told::Text, Source::Delta, piece.delta, Channel::Text),
            EventKind::TextDone => (Told::Text, Source::Part, piece.text, Channel::Text),
            EventKind::RefusalDelta => {
                (Told::Refusal, Source::Delta, piece.delta, Channel::Refusal)
            }
            EventKind::RefusalDone => {
                (Told::Refusal, Source::Part, piece.refusal, Channel::Refusal)
            }
            EventKind::ThoughtsDelta => {
                (Told::Thoughts, Source::Delta, piece.delta, Channel::Reasoning)
            }
            EventKind::ThoughtsDone => {
                (Told::Thoughts, Source::Part, piece.text, Channel::Reasoning)
            }
            EventKind::SummaryDelta => {
                (Told::Summary, Source::Delta, piece.delta, summary(&mut self.summary))
            }
            EventKind::SummaryDone => {
                (Told::Summary, Source::Part, piece.text, summary(&mut self.summary))
            }
            EventKind::ArgumentsDelta => {
                let call = self.calls.at(place);
                let call = call.ok_or(ProviderError::Protocol("arguments of no call"))?;
                (Told::Arguments, Source::Delta, piece.delta, Channel::Arguments(call))
            }
            // The call of a server that sends whole items only has not begun yet.
            EventKind::ArgumentsDone => match self.calls.at(place) {
                Some(call) => {
                    (Told::Arguments, Source::Part, piece.arguments, Channel::Arguments(call))
                }
                None => return Ok(Said::More),
            },
            _ => return Ok(Said::More),
        };
        self.tell(told, source, channel, said, out);
        Ok(Said::More)
    }

    /// Tells a text, unless texts of its kind come from elsewhere.
    fn tell(
        &mut self,
        told: Told,
        source: Source,
        channel: Channel,
        said: Option<WireText<'_>>,
        out: &mut VecDeque<ProviderEvent>,
    ) {
        if let Some(said) = said.filter(|said| !said.is_empty())
            && self.sources.tells(told, source)
        {
            self.pieces.push(channel, said, out);
        }
    }

    /// A whole item: whatever of it has not been told.
    fn item(
        &mut self,
        item: Item<'_>,
        place: Option<u32>,
        source: Source,
        out: &mut VecDeque<ProviderEvent>,
    ) -> Result<(), ProviderError> {
        match item {
            Item::Message(message) => {
                for ItemPart { text, refusal } in message.content.into_iter().flatten() {
                    self.tell(Told::Text, source, Channel::Text, text, out);
                    self.tell(Told::Refusal, source, Channel::Refusal, refusal, out);
                }
            }
            Item::FunctionCall(mut call) => {
                let arguments = call.arguments.take();
                let index = self.begin(call, place, out)?;
                self.tell(Told::Arguments, source, Channel::Arguments(index), arguments, out);
            }
            Item::Reasoning(reasoning) => self.thoughts(reasoning, place, source, out),
        }
        Ok(())
    }

    fn thoughts(
        &mut self,
        reasoning: ReasoningItem<'_>,
        place: Option<u32>,
        source: Source,
        out: &mut VecDeque<ProviderEvent>,
    ) {
        for part in reasoning.content.into_iter().flatten() {
            self.tell(Told::Thoughts, source, Channel::Reasoning, part.text, out);
        }
        for (part, number) in reasoning.summary.into_iter().flatten().zip(0..) {
            let channel = Channel::ReasoningSummary(self.summary.number(place, Some(number)));
            self.tell(Told::Summary, source, channel, part.text, out);
        }
        let sealed = reasoning.encrypted_content.filter(|sealed| !sealed.is_empty());
        if let Some(sealed) = sealed
            && self.sources.tells(Told::Seal, source)
        {
            self.pieces.close(out);
            let sealed = self.seal.mark(&sealed.into_text());
            out.push_back(ProviderEvent::ReasoningSealed(sealed));
        }
    }

    fn end(
        &mut self,
        kind: EventKind,
        json: &str,
        out: &mut VecDeque<ProviderEvent>,
    ) -> Result<Said, ProviderError> {
        let raw = read::<TerminalEvent<'_>>(json)?.response;
        let response: Response<'_> =
            raw.map_or_else(|| Ok(Response::default()), |raw| read(raw.get()))?;
        self.usage = response.usage.and_then(read_usage).or(self.usage);
        if kind == EventKind::Failed {
            // Some servers have the error beside the response instead of in it.
            let report = response.error.and(raw).map_or(json, |raw| raw.get());
            return Err(self.reported(report));
        }
        if self.sources.are_silent() && !self.calls.any() {
            for (raw, place) in response.output.into_iter().flatten().zip(0..) {
                if let Some(item) = Item::read(raw).map_err(|_| NO_EVENT)? {
                    self.item(item, Some(place), Source::Response, out)?;
                }
            }
        }
        let reason = match (kind, response.incomplete_details.and_then(|it| it.reason)) {
            (EventKind::Incomplete, Some(reason)) => incomplete(&reason.0),
            (EventKind::Incomplete, None) => None,
            _ if self.calls.any() => Some(FinishReason::ToolCalls),
            _ => Some(FinishReason::Stop),
        };
        self.pieces.close(out);
        // An answer that was left for a reason of which nothing is known was cut off.
        if let Some(reason) = reason {
            self.finished = true;
            out.push_back(ProviderEvent::Finished(reason));
        }
        Ok(Said::All)
    }
}

fn incomplete(reason: &[u8]) -> Option<FinishReason> {
    match reason {
        b"max_output_tokens" | b"max_tokens" | b"length" => Some(FinishReason::Length),
        b"content_filter" => Some(FinishReason::ContentFilter),
        _ => None,
    }
}

/// Numbers the parts of an answer's summaries: the wire begins anew with each item.
#[derive(Debug, Default)]
struct SummaryParts {
    last: Option<(Option<u32>, Option<u32>)>,
    number: u32,
}

impl SummaryParts {
    fn number(&mut self, item: Option<u32>, part: Option<u32>) -> u32 {
        let place = (item, part);
        if self.last.is_some_and(|last| last != place) {
            self.number = self.number.saturating_add(1);
        }
        self.last = Some(place);
        self.number
    }
}

#[cfg(test)]
mod tests;
