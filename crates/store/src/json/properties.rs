//! Whatever is written is read back as it was.

use std::sync::Arc;

use loquat_domain::{
    Compaction, CounterId, Event, EventKind, FunctionCall, FunctionCallOutput, ImageDetail, Item,
    ItemContent, ItemId, ItemStart, ItemStatus, Message, Metadata, Part, Phase, RawJson, Reasoning,
    ReasoningEffort, ResponseId, Role, Sampling, Settings, StreamKind, TextFormat, Timestamp, Tool,
    ToolChoice, Truncation, Usage,
};
use proptest::{collection::vec, option, prelude::*};
use uuid::Uuid;

use super::{
    EventDecoder, decode_content, decode_metadata, decode_settings, decode_usage, encode_content,
    encode_events, encode_metadata, encode_settings, encode_usage,
};
use crate::StoreError;

/// Any Unicode text, also what is rare: line separators, combining and unassigned characters.
fn text() -> impl Strategy<Value = String> {
    let rare =
        prop::sample::select(vec!['\u{2028}', '\u{feff}', '\u{fffe}', '"', '\\', '\n', '🥭']);
    vec(prop_oneof![any::<char>(), rare], 0..12).prop_map(String::from_iter)
}

fn id() -> impl Strategy<Value = Uuid> {
    any::<u128>().prop_map(Uuid::from_u128)
}

fn content() -> impl Strategy<Value = ItemContent> {
    let role =
        prop::sample::select(vec![Role::System, Role::Developer, Role::User, Role::Assistant]);
    let detail = prop::sample::select(vec![ImageDetail::Low, ImageDetail::High, ImageDetail::Auto]);
    let part = prop_oneof![
        text().prop_map(Part::Text),
        text().prop_map(Part::Refusal),
        (text(), detail).prop_map(|(url, detail)| Part::Image { url, detail }),
    ];
    let phase = option::of(prop::sample::select(vec![Phase::Commentary, Phase::FinalAnswer]));
    prop_oneof![
        (role, vec(part, 0..4), phase).prop_map(|(role, parts, phase)| {
            ItemContent::Message(Message { role, parts, phase })
        }),
        (text(), text(), text()).prop_map(|(call_id, name, arguments)| {
            ItemContent::FunctionCall(FunctionCall { call_id, name, arguments })
        }),
        (text(), text()).prop_map(|(call_id, output)| {
            ItemContent::FunctionCallOutput(FunctionCallOutput { call_id, output })
        }),
        (text(), vec(text(), 0..3), option::of(text())).prop_map(|(text, summary, encrypted)| {
            ItemContent::Reasoning(Reasoning { text, summary, encrypted })
        }),
        text().prop_map(|encrypted| ItemContent::Compaction(Compaction { encrypted })),
    ]
}

fn schema() -> impl Strategy<Value = RawJson> {
    (text(), any::<i64>()).prop_map(|(key, number)| {
        let key = serde_json::to_string(&key).unwrap();
        RawJson::from_checked(format!("{{ {key}:\t[{number}e0, 1.50, null]}}"))
    })
}

fn number() -> impl Strategy<Value = Option<f64>> {
    option::of(any::<f64>().prop_filter("JSON has no other numbers", |it| it.is_finite()))
}

fn sampling() -> impl Strategy<Value = Sampling> {
    (number(), number(), number(), number(), any::<Option<i64>>()).prop_map(
        |(temperature, top_p, presence_penalty, frequency_penalty, seed)| Sampling {
            temperature,
            top_p,
            presence_penalty,
            frequency_penalty,
            seed,
        },
    )
}

fn tools() -> impl Strategy<Value = (Vec<Tool>, ToolChoice)> {
    let tool = (text(), option::of(text()), option::of(schema()), any::<Option<bool>>()).prop_map(
        |(name, description, parameters, strict)| Tool { name, description, parameters, strict },
    );
    let choice = prop_oneof![
        Just(ToolChoice::None),
        Just(ToolChoice::Auto),
        Just(ToolChoice::Required),
        text().prop_map(ToolChoice::Function),
    ];
    (vec(tool, 0..3), choice)
}

fn text_format() -> impl Strategy<Value = TextFormat> {
    prop_oneof![
        Just(TextFormat::Text),
        Just(TextFormat::JsonObject),
        (text(), option::of(text()), schema(), any::<Option<bool>>()).prop_map(
            |(name, description, schema, strict)| TextFormat::JsonSchema {
                name,
                description,
                schema,
                strict,
            }
        ),
    ]
}

fn settings() -> impl Strategy<Value = Settings> {
    let effort = option::of(prop::sample::select(vec![
        ReasoningEffort::None,
        ReasoningEffort::Minimal,
        ReasoningEffort::Low,
        ReasoningEffort::Medium,
        ReasoningEffort::High,
        ReasoningEffort::ExtraHigh,
    ]));
    let truncation = prop::sample::select(vec![Truncation::Auto, Truncation::Disabled]);
    let asked = (option::of(text()), any::<Option<u32>>(), sampling(), vec(text(), 0..3));
    (asked, tools(), any::<Option<bool>>(), text_format(), effort, truncation).prop_map(
        |(asked, tools, parallel_tool_calls, text_format, reasoning_effort, truncation)| {
            let (instructions, max_output_tokens, sampling, stop) = asked;
            let (tools, tool_choice) = tools;
            Settings {
                instructions,
                max_output_tokens,
                sampling,
                stop,
                tools,
                tool_choice,
                parallel_tool_calls,
                text_format,
                reasoning_effort,
                truncation,
            }
        },
    )
}

/// What a turn produces: each entry becomes an item.
#[derive(Debug, Clone)]
enum Output {
    /// The kinds and pieces of its parts.
    Message(Vec<(StreamKind, Vec<String>)>),
    Thoughts(Vec<String>),
    /// The pieces of its parts.
    Summary(Vec<Vec<String>>),
    Call {
        call_id: String,
        name: String,
        pieces: Vec<String>,
    },
}

fn output() -> impl Strategy<Value = Output> {
    let kind = prop::sample::select(vec![StreamKind::Text, StreamKind::Refusal]);
    let pieces = || vec(text(), 0..5);
    prop_oneof![
        vec((kind, pieces()), 0..3).prop_map(Output::Message),
        pieces().prop_map(Output::Thoughts),
        vec(pieces(), 0..3).prop_map(Output::Summary),
        (text(), text(), pieces()).prop_map(|(call_id, name, pieces)| Output::Call {
            call_id,
            name,
            pieces
        }),
    ]
}

/// The events of one item, as a turn emits them.
fn item_events(output: u32, item: &Item, of: &Output) -> Vec<EventKind> {
    let id = item.id;
    let start = match of {
        Output::Message(_) => ItemStart::Message,
        Output::Thoughts(_) | Output::Summary(_) => ItemStart::Reasoning,
        Output::Call { call_id, name, .. } => {
            ItemStart::FunctionCall { call_id: call_id.clone(), name: name.clone() }
        }
    };
    let mut events = vec![EventKind::ItemAdded { output, id, start }];
    match of {
        Output::Message(parts) => {
            for (part, (kind, pieces)) in (0..).zip(parts) {
                events.push(EventKind::PartAdded { output, id, part, kind: *kind });
                events.extend(text_events(output, id, part, *kind, pieces, ""));
                let text = pieces.concat().into();
                events.push(EventKind::PartDone { output, id, part, kind: *kind, text });
            }
        }
        Output::Thoughts(pieces) => {
            let (part, kind) = (0, StreamKind::Reasoning);
            events.push(EventKind::PartAdded { output, id, part, kind });
            events.extend(text_events(output, id, part, kind, pieces, ""));
            events.push(EventKind::PartDone {
                output,
                id,
                part,
                kind,
                text: pieces.concat().into(),
            });
        }
        Output::Summary(parts) => {
            let kind = StreamKind::Summary;
            for (part, pieces) in (0..).zip(parts) {
                events.push(EventKind::PartAdded { output, id, part, kind });
                events.extend(text_events(output, id, part, kind, pieces, ""));
                let text = pieces.concat().into();
                events.push(EventKind::PartDone { output, id, part, kind, text });
            }
        }
        Output::Call { name, pieces, .. } => {
            events.extend(text_events(output, id, 0, StreamKind::Arguments, pieces, name));
        }
    }
    events.push(EventKind::ItemDone { output, item: Arc::new(item.clone()) });
    events
}

fn text_events(
    output: u32,
    id: ItemId,
    part: u32,
    kind: StreamKind,
    pieces: &[String],
    name: &str,
) -> Vec<EventKind> {
    let delta = |text: &String| EventKind::Delta { output, id, part, kind, text: text.clone() };
    let text = pieces.concat().into();
    let done = EventKind::TextDone { output, id, part, kind, text, name: name.into() };
    pieces.iter().map(delta).chain([done]).collect()
}

fn item() -> impl Strategy<Value = Item> {
    let status = prop::sample::select(vec![
        ItemStatus::InProgress,
        ItemStatus::Completed,
        ItemStatus::Incomplete,
    ]);
    let counter = prop::sample::select(vec!["estimate-1", "o200k-1"])
        .prop_map(|id| CounterId::new(id).unwrap());
    let times = (any::<u32>(), counter, any::<i64>());
    (id(), option::of(id()), content(), status, times).prop_map(
        |(id, response, content, status, (tokens, counter, micros))| Item {
            id: ItemId::from_uuid(id),
            response: response.map(ResponseId::from_uuid),
            content,
            status,
            tokens,
            counter,
            created_at: Timestamp::from_micros(micros),
        },
    )
}

/// The events of a whole turn but those of its end.
fn turn() -> impl Strategy<Value = Vec<Event>> {
    vec((item(), output()), 0..4).prop_map(|items| {
        let outputs = (0..).zip(&items).flat_map(|(n, (item, of))| item_events(n, item, of));
        let kinds = [EventKind::Created, EventKind::Queued, EventKind::InProgress]
            .into_iter()
            .chain(outputs);
        (0..).zip(kinds).map(|(sequence, kind)| Event { sequence, kind }).collect()
    })
}

/// Writes the events in runs that end before each of the cuts, and reads them back.
fn through_checkpoints(events: &[Event], cuts: &[prop::sample::Index]) -> Vec<Event> {
    let mut ends: Vec<usize> = cuts.iter().map(|cut| cut.index(events.len() + 1)).collect();
    ends.push(events.len());
    ends.sort_unstable();
    let mut decoder = EventDecoder::new();
    let mut start = 0;
    let mut read = Vec::new();
    for end in ends {
        let json = encode_events(&events[start..end]);
        read.extend(decoder.push(&json).unwrap());
        start = end;
    }
    read
}

proptest! {
    #[test]
    fn any_content_survives(content in content()) {
        prop_assert_eq!(decode_content(&encode_content(&content)).unwrap(), content);
    }

    #[test]
    fn any_settings_survive(settings in settings()) {
        let json = encode_settings(&settings).unwrap();
        prop_assert_eq!(decode_settings(&json).unwrap(), settings);
    }

    #[test]
    fn any_usage_survives(numbers: [u64; 5], estimated: bool) {
        let [input_tokens, cached_tokens, cache_write_tokens, output_tokens, reasoning_tokens] =
            numbers;
        let usage = Usage {
            input_tokens,
            cached_tokens,
            cache_write_tokens,
            output_tokens,
            reasoning_tokens,
            estimated,
        };
        prop_assert_eq!(decode_usage(&encode_usage(&usage)).unwrap(), usage);
    }

    #[test]
    fn any_metadata_survives(pairs in prop::collection::btree_map(text(), text(), 0..16)) {
        if let Ok(metadata) = Metadata::new(pairs) {
            prop_assert_eq!(decode_metadata(&encode_metadata(&metadata)).unwrap(), metadata);
        }
    }

    #[test]
    fn any_turn_survives_its_checkpoints(
        events in turn(),
        cuts in vec(any::<prop::sample::Index>(), 0..6),
    ) {
        prop_assert_eq!(through_checkpoints(&events, &cuts), events);
    }

    #[test]
    fn a_checkpoint_of_another_shape_is_corrupt_and_never_a_panic(json in text()) {
        let read = EventDecoder::new().push(&json);
        prop_assert!(matches!(read, Err(StoreError::Corrupt { column: "events" })), "{:?}", read);
    }
}
