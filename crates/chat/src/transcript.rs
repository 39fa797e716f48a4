//! Turns what a provider says into numbered events and, at the end, into items.

use std::sync::Arc;

use loquat_context::TokenCounter;
use loquat_domain::{
    EventKind, FunctionCall, Item, ItemContent, ItemId, ItemStart, ItemStatus, Message, Part,
    Reasoning, ResponseId, Role, StreamKind, Timestamp, check_text,
};
use loquat_provider::ProviderEvent;

use crate::ports::{Clock, IdSource};

/// What an item costs beside its text, in bytes: so that an answer of many items without text is
/// bounded too.
const ITEM_BYTES: usize = 512;

/// What an answer has become so far.
///
/// Every piece of a provider's answer becomes a delta of an open item; a piece of another kind
/// closes what is open and opens the next. At most one item is open at a time.
pub(crate) struct Transcript {
    response: ResponseId,
    output: Vec<Arc<Item>>,
    open: Option<Open>,
    bytes: usize,
}

/// The item that is being produced.
struct Open {
    id: ItemId,
    created_at: Timestamp,
    body: Body,
}

enum Body {
    Message { closed: Vec<Part>, part: Option<(StreamKind, String)> },
    Reasoning { thoughts: Thoughts, sealed: Option<String> },
    FunctionCall { index: u32, call_id: String, name: Arc<str>, arguments: String },
}

/// Thoughts as they are, or in short.
struct Thoughts {
    kind: StreamKind,
    /// The parts that are whole.
    closed: Vec<String>,
    /// The part that grows, and the provider's number of it.
    part: Option<(u32, String)>,
}

/// A piece of a call that is not open: the provider mixes its calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotOpen;

/// What a transcript needs of the world.
pub(crate) struct Tools<'a> {
    pub(crate) ids: &'a dyn IdSource,
    pub(crate) clock: &'a dyn Clock,
    pub(crate) counter: &'a dyn TokenCounter,
}

impl Transcript {
    pub(crate) fn new(response: ResponseId) -> Self {
        Self { response, output: Vec::new(), open: None, bytes: 0 }
    }

    /// Bytes so far: of text, and of the items that hold it.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// True when at least one piece of an answer has come.
    pub(crate) fn has_content(&self) -> bool {
        self.open.is_some() || !self.output.is_empty()
    }

    /// Takes a piece of the answer and emits the events that it makes.
    ///
    /// # Errors
    ///
    /// [`NotOpen`] when it belongs to a function call that was closed or never began.
    pub(crate) fn push(
        &mut self,
        event: ProviderEvent,
        tools: &Tools<'_>,
        emit: &mut dyn FnMut(EventKind),
    ) -> Result<(), NotOpen> {
        match event {
            ProviderEvent::Text(text) => self.say(StreamKind::Text, kept(text), tools, emit),
            ProviderEvent::Refusal(text) => self.say(StreamKind::Refusal, kept(text), tools, emit),
            ProviderEvent::Reasoning(text) => {
                self.think(StreamKind::Reasoning, 0, kept(text), tools, emit);
            }
            ProviderEvent::ReasoningSummary { part, delta } => {
                self.think(StreamKind::Summary, part, kept(delta), tools, emit);
            }
            ProviderEvent::ReasoningSealed(sealed) => self.seal(kept(sealed), tools, emit),
            ProviderEvent::ToolCallStarted { index, call_id, name } => {
                self.call(index, kept(call_id), kept(name), tools, emit);
            }
            ProviderEvent::ToolCallArguments { index, delta } => {
                return self.argue(index, kept(delta), emit);
            }
            ProviderEvent::Finished(_) | ProviderEvent::Usage(_) => {}
        }
        Ok(())
    }

    /// Closes what is open with this status. Nothing may be pushed afterwards.
    pub(crate) fn close(
        &mut self,
        status: ItemStatus,
        tools: &Tools<'_>,
        emit: &mut dyn FnMut(EventKind),
    ) {
        let Some(open) = self.open.take() else { return };
        let output = self.index();
        let id = open.id;
        let content = match open.body {
            Body::Message { mut closed, part } => {
                if let Some((kind, text)) = part {
                    let at = part_index(&closed);
                    closed.push(close_part(output, id, at, kind, text, emit));
                }
                ItemContent::Message(Message { role: Role::Assistant, parts: closed, phase: None })
            }
            Body::Reasoning { mut thoughts, sealed } => {
                thoughts.close_part(output, id, emit);
                ItemContent::Reasoning(thoughts.into_reasoning(sealed))
            }
            Body::FunctionCall { call_id, name, arguments, .. } => {
                emit(EventKind::TextDone {
                    output,
                    id,
                    part: 0,
                    kind: StreamKind::Arguments,
                    text: arguments.as_str().into(),
                    name: Arc::clone(&name),
                });
                let name = name.as_ref().to_owned();
                ItemContent::FunctionCall(FunctionCall { call_id, name, arguments })
            }
        };
        let item = Arc::new(Item {
            id,
            response: Some(self.response),
            tokens: tools.counter.item(&content),
            counter: tools.counter.id(),
            content,
            status,
            created_at: open.created_at,
        });
        self.output.push(Arc::clone(&item));
        emit(EventKind::ItemDone { output, item });
    }

    /// What the answer has become. Items that are still open are not in it.
    pub(crate) fn into_output(self) -> Vec<Arc<Item>> {
        self.output
    }

    /// Takes an event that the turn had emitted before its process died.
    pub(crate) fn replay(&mut self, created_at: Timestamp, kind: EventKind) {
        match kind {
            EventKind::ItemAdded { id, start, .. } => {
                let body = match start {
                    ItemStart::Message => Body::Message { closed: Vec::new(), part: None },
                    // Which of both it is, its first part tells.
                    ItemStart::Reasoning => Body::thoughts(StreamKind::Reasoning),
                    ItemStart::FunctionCall { call_id, name } => Body::FunctionCall {
                        index: 0,
                        call_id,
                        name: name.into(),
                        arguments: String::new(),
                    },
                };
                self.open = Some(Open { id, created_at, body });
            }
            EventKind::PartAdded { kind, part: index, .. } => match &mut self.open {
                Some(Open { body: Body::Message { part, .. }, .. }) => {
                    *part = Some((kind, String::new()));
                }
                Some(Open { body: Body::Reasoning { thoughts, .. }, .. }) => {
                    thoughts.kind = kind;
                    thoughts.part = Some((index, String::new()));
                }
                _ => {}
            },
            EventKind::Delta { text: delta, .. } => {
                if let Some(open) = &mut self.open {
                    open.body.append(&delta);
                }
            }
            EventKind::PartDone { kind, text, .. } => match &mut self.open {
                Some(Open { body: Body::Message { closed, part }, .. }) => {
                    *part = None;
                    closed.push(part_of(kind, text.as_ref().to_owned()));
                }
                Some(Open { body: Body::Reasoning { thoughts, .. }, .. }) => {
                    thoughts.part = None;
                    thoughts.closed.push(text.as_ref().to_owned());
                }
                _ => {}
            },
            EventKind::ItemDone { item, .. } => {
                self.open = None;
                self.output.push(item);
            }
            EventKind::Created
            | EventKind::Queued
            | EventKind::InProgress
            | EventKind::TextDone { .. }
            | EventKind::Failed(_)
            | EventKind::Ended(_) => {}
        }
    }

    fn say(
        &mut self,
        kind: StreamKind,
        text: String,
        tools: &Tools<'_>,
        emit: &mut dyn FnMut(EventKind),
    ) {
        if !matches!(self.open, Some(Open { body: Body::Message { .. }, .. })) {
            let body = Body::Message { closed: Vec::new(), part: None };
            self.begin(body, ItemStart::Message, tools, emit);
        }
        self.bytes = self.bytes.saturating_add(text.len());
        let output = self.index();
        let Some(Open { id, body: Body::Message { closed, part }, .. }) = &mut self.open else {
            return;
        };
        let id = *id;
        match part {
            Some((open, said)) if *open == kind => said.push_str(&text),
            _ => {
                if let Some((was, said)) = part.take() {
                    let at = part_index(closed);
                    closed.push(close_part(output, id, at, was, said, emit));
                }
                emit(EventKind::PartAdded { output, id, part: part_index(closed), kind });
                *part = Some((kind, text.clone()));
            }
        }
        emit(EventKind::Delta { output, id, part: part_index(closed), kind, text });
    }

    fn think(
        &mut self,
        kind: StreamKind,
        number: u32,
        text: String,
        tools: &Tools<'_>,
        emit: &mut dyn FnMut(EventKind),
    ) {
        // An item has either thoughts or summaries, and what is sealed is whole.
        let goes_on = matches!(
            &self.open,
            Some(Open { body: Body::Reasoning { thoughts, sealed: None }, .. })
                if thoughts.kind == kind
        );
        if !goes_on {
            self.begin(Body::thoughts(kind), ItemStart::Reasoning, tools, emit);
        }
        self.bytes = self.bytes.saturating_add(text.len());
        let output = self.index();
        let Some(Open { id, body: Body::Reasoning { thoughts, .. }, .. }) = &mut self.open else {
            return;
        };
        let id = *id;
        if thoughts.part.as_ref().is_some_and(|(open, _)| *open != number) {
            thoughts.close_part(output, id, emit);
        }
        let part = part_index(&thoughts.closed);
        let (_, said) = thoughts.part.get_or_insert_with(|| {
            emit(EventKind::PartAdded { output, id, part, kind });
            (number, String::new())
        });
        said.push_str(&text);
        emit(EventKind::Delta { output, id, part, kind, text });
    }

    /// Thoughts are whole, and this is their sealed form.
    fn seal(&mut self, form: String, tools: &Tools<'_>, emit: &mut dyn FnMut(EventKind)) {
        let is_open =
            matches!(&self.open, Some(Open { body: Body::Reasoning { sealed: None, .. }, .. }));
        if !is_open {
            self.begin(Body::thoughts(StreamKind::Reasoning), ItemStart::Reasoning, tools, emit);
        }
        self.bytes = self.bytes.saturating_add(form.len());
        if let Some(Open { body: Body::Reasoning { sealed, .. }, .. }) = &mut self.open {
            *sealed = Some(form);
        }
    }

    fn call(
        &mut self,
        index: u32,
        call_id: String,
        name: String,
        tools: &Tools<'_>,
        emit: &mut dyn FnMut(EventKind),
    ) {
        let start = ItemStart::FunctionCall { call_id: call_id.clone(), name: name.clone() };
        let body =
            Body::FunctionCall { index, call_id, name: name.into(), arguments: String::new() };
        self.begin(body, start, tools, emit);
    }

    fn argue(
        &mut self,
        index: u32,
        delta: String,
        emit: &mut dyn FnMut(EventKind),
    ) -> Result<(), NotOpen> {
        let output = self.index();
        let Some(open) = &mut self.open else { return Err(NotOpen) };
        let Body::FunctionCall { index: is_open, .. } = &open.body else { return Err(NotOpen) };
        if *is_open != index {
            return Err(NotOpen);
        }
        self.bytes = self.bytes.saturating_add(delta.len());
        open.body.append(&delta);
        let kind = StreamKind::Arguments;
        emit(EventKind::Delta { output, id: open.id, part: 0, kind, text: delta });
        Ok(())
    }

    fn begin(
        &mut self,
        body: Body,
        start: ItemStart,
        tools: &Tools<'_>,
        emit: &mut dyn FnMut(EventKind),
    ) -> ItemId {
        self.close(ItemStatus::Completed, tools, emit);
        let names = match &start {
            ItemStart::FunctionCall { call_id, name } => call_id.len() + name.len(),
            ItemStart::Message | ItemStart::Reasoning => 0,
        };
        self.bytes = self.bytes.saturating_add(ITEM_BYTES + names);
        let id = ItemId::from_uuid(tools.ids.next());
        emit(EventKind::ItemAdded { output: self.index(), id, start });
        self.open = Some(Open { id, created_at: tools.clock.now(), body });
        id
    }

    /// Index in the output of the item that is open, or would be.
    fn index(&self) -> u32 {
        u32::try_from(self.output.len()).unwrap_or(u32::MAX)
    }
}

impl Body {
    fn append(&mut self, delta: &str) {
        match self {
            Self::Message { part: Some((_, text)), .. }
            | Self::Reasoning { thoughts: Thoughts { part: Some((_, text)), .. }, .. }
            | Self::FunctionCall { arguments: text, .. } => text.push_str(delta),
            Self::Message { part: None, .. } | Self::Reasoning { .. } => {}
        }
    }

    fn thoughts(kind: StreamKind) -> Self {
        let thoughts = Thoughts { kind, closed: Vec::new(), part: None };
        Self::Reasoning { thoughts, sealed: None }
    }
}

impl Thoughts {
    fn close_part(&mut self, output: u32, id: ItemId, emit: &mut dyn FnMut(EventKind)) {
        if let Some((_, text)) = self.part.take() {
            let at = part_index(&self.closed);
            part_events(output, id, at, self.kind, &text.as_str().into(), emit);
            self.closed.push(text);
        }
    }

    fn into_reasoning(self, encrypted: Option<String>) -> Reasoning {
        match self.kind {
            StreamKind::Summary => {
                Reasoning { text: String::new(), summary: self.closed, encrypted }
            }
            _ => Reasoning { text: self.closed.concat(), summary: Vec::new(), encrypted },
        }
    }
}

/// A model's text as every store can keep it: the one character that none can is replaced.
fn kept(text: String) -> String {
    if check_text(&text).is_ok() { text } else { text.replace('\0', "\u{FFFD}") }
}

fn part_index<T>(closed: &[T]) -> u32 {
    u32::try_from(closed.len()).unwrap_or(u32::MAX)
}

fn close_part(
    output: u32,
    id: ItemId,
    at: u32,
    kind: StreamKind,
    text: String,
    emit: &mut dyn FnMut(EventKind),
) -> Part {
    part_events(output, id, at, kind, &text.as_str().into(), emit);
    part_of(kind, text)
}

fn part_events(
    output: u32,
    id: ItemId,
    part: u32,
    kind: StreamKind,
    text: &Arc<str>,
    emit: &mut dyn FnMut(EventKind),
) {
    let name = Arc::from("");
    emit(EventKind::TextDone { output, id, part, kind, text: Arc::clone(text), name });
    emit(EventKind::PartDone { output, id, part, kind, text: Arc::clone(text) });
}

fn part_of(kind: StreamKind, text: String) -> Part {
    if kind == StreamKind::Refusal { Part::Refusal(text) } else { Part::Text(text) }
}

#[cfg(test)]
mod tests;
