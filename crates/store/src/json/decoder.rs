//! Reads checkpointed events back.

use std::{collections::BTreeMap, sync::Arc};

use loquat_domain::{Event, EventKind, Item, ItemId, ItemStart, StreamKind};

use super::{
    events::{EventsJson, StepJson},
    read,
};
use crate::StoreError;

const CORRUPT: StoreError = StoreError::Corrupt { column: "events" };

/// Reads what [`encode_events`](super::encode_events) wrote of one turn, checkpoint after
/// checkpoint from the first, and restores what was left out: numbers, ids and whole texts.
///
/// After an error it can read no further.
#[derive(Debug, Default)]
pub struct EventDecoder {
    next: u64,
    open: OpenItems,
}

impl EventDecoder {
    /// A decoder for one turn.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads the next checkpoint.
    ///
    /// # Errors
    ///
    /// [`StoreError::Corrupt`] when this version cannot read it, or it does not follow what was
    /// read before.
    pub fn push(&mut self, json: &str) -> Result<Vec<Event>, StoreError> {
        let form: EventsJson<'_> = read("events", json)?;
        let mut events = Vec::with_capacity(form.events.len());
        let mut emit = |kind| {
            events.push(Event { sequence: self.next, kind });
            self.next += 1;
        };
        for step in form.events {
            self.open.restore(step, &mut emit)?;
        }
        Ok(events)
    }
}

/// Items that have begun and are not done, by their index in the output.
#[derive(Debug, Default)]
struct OpenItems(BTreeMap<u32, OpenItem>);

#[derive(Debug)]
struct OpenItem {
    id: ItemId,
    /// A function's name; else empty.
    name: Arc<str>,
    parts: BTreeMap<u32, PartText>,
}

/// The text of one part.
#[derive(Debug)]
enum PartText {
    Growing(String),
    Whole(Arc<str>),
}

impl OpenItems {
    fn restore(
        &mut self,
        step: StepJson<'_>,
        emit: &mut impl FnMut(EventKind),
    ) -> Result<(), StoreError> {
        match step {
            StepJson::Created => emit(EventKind::Created),
            StepJson::Queued => emit(EventKind::Queued),
            StepJson::InProgress => emit(EventKind::InProgress),
            StepJson::ItemAdded(output, id, start) => {
                emit(self.begin(output, ItemId::from_uuid(id.0), start.into())?);
            }
            StepJson::PartAdded(output, part, kind) => {
                let item = self.item(output)?;
                item.parts.insert(part, PartText::Growing(String::new()));
                emit(EventKind::PartAdded { output, id: item.id, part, kind: kind.into() });
            }
            StepJson::Delta(output, part, kind, pieces) => {
                let item = self.item(output)?;
                let (id, kind) = (item.id, kind.into());
                for text in pieces {
                    item.grow(part, &text)?;
                    let text = text.into_owned();
                    emit(EventKind::Delta { output, id, part, kind, text });
                }
            }
            StepJson::TextDone(output, part, kind) => {
                let item = self.item(output)?;
                let (id, kind, text) = (item.id, kind.into(), item.whole(part));
                let name = match kind {
                    StreamKind::Arguments => Arc::clone(&item.name),
                    _ => Arc::from(""),
                };
                emit(EventKind::TextDone { output, id, part, kind, text, name });
            }
            StepJson::PartDone(output, part, kind) => {
                let item = self.item(output)?;
                let (id, kind, text) = (item.id, kind.into(), item.whole(part));
                emit(EventKind::PartDone { output, id, part, kind, text });
            }
            StepJson::ItemDone(output, item) => {
                self.0.remove(&output).ok_or(CORRUPT)?;
                emit(EventKind::ItemDone { output, item: Arc::new(Item::from(item)) });
            }
        }
        Ok(())
    }

    fn begin(
        &mut self,
        output: u32,
        id: ItemId,
        start: ItemStart,
    ) -> Result<EventKind, StoreError> {
        let name = match &start {
            ItemStart::FunctionCall { name, .. } => name.as_str().into(),
            ItemStart::Message | ItemStart::Reasoning => Arc::from(""),
        };
        match self.0.insert(output, OpenItem { id, name, parts: BTreeMap::new() }) {
            None => Ok(EventKind::ItemAdded { output, id, start }),
            Some(_) => Err(CORRUPT),
        }
    }

    fn item(&mut self, output: u32) -> Result<&mut OpenItem, StoreError> {
        self.0.get_mut(&output).ok_or(CORRUPT)
    }
}

impl OpenItem {
    /// The arguments of a function call are a part that does not begin.
    fn grow(&mut self, part: u32, piece: &str) -> Result<(), StoreError> {
        match self.parts.entry(part).or_insert_with(|| PartText::Growing(String::new())) {
            PartText::Growing(text) => {
                text.push_str(piece);
                Ok(())
            }
            PartText::Whole(_) => Err(CORRUPT),
        }
    }

    /// All pieces of a part together; nothing follows them.
    fn whole(&mut self, part: u32) -> Arc<str> {
        let whole = match self.parts.get(&part) {
            Some(PartText::Whole(text)) => return Arc::clone(text),
            Some(PartText::Growing(text)) => text.as_str().into(),
            None => Arc::from(""),
        };
        self.parts.insert(part, PartText::Whole(Arc::clone(&whole)));
        whole
    }
}
