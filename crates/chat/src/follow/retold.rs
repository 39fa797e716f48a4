//! An answer told again from what is stored, when its own events are no longer kept.

use std::sync::Arc;

use loquat_domain::{
    Ended, Event, EventKind, FunctionCall, Item, ItemContent, ItemStart, Message, Part, Reasoning,
    StreamKind,
};
use loquat_store::StoredResponse;

use crate::ending::{beginning, ending};

/// Events that add up to the response, numbered from 0: each text is one piece.
pub(super) fn events(stored: StoredResponse) -> Vec<Event> {
    let StoredResponse { response, output, .. } = stored;
    let output: Vec<Arc<Item>> = output.into_iter().map(Arc::new).collect();
    let mut kinds = Vec::from(beginning(response.background));
    if response.background {
        kinds.push(EventKind::InProgress);
    }
    for (index, item) in (0..).zip(&output) {
        tell(index, item, &mut kinds);
    }
    kinds.extend(ending(Arc::new(Ended { response, output })));
    (0..).zip(kinds).map(|(sequence, kind)| Event { sequence, kind }).collect()
}

fn tell(output: u32, item: &Arc<Item>, kinds: &mut Vec<EventKind>) {
    let id = item.id;
    let start = match &item.content {
        ItemContent::Message(_) => ItemStart::Message,
        ItemContent::Reasoning(_) => ItemStart::Reasoning,
        ItemContent::FunctionCall(FunctionCall { call_id, name, .. }) => {
            ItemStart::FunctionCall { call_id: call_id.clone(), name: name.clone() }
        }
        // No model produces one.
        ItemContent::FunctionCallOutput(_) | ItemContent::Compaction(_) => return,
    };
    kinds.push(EventKind::ItemAdded { output, id, start });
    let mut part = |part: u32, kind: StreamKind, text: &str| {
        kinds.push(EventKind::PartAdded { output, id, part, kind });
        said(Said { output, id, part, kind, name: "" }, text, kinds);
        kinds.push(EventKind::PartDone { output, id, part, kind, text: text.into() });
    };
    match &item.content {
        ItemContent::Message(Message { parts, .. }) => {
            for (index, said) in (0..).zip(parts) {
                match said {
                    Part::Text(text) => part(index, StreamKind::Text, text),
                    Part::Refusal(text) => part(index, StreamKind::Refusal, text),
                    Part::Image { .. } => {}
                }
            }
        }
        ItemContent::Reasoning(Reasoning { text, summary, .. }) => {
            if !text.is_empty() {
                part(0, StreamKind::Reasoning, text);
            }
            for (index, text) in (0..).zip(summary) {
                part(index, StreamKind::Summary, text);
            }
        }
        ItemContent::FunctionCall(FunctionCall { name, arguments, .. }) => {
            let kind = StreamKind::Arguments;
            said(Said { output, id, part: 0, kind, name }, arguments, kinds);
        }
        ItemContent::FunctionCallOutput(_) | ItemContent::Compaction(_) => {}
    }
    kinds.push(EventKind::ItemDone { output, item: Arc::clone(item) });
}

/// Where a text stands.
#[derive(Clone, Copy)]
struct Said<'a> {
    output: u32,
    id: loquat_domain::ItemId,
    part: u32,
    kind: StreamKind,
    /// A function's name; else empty.
    name: &'a str,
}

fn said(at: Said<'_>, text: &str, kinds: &mut Vec<EventKind>) {
    let Said { output, id, part, kind, name } = at;
    if !text.is_empty() {
        kinds.push(EventKind::Delta { output, id, part, kind, text: text.to_owned() });
    }
    let (text, name) = (text.into(), name.into());
    kinds.push(EventKind::TextDone { output, id, part, kind, text, name });
}
