//! Parts of an item, and the pieces that they come in.

use serde_json::Value;

use super::{Rule, fields::Fields, rule};

/// What a part holds, and what the events about it are called.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct PartKind {
    /// The part's `type`.
    part: &'static str,
    /// Where the part and the last event about its text keep the text.
    pub(super) key: &'static str,
    /// The `type` of items that have such parts.
    item: &'static str,
    /// Which field of the item, and which index of an event, the part is found by.
    pub(super) list: List,
}

/// Where an item keeps a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum List {
    Content,
    Summary,
}

impl List {
    pub(super) const fn index_key(self) -> &'static str {
        match self {
            Self::Content => "content_index",
            Self::Summary => "summary_index",
        }
    }
}

pub(super) const TEXT: PartKind =
    PartKind { part: "output_text", key: "text", item: "message", list: List::Content };
pub(super) const REFUSAL: PartKind =
    PartKind { part: "refusal", key: "refusal", item: "message", list: List::Content };
pub(super) const REASONING: PartKind =
    PartKind { part: "reasoning_text", key: "text", item: "reasoning", list: List::Content };
pub(super) const SUMMARY: PartKind =
    PartKind { part: "summary_text", key: "text", item: "reasoning", list: List::Summary };

const KINDS: [&PartKind; 4] = [&TEXT, &REFUSAL, &REASONING, &SUMMARY];

/// Checks a part wherever it stands, and returns its kind and text.
pub(super) fn check_part(part: &Value, item: &str) -> Rule<(&'static PartKind, String)> {
    let fields = Fields::of(part, "a part")?;
    let kind = fields.text("type")?;
    let known = KINDS.into_iter().find(|known| known.part == kind && known.item == item);
    let known = known.ok_or_else(|| format!("{item} has no parts like {part}"))?;
    if known == &TEXT {
        fields.array("annotations")?;
        if fields.has("logprobs") {
            fields.array("logprobs")?;
        }
    }
    Ok((known, fields.string(known.key)?.to_owned()))
}

/// Text that comes in pieces.
#[derive(Debug, Default)]
pub(super) struct Pieces {
    pub(super) text: String,
    done: bool,
}

impl Pieces {
    pub(super) fn push(&mut self, delta: &str) -> Rule {
        rule(!self.done, || format!("a delta follows the end of its text: {delta:?}"))?;
        self.text.push_str(delta);
        Ok(())
    }

    pub(super) fn end(&mut self, text: &str) -> Rule {
        rule(!self.done, || "the text is done twice".to_owned())?;
        self.done = true;
        self.check(text)
    }

    /// The whole, where it is told again.
    pub(super) fn check(&self, text: &str) -> Rule {
        rule(self.done, || "the text is not done yet".to_owned())?;
        rule(text == self.text, || {
            format!("the deltas add up to {:?}, but the whole is {text:?}", self.text)
        })
    }
}

/// The parts of one list of one item.
#[derive(Debug, Default)]
pub(super) struct Parts {
    pub(super) done: Vec<Value>,
    open: Option<OpenPart>,
}

#[derive(Debug)]
struct OpenPart {
    kind: &'static PartKind,
    pieces: Pieces,
    annotations: Vec<Value>,
}

impl Parts {
    fn index(&self, event: Fields<'_>, list: List) -> Rule {
        event.exactly(list.index_key(), self.done.len())
    }

    pub(super) fn added(&mut self, event: Fields<'_>, item: &str, list: List) -> Rule {
        rule(self.open.is_none(), || "a part begins before the last is done".to_owned())?;
        self.index(event, list)?;
        let part = event.nullable("part")?.unwrap_or(&Value::Null);
        let (kind, text) = check_part(part, item)?;
        rule(kind.list == list, || format!("the part belongs to another list: {part}"))?;
        let annotated = part.get("annotations").and_then(Value::as_array);
        rule(text.is_empty() && annotated.is_none_or(Vec::is_empty), || {
            format!("a part begins with something in it: {part}")
        })?;
        self.open = Some(OpenPart { kind, pieces: Pieces::default(), annotations: vec![] });
        Ok(())
    }

    fn open(&mut self, event: Fields<'_>, kind: &PartKind) -> Rule<&mut OpenPart> {
        self.index(event, kind.list)?;
        let open = self.open.as_mut().filter(|open| open.kind == kind);
        open.ok_or_else(|| format!("no {} is open", kind.part))
    }

    pub(super) fn delta(&mut self, event: Fields<'_>, kind: &PartKind) -> Rule {
        self.open(event, kind)?.pieces.push(event.text("delta")?)
    }

    pub(super) fn text_done(&mut self, event: Fields<'_>, kind: &PartKind) -> Rule {
        self.open(event, kind)?.pieces.end(event.string(kind.key)?)
    }

    pub(super) fn annotation(&mut self, event: Fields<'_>) -> Rule {
        let annotation = event.nullable("annotation")?.unwrap_or(&Value::Null).clone();
        let open = self.open(event, &TEXT)?;
        event.exactly("annotation_index", open.annotations.len())?;
        open.annotations.push(annotation);
        Ok(())
    }

    pub(super) fn part_done(&mut self, event: Fields<'_>, item: &str, list: List) -> Rule {
        self.index(event, list)?;
        let part = event.nullable("part")?.unwrap_or(&Value::Null);
        let (kind, text) = check_part(part, item)?;
        let open = self.open.take().filter(|open| open.kind == kind);
        let open = open.ok_or_else(|| format!("a part is done that did not begin: {part}"))?;
        open.pieces.check(&text)?;
        if kind == &TEXT {
            Fields::of(part, "the part")?.exactly("annotations", open.annotations)?;
        }
        self.done.push(part.clone());
        Ok(())
    }

    pub(super) fn check_closed(&self) -> Rule {
        rule(self.open.is_none(), || "the item is done before its last part".to_owned())
    }
}
