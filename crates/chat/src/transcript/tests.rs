use loquat_context::Estimate;
use loquat_domain::Event;
use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::{SystemClock, SystemIds};

struct Recorded {
    events: Vec<Event>,
    output: Vec<Arc<Item>>,
}

fn text(text: &str) -> ProviderEvent {
    ProviderEvent::Text(text.to_owned())
}

fn response() -> ResponseId {
    ResponseId::from_uuid(Uuid::from_u128(7))
}

fn record(pieces: &[ProviderEvent], end: Option<ItemStatus>) -> Recorded {
    let tools = Tools { ids: &SystemIds, clock: &SystemClock, counter: &Estimate };
    let mut events: Vec<Event> = Vec::new();
    let mut emit =
        |kind| events.push(Event { sequence: u64::try_from(events.len()).unwrap(), kind });
    let mut transcript = Transcript::new(response());
    for piece in pieces {
        transcript.push(piece.clone(), &tools, &mut emit).expect("the calls are not mixed");
    }
    if let Some(status) = end {
        transcript.close(status, &tools, &mut emit);
    }
    Recorded { events, output: transcript.into_output() }
}

fn names(events: &[Event]) -> Vec<&'static str> {
    events
        .iter()
        .map(|event| match event.kind {
            EventKind::ItemAdded { .. } => "item",
            EventKind::PartAdded { .. } => "part",
            EventKind::Delta { .. } => "delta",
            EventKind::TextDone { .. } => "text done",
            EventKind::PartDone { .. } => "part done",
            EventKind::ItemDone { .. } => "item done",
            _ => "other",
        })
        .collect()
}

#[test]
fn an_answer_opens_an_item_and_a_part_and_closes_both() {
    let recorded = record(&[text("Hel"), text("lo")], Some(ItemStatus::Completed));
    assert_eq!(
        names(&recorded.events),
        ["item", "part", "delta", "delta", "text done", "part done", "item done"]
    );
    let ItemContent::Message(message) = &recorded.output[0].content else { panic!("a message") };
    assert_eq!(message.parts, [Part::Text("Hello".to_owned())]);
    assert_eq!(recorded.output[0].tokens, {
        use loquat_context::TokenCounter as _;
        Estimate.item(&recorded.output[0].content)
    });
}

#[test]
fn thoughts_a_message_and_two_calls_become_four_items() {
    let pieces = [
        ProviderEvent::Reasoning("hm".to_owned()),
        text("Let me look."),
        ProviderEvent::ToolCallStarted { index: 0, call_id: "a".into(), name: "f".into() },
        ProviderEvent::ToolCallArguments { index: 0, delta: "{}".into() },
        ProviderEvent::ToolCallStarted { index: 1, call_id: "b".into(), name: "g".into() },
    ];
    let recorded = record(&pieces, Some(ItemStatus::Completed));
    let kinds: Vec<_> = recorded.output.iter().map(|item| item.content.kind().prefix()).collect();
    assert_eq!(kinds, ["rs", "msg", "fc", "fc"]);
}

#[test]
fn a_refusal_after_text_is_a_second_part_of_the_same_message() {
    let pieces = [text("Well, "), ProviderEvent::Refusal("no.".to_owned())];
    let recorded = record(&pieces, Some(ItemStatus::Completed));
    let ItemContent::Message(message) = &recorded.output[0].content else { panic!("a message") };
    assert_eq!(message.parts, [Part::Text("Well, ".into()), Part::Refusal("no.".into())]);
}

#[test]
fn a_piece_of_a_call_that_is_not_open_is_refused() {
    let tools = Tools { ids: &SystemIds, clock: &SystemClock, counter: &Estimate };
    let mut transcript = Transcript::new(response());
    let stray = ProviderEvent::ToolCallArguments { index: 0, delta: "{}".into() };
    assert_eq!(transcript.push(stray, &tools, &mut |_| ()), Err(NotOpen));
}

#[test]
fn what_no_store_can_keep_is_replaced_before_anybody_sees_it() {
    let recorded = record(&[text("a\0b")], Some(ItemStatus::Completed));
    assert_eq!(recorded.output[0].content.texts(), ["a\u{FFFD}b"]);
    assert_eq!(delta_text(&recorded.events, recorded.output[0].id), "a\u{FFFD}b");
}

fn pieces() -> impl Strategy<Value = Vec<ProviderEvent>> {
    let piece = prop_oneof![
        3 => "\\PC{1,8}".prop_map(ProviderEvent::Text),
        1 => "\\PC{1,8}".prop_map(ProviderEvent::Refusal),
        1 => "\\PC{1,8}".prop_map(ProviderEvent::Reasoning),
        1 => (0..3_u32, "\\PC{1,8}")
            .prop_map(|(part, delta)| ProviderEvent::ReasoningSummary { part, delta }),
        1 => "\\PC{1,8}".prop_map(ProviderEvent::ReasoningSealed),
        1 => (0..9_u32).prop_map(|index| ProviderEvent::ToolCallStarted {
            index,
            call_id: format!("call_{index}"),
            name: "f".to_owned(),
        }),
    ];
    proptest::collection::vec(piece, 0..30)
}

fn delta_text(events: &[Event], wanted: ItemId) -> String {
    events
        .iter()
        .filter_map(|event| match &event.kind {
            EventKind::Delta { id, text, .. } if *id == wanted => Some(text.as_str()),
            _ => None,
        })
        .collect()
}

/// The text of an item that comes in pieces.
fn told(content: &ItemContent) -> String {
    match content {
        ItemContent::FunctionCall(call) => call.arguments.clone(),
        ItemContent::Reasoning(reasoning) => [reasoning.text.as_str()]
            .into_iter()
            .chain(reasoning.summary.iter().map(String::as_str))
            .collect(),
        content => content.texts().concat(),
    }
}

proptest! {
    #[test]
    fn the_pieces_of_an_item_add_up_to_what_is_stored(pieces in pieces()) {
        let recorded = record(&pieces, Some(ItemStatus::Completed));
        for item in &recorded.output {
            let stored = told(&item.content);
            prop_assert_eq!(delta_text(&recorded.events, item.id), stored);
        }
    }

    #[test]
    fn a_turn_that_died_is_replayed_from_any_prefix_of_its_events(
        pieces in pieces(), cut in 0..60_usize,
    ) {
        let recorded = record(&pieces, None);
        let emitted: Vec<Event> = recorded.events.into_iter().take(cut).collect();
        let created_at = Timestamp::from_micros(1);
        let mut replayed = Transcript::new(response());
        for event in &emitted {
            replayed.replay(created_at, event.kind.clone());
        }
        let tools = Tools { ids: &SystemIds, clock: &SystemClock, counter: &Estimate };
        replayed.close(ItemStatus::Incomplete, &tools, &mut |_| ());
        let output = replayed.into_output();
        for item in &output {
            let stored = told(&item.content);
            prop_assert_eq!(delta_text(&emitted, item.id), stored);
        }
        for item in output.iter().rev().skip(1) {
            prop_assert_eq!(item.status, ItemStatus::Completed, "only the last can be cut off");
        }
    }
}

fn thoughts(recorded: &Recorded) -> Vec<Reasoning> {
    let reasoning = recorded.output.iter().filter_map(|item| match &item.content {
        ItemContent::Reasoning(reasoning) => Some(reasoning.clone()),
        _ => None,
    });
    reasoning.collect()
}

#[test]
fn the_sealed_form_of_thoughts_belongs_to_their_item() {
    let pieces = [
        ProviderEvent::Reasoning("hm".to_owned()),
        ProviderEvent::ReasoningSealed("seal-1".to_owned()),
        ProviderEvent::Reasoning("and".to_owned()),
        text("So."),
        ProviderEvent::ReasoningSealed("seal-2".to_owned()),
    ];
    let recorded = record(&pieces, Some(ItemStatus::Completed));
    let sealed = |text: &str, seal: Option<&str>| Reasoning {
        text: text.to_owned(),
        summary: Vec::new(),
        encrypted: seal.map(str::to_owned),
    };
    assert_eq!(
        thoughts(&recorded),
        [sealed("hm", Some("seal-1")), sealed("and", None), sealed("", Some("seal-2"))]
    );
    // Of what is only sealed, nothing is told.
    assert_eq!(names(&recorded.events).iter().filter(|name| **name == "part").count(), 3);
}

#[test]
fn a_summary_of_thoughts_comes_in_parts() {
    let piece = |part, delta: &str| ProviderEvent::ReasoningSummary { part, delta: delta.into() };
    let pieces = [piece(0, "Fir"), piece(0, "st."), piece(1, "Second."), text("So.")];
    let recorded = record(&pieces, Some(ItemStatus::Completed));
    let [reasoning] = thoughts(&recorded).try_into().expect("one item of thoughts");
    assert_eq!(reasoning.summary, ["First.", "Second."]);
    assert_eq!(reasoning.text, "");
    let mut replayed = Transcript::new(response());
    for event in &recorded.events {
        replayed.replay(Timestamp::from_micros(1), event.kind.clone());
    }
    assert_eq!(replayed.into_output(), recorded.output);
}
