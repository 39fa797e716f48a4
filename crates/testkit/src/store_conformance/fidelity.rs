//! What is read is what was written.

use loquat_domain::{
    Compaction, Conversation, CounterId, FunctionCall, FunctionCallOutput, ImageDetail, Item,
    ItemContent, ItemStatus, Message, Metadata, Part, Phase, RawJson, Reasoning, ReasoningEffort,
    Response, Role, Sampling, Settings, TextFormat, Timestamp, Title, Tool, ToolChoice, Truncation,
};
use loquat_store::{HistoryStart, TurnHome};

use super::{
    Store,
    person::{HOUR, Person},
    things::{conversation, in_progress, message, moment},
};

/// Text that careless code changes: every kind of Unicode, what databases and JSON quote, what
/// protocols split at. NUL is missing, because text with NUL is refused before a store sees it.
const HARD_TEXTS: [&str; 16] = [
    "",
    " ",
    "  leading and trailing \t\r\n",
    "é e\u{301} \u{212b} å", // composed and decomposed forms must stay different
    "\u{1F469}\u{200D}\u{1F469}\u{200D}\u{1F467}\u{1F3FD}",
    "\u{202E}right to left\u{202C} \u{FEFF}\u{200B}",
    "\u{FFFD}\u{FFFE}\u{FFFF}\u{10FFFF}\u{E000}",
    "a\u{2028}b\u{2029}c\u{85}d",
    "\u{1}\u{8}\u{b}\u{1f}\u{7f}",
    r#"quotes ' " ` and \ \\ \n \u0041 \u0000"#,
    "'; DROP TABLE items; --",
    "%_*? $1 :name ? {} {{}} <b>&amp;</b>",
    "data: x\n\ndata: [DONE]\r\nevent: done\r\n\r\n",
    "\u{3a3}\u{3c3}\u{3c2} \u{130}\u{131} \u{df}\u{1e9e} \u{fb01}",
    "12345678901234567890.5",
    "null",
];

/// Puts items into a conversation and checks that each way of reading shows them unchanged.
async fn assert_kept(ada: &Person<'_>, items: Vec<Item>) {
    let made = conversation(0);
    ada.create(made.clone(), items.clone()).await.unwrap();
    let active: Vec<Item> = ada.active(made.id).await.into_iter().map(|it| it.item).collect();
    assert_eq!(active, items);
    let history = ada.history(HistoryStart::Conversation(made.id)).await.items;
    let history: Vec<Item> = history.into_iter().rev().map(|stored| stored.item).collect();
    assert_eq!(history, items);
    for item in items {
        let read = ada.store.item(&ada.scope, made.id, item.id).await.unwrap();
        assert_eq!(read.item, item);
    }
}

/// Any text but NUL comes back byte for byte.
pub async fn any_text_comes_back_byte_for_byte(store: &dyn Store) {
    let ada = Person::owner(store);
    let long = "läng\u{1F44B}".repeat(100_000);
    let texts = HARD_TEXTS.into_iter().chain([long.as_str()]);
    assert_kept(&ada, texts.map(message).collect()).await;
}

/// Every kind of item comes back as it was, with every field that it may have.
pub async fn every_kind_of_content_comes_back_as_it_was_stored(store: &dyn Store) {
    let ada = Person::owner(store);
    let mut contents = Vec::new();
    for role in [Role::System, Role::Developer, Role::User, Role::Assistant] {
        contents.push(ItemContent::Message(Message::text(role, "said")));
    }
    for phase in [Phase::Commentary, Phase::FinalAnswer] {
        let message = Message { phase: Some(phase), ..Message::text(Role::Assistant, "said") };
        contents.push(ItemContent::Message(message));
    }
    let image = |detail| Part::Image { url: "data:image/png;base64,AA==".to_owned(), detail };
    let parts = vec![
        Part::Text("look".to_owned()),
        image(ImageDetail::Low),
        image(ImageDetail::High),
        image(ImageDetail::Auto),
        Part::Refusal("no".to_owned()),
        Part::Text(String::new()),
    ];
    contents.push(ItemContent::Message(Message { role: Role::User, parts, phase: None }));
    let nothing = Message { role: Role::User, parts: vec![], phase: None };
    contents.push(ItemContent::Message(nothing));
    for hard in HARD_TEXTS {
        let hard = hard.to_owned();
        contents.push(ItemContent::FunctionCall(FunctionCall {
            call_id: hard.clone(),
            name: "look_up".to_owned(),
            arguments: hard.clone(),
        }));
        contents.push(ItemContent::FunctionCallOutput(FunctionCallOutput {
            call_id: "call_1".to_owned(),
            output: hard.clone(),
        }));
        contents.push(ItemContent::Reasoning(Reasoning {
            text: hard.clone(),
            summary: vec![hard.clone(), String::new()],
            encrypted: Some(hard),
        }));
    }
    contents.push(ItemContent::Reasoning(Reasoning::default()));
    for hard in HARD_TEXTS {
        contents.push(ItemContent::Compaction(Compaction { encrypted: hard.to_owned() }));
    }
    assert_kept(
        &ada,
        contents.into_iter().map(|content| Item { content, ..message("") }).collect(),
    )
    .await;
}

/// An item's other fields come back too.
pub async fn every_field_of_an_item_comes_back(store: &dyn Store) {
    let ada = Person::owner(store);
    let statuses = [ItemStatus::InProgress, ItemStatus::Completed, ItemStatus::Incomplete];
    let with_status = statuses.map(|status| Item { status, ..message("status") });
    let counts = [0, 1, u32::MAX].map(|tokens| Item { tokens, ..message("count") });
    let counted = ["o200k-1", "x", "estimate-1"]
        .map(|id| Item { counter: CounterId::new(id).unwrap(), ..message("counted") });
    assert_kept(&ada, [with_status, counts, counted].concat()).await;
}

/// No time is rounded.
pub async fn times_keep_their_microseconds(store: &dyn Store) {
    let ada = Person::owner(store);
    // The last one is the end of the year 9999, the last that RFC 3339 can write.
    let micros = [0, 1, 999_999, 1_000_001, 1_756_684_800_123_456, 253_402_300_799_999_999];
    for at in micros.map(Timestamp::from_micros) {
        assert_kept(&ada, vec![Item { created_at: at, ..message("x") }]).await;
        let made = Conversation { created_at: at, updated_at: at, ..conversation(0) };
        ada.create(made.clone(), vec![]).await.unwrap();
        assert_eq!(ada.see(made.id).await, made);
        let response = Response { created_at: at, ..in_progress(None, 0) };
        assert_response_kept(&ada, response).await;
    }
}

/// A conversation's own words come back, up to the limits of their types.
pub async fn titles_and_metadata_come_back_byte_for_byte(store: &dyn Store) {
    let ada = Person::owner(store);
    let titles = HARD_TEXTS.into_iter().filter_map(|text| Title::new(text).ok());
    let longest = Title::new("\u{1F44B}".repeat(256)).unwrap();
    for title in titles.chain([longest]) {
        let made = Conversation { title: Some(title), ..conversation(0) };
        ada.create(made.clone(), vec![]).await.unwrap();
        assert_eq!(ada.see(made.id).await, made);
    }
    let hard = hard_metadata();
    let made = Conversation { metadata: hard.clone(), ..conversation(0) };
    ada.create(made.clone(), vec![]).await.unwrap();
    assert_eq!(ada.see(made.id).await, made);
    assert_response_kept(&ada, Response { metadata: hard, ..in_progress(None, 0) }).await;
}

/// As many pairs as there may be, as long as they may be.
fn hard_metadata() -> Metadata {
    let mut pairs: std::collections::BTreeMap<String, String> = HARD_TEXTS
        .into_iter()
        .filter(|text| !text.is_empty() && text.chars().count() <= 64)
        .map(|text| (text.to_owned(), text.to_owned()))
        .take(15)
        .collect();
    pairs.insert("\u{1F44B}".repeat(64), "\u{1F44B}".repeat(512));
    Metadata::new(pairs).unwrap()
}

/// Begins and ends a turn with this response, and checks that it comes back unchanged.
async fn assert_response_kept(ada: &Person<'_>, response: Response) {
    let home = TurnHome::New { conversation: conversation(0), listed: false };
    ada.begin(&response, home, vec![message("x")], HOUR).await.unwrap();
    assert_eq!(ada.response(response.id).await.unwrap().response, response);
    ada.try_finish(&response, vec![]).await.unwrap();
    let read = ada.response(response.id).await.unwrap().response;
    let Response { status, usage, completed_at, .. } = read.clone();
    assert_eq!(read, Response { status, usage, completed_at, ..response });
}

/// Settings come back as they were given: JSON byte for byte, numbers bit for bit.
pub async fn settings_come_back_as_they_were_given(store: &dyn Store) {
    let ada = Person::owner(store);
    let schema = || RawJson::from_checked("{ \"z\": 1.0,\n \"a\":{\"\\u0061\":[1e2 , 0.10]}}");
    let tool = |name: &str, strict: Option<bool>| Tool {
        name: name.to_owned(),
        description: strict.map(|_| HARD_TEXTS[9].to_owned()),
        parameters: strict.map(|_| schema()),
        strict,
    };
    let full = Settings {
        instructions: Some(HARD_TEXTS[9].to_owned()),
        max_output_tokens: Some(u32::MAX),
        sampling: Sampling {
            temperature: Some(0.1),
            top_p: Some(1.0 / 3.0),
            presence_penalty: Some(-2.0),
            frequency_penalty: Some(1e-7),
            seed: Some(i64::MIN),
        },
        stop: vec!["\n\n".to_owned(), String::new(), "END".to_owned()],
        tools: vec![tool("z", Some(true)), tool("a", Some(false)), tool("m", None)],
        tool_choice: ToolChoice::Function("z".to_owned()),
        parallel_tool_calls: Some(false),
        text_format: TextFormat::JsonSchema {
            name: "answer".to_owned(),
            description: Some("what it is for".to_owned()),
            schema: schema(),
            strict: Some(true),
        },
        reasoning_effort: Some(ReasoningEffort::ExtraHigh),
        truncation: Truncation::Disabled,
    };
    let bare_format = TextFormat::JsonSchema {
        name: "answer".to_owned(),
        description: None,
        schema: schema(),
        strict: None,
    };
    let efforts = [
        ReasoningEffort::None,
        ReasoningEffort::Minimal,
        ReasoningEffort::Low,
        ReasoningEffort::Medium,
        ReasoningEffort::High,
    ];
    let variants = [ToolChoice::None, ToolChoice::Auto, ToolChoice::Required]
        .map(|tool_choice| Settings { tool_choice, ..full.clone() })
        .into_iter()
        .chain([TextFormat::Text, TextFormat::JsonObject, bare_format].map(|text_format| {
            Settings { text_format, parallel_tool_calls: Some(true), ..full.clone() }
        }))
        .chain(efforts.map(|effort| Settings { reasoning_effort: Some(effort), ..full.clone() }))
        .chain([full.clone(), Settings::default()]);
    for settings in variants {
        let model = HARD_TEXTS[3].to_owned();
        assert_response_kept(&ada, Response { model, settings, ..in_progress(None, 0) }).await;
    }
}

/// A response names the conversation that it belongs to and the response that it continues.
pub async fn a_response_keeps_its_links(store: &dyn Store) {
    let ada = Person::owner(store);
    let (id, _) = ada.conversation_of(&["a"]).await;
    let begun = ada.turn(id, "b").await;
    let stored = ada.response(begun.response.id).await.unwrap().response;
    assert_eq!((stored.conversation, stored.previous), (Some(id), None));
    assert_eq!(stored.created_at, moment(10));
    let owners: Vec<_> = ada.active(id).await.iter().map(|it| it.item.response).collect();
    assert_eq!(owners, [None, Some(begun.response.id)]);
}

/// A store that is there says so.
pub async fn a_store_that_works_answers_a_ping(store: &dyn Store) {
    store.ping().await.unwrap();
}
