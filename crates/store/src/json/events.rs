//! Checkpointed events.
//!
//! Written are only what cannot be had otherwise: numbers follow from the order, an item's id from
//! its beginning, a whole text from its pieces. Pieces that follow each other in one part share one
//! list, which keeps their boundaries.

use std::borrow::Cow;

use loquat_domain::{Event, EventKind, ItemStart, StreamKind};
use serde::{Deserialize, Serialize};

use super::{
    V1,
    item::{IdJson, ItemJson},
    names, write,
};

/// Writes a run of a turn's events as they come, for [`EventDecoder`](super::EventDecoder).
///
/// It holds the written text and nothing of the events. [`EventKind::Failed`] and
/// [`EventKind::Ended`] are passed over: by then, the response itself says more.
#[derive(Debug, Clone)]
pub struct EventEncoder {
    written: String,
    /// The part whose list of pieces is still open at the end of `written`.
    open: Option<(u32, u32, StreamKind)>,
    is_empty: bool,
}

/// What every run begins with; `finish` closes what this opens.
const HEAD: &str = r#"{"v":1,"events":["#;

impl Default for EventEncoder {
    fn default() -> Self {
        Self { written: HEAD.to_owned(), open: None, is_empty: true }
    }
}

impl EventEncoder {
    /// Writes one more event.
    pub fn push(&mut self, kind: &EventKind) {
        if let EventKind::Delta { output, part, kind, text, .. } = kind {
            self.piece((*output, *part, *kind), text);
        } else if let Some(step) = StepJson::of(kind) {
            self.close();
            self.separate();
            self.written.push_str(&write(&step));
        }
    }

    /// Bytes written so far.
    pub fn len(&self) -> usize {
        self.written.len()
    }

    /// True when nothing was written since the beginning.
    pub fn is_empty(&self) -> bool {
        self.is_empty
    }

    /// The run.
    pub fn finish(mut self) -> String {
        self.close();
        self.written.push_str("]}");
        self.written
    }

    /// Adds a piece to the list of those right before it, if it belongs there.
    fn piece(&mut self, place: (u32, u32, StreamKind), text: &str) {
        if self.open == Some(place) {
            self.written.push(',');
            self.written.push_str(&write(&text));
            return;
        }
        self.close();
        self.separate();
        let (output, part, kind) = place;
        let step = StepJson::Delta(output, part, kind.into(), vec![text.into()]);
        let step = write(&step);
        // Left open for the pieces that follow: `close` writes it.
        self.written.push_str(step.strip_suffix(PIECES_END).unwrap_or(&step));
        self.open = Some(place);
    }

    fn close(&mut self) {
        if self.open.take().is_some() {
            self.written.push_str(PIECES_END);
        }
    }

    fn separate(&mut self) {
        if !self.is_empty {
            self.written.push(',');
        }
        self.is_empty = false;
    }
}

/// The end of a step of pieces: of the list, of the step's fields, of the step.
const PIECES_END: &str = "]]}";

/// Writes a whole run of a turn's events: see [`EventEncoder`].
pub fn encode_events<'a>(events: impl IntoIterator<Item = &'a Event>) -> String {
    let mut encoder = EventEncoder::default();
    for event in events {
        encoder.push(&event.kind);
    }
    encoder.finish()
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EventsJson<'a> {
    v: V1,
    #[serde(borrow)]
    pub(super) events: Vec<StepJson<'a>>,
}

/// One event, or several pieces of one text. The first number is the index of the item in the
/// output; the second, where there is one, that of the part in the item.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum StepJson<'a> {
    Created,
    Queued,
    InProgress,
    ItemAdded(u32, IdJson, #[serde(borrow)] StartJson<'a>),
    PartAdded(u32, u32, KindJson),
    Delta(u32, u32, KindJson, Vec<Cow<'a, str>>),
    TextDone(u32, u32, KindJson),
    PartDone(u32, u32, KindJson),
    ItemDone(u32, #[serde(borrow)] ItemJson<'a>),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum StartJson<'a> {
    Message,
    Reasoning,
    /// Call id and name.
    FunctionCall(#[serde(borrow)] Cow<'a, str>, #[serde(borrow)] Cow<'a, str>),
}

names! {
    KindJson = StreamKind {
        Text = "text",
        Refusal = "refusal",
        Reasoning = "reasoning",
        Summary = "summary",
        Arguments = "arguments",
    }
}

impl<'a> StepJson<'a> {
    fn of(kind: &'a EventKind) -> Option<Self> {
        Some(match kind {
            EventKind::Created => Self::Created,
            EventKind::Queued => Self::Queued,
            EventKind::InProgress => Self::InProgress,
            EventKind::ItemAdded { output, id, start } => {
                Self::ItemAdded(*output, IdJson(id.as_uuid()), start.into())
            }
            EventKind::PartAdded { output, part, kind, .. } => {
                Self::PartAdded(*output, *part, (*kind).into())
            }
            EventKind::Delta { output, part, kind, text, .. } => {
                Self::Delta(*output, *part, (*kind).into(), vec![text.into()])
            }
            EventKind::TextDone { output, part, kind, .. } => {
                Self::TextDone(*output, *part, (*kind).into())
            }
            EventKind::PartDone { output, part, kind, .. } => {
                Self::PartDone(*output, *part, (*kind).into())
            }
            EventKind::ItemDone { output, item } => Self::ItemDone(*output, item.as_ref().into()),
            EventKind::Failed(_) | EventKind::Ended(_) => return None,
        })
    }
}

impl<'a> From<&'a ItemStart> for StartJson<'a> {
    fn from(start: &'a ItemStart) -> Self {
        match start {
            ItemStart::Message => Self::Message,
            ItemStart::Reasoning => Self::Reasoning,
            ItemStart::FunctionCall { call_id, name } => {
                Self::FunctionCall(call_id.into(), name.into())
            }
        }
    }
}

impl From<StartJson<'_>> for ItemStart {
    fn from(form: StartJson<'_>) -> Self {
        match form {
            StartJson::Message => Self::Message,
            StartJson::Reasoning => Self::Reasoning,
            StartJson::FunctionCall(call_id, name) => {
                Self::FunctionCall { call_id: call_id.into_owned(), name: name.into_owned() }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use loquat_domain::{
        CounterId, Ended, Failure, FailureCode, Item, ItemContent, ItemId, ItemStatus, Message,
        Metadata, Response, ResponseId, Role, Settings, Status, Timestamp,
    };
    use uuid::Uuid;

    use super::*;
    use crate::{StoreError, json::EventDecoder};

    const fn id(n: u128) -> ItemId {
        ItemId::from_uuid(Uuid::from_u128(n))
    }

    fn response_id() -> ResponseId {
        ResponseId::from_uuid(Uuid::from_u128(7))
    }

    fn item() -> Item {
        Item {
            id: id(1),
            response: Some(response_id()),
            content: ItemContent::Message(Message::text(Role::Assistant, "Hello")),
            status: ItemStatus::Completed,
            tokens: 5,
            counter: CounterId::ESTIMATE,
            created_at: Timestamp::from_micros(-2),
        }
    }

    /// One event of every kind that is checkpointed; pieces of two texts.
    fn every_kind() -> Vec<Event> {
        let (id, call) = (id(1), id(2));
        let text = StreamKind::Text;
        let arguments = StreamKind::Arguments;
        let piece = |piece: &str| EventKind::Delta {
            output: 0,
            id,
            part: 0,
            kind: text,
            text: piece.to_owned(),
        };
        let kinds = vec![
            EventKind::Created,
            EventKind::Queued,
            EventKind::InProgress,
            EventKind::ItemAdded { output: 0, id, start: ItemStart::Message },
            EventKind::PartAdded { output: 0, id, part: 0, kind: text },
            piece("Hel"),
            piece("lo"),
            EventKind::TextDone {
                output: 0,
                id,
                part: 0,
                kind: text,
                text: "Hello".into(),
                name: "".into(),
            },
            EventKind::PartDone { output: 0, id, part: 0, kind: text, text: "Hello".into() },
            EventKind::ItemDone { output: 0, item: Arc::new(item()) },
            EventKind::ItemAdded {
                output: 1,
                id: call,
                start: ItemStart::FunctionCall { call_id: "c1".to_owned(), name: "f".to_owned() },
            },
            EventKind::Delta {
                output: 1,
                id: call,
                part: 0,
                kind: arguments,
                text: "{\"a\":".to_owned(),
            },
            EventKind::TextDone {
                output: 1,
                id: call,
                part: 0,
                kind: arguments,
                text: "{\"a\":".into(),
                name: "f".into(),
            },
        ];
        let numbered = (0..).zip(kinds);
        numbered.map(|(sequence, kind)| Event { sequence, kind }).collect()
    }

    const EVERY_KIND: &str = concat!(
        r#"{"v":1,"events":["created","queued","in_progress","#,
        r#"{"item_added":[0,"00000000000000000000000000000001","message"]},"#,
        r#"{"part_added":[0,0,"text"]},"#,
        r#"{"delta":[0,0,"text",["Hel","lo"]]},"#,
        r#"{"text_done":[0,0,"text"]},"#,
        r#"{"part_done":[0,0,"text"]},"#,
        r#"{"item_done":[0,{"id":"00000000000000000000000000000001","#,
        r#""response":"00000000000000000000000000000007","#,
        r#""content":{"message":{"role":"assistant","parts":[{"text":"Hello"}]}},"#,
        r#""status":"completed","tokens":5,"created_at":-2}]},"#,
        r#"{"item_added":[1,"00000000000000000000000000000002",{"function_call":["c1","f"]}]},"#,
        r#"{"delta":[1,0,"arguments",["{\"a\":"]]},"#,
        r#"{"text_done":[1,0,"arguments"]}]}"#,
    );

    #[test]
    fn events_are_written_like_this() {
        assert_eq!(encode_events(&every_kind()), EVERY_KIND);
    }

    #[test]
    fn events_are_read_from_this() {
        assert_eq!(EventDecoder::new().push(EVERY_KIND).unwrap(), every_kind());
    }

    #[test]
    fn the_end_is_passed_over() {
        let response = Response {
            id: response_id(),
            conversation: None,
            previous: None,
            model: "echo".to_owned(),
            settings: Settings::default(),
            metadata: Metadata::default(),
            background: false,
            status: Status::Completed,
            usage: None,
            created_at: Timestamp::from_micros(0),
            completed_at: None,
        };
        let ended = EventKind::Ended(Arc::new(Ended { response, output: Vec::new() }));
        let failed = EventKind::Failed(Failure {
            code: FailureCode::ProviderIdleTimeout,
            message: "too slow".to_owned(),
        });
        let events = [Event { sequence: 2, kind: failed }, Event { sequence: 3, kind: ended }];
        assert_eq!(encode_events(&events), r#"{"v":1,"events":[]}"#);
    }

    #[test]
    fn events_that_cannot_follow_each_other_are_corrupt() {
        for events in [
            r#"{"delta":[0,0,"text",["no item"]]}"#,
            r#"{"item_done":[0,{"id":"00000000000000000000000000000001","content":{"reasoning":{"text":""}},"status":"completed","tokens":0,"created_at":0}]}"#,
            r#"{"item_added":[0,"00000000000000000000000000000001","message"]},{"item_added":[0,"00000000000000000000000000000002","message"]}"#,
            r#"{"item_added":[0,"00000000000000000000000000000001","message"]},{"text_done":[0,0,"text"]},{"delta":[0,0,"text",["late"]]}"#,
            r#"{"failed":["server_error","?"]}"#,
            r#"{"item_added":[0,"1","poem"]}"#,
            r#""ended""#,
        ] {
            let json = format!(r#"{{"v":1,"events":[{events}]}}"#);
            let read = EventDecoder::new().push(&json);
            assert!(
                matches!(read, Err(StoreError::Corrupt { column: "events" })),
                "{json}: {read:?}"
            );
        }
        let later = EventDecoder::new().push(r#"{"v":2,"events":[]}"#);
        assert!(matches!(later, Err(StoreError::Corrupt { column: "events" })), "{later:?}");
    }
}
