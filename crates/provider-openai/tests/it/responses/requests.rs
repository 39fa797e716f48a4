//! What is asked, as the endpoint sees it.

use loquat_domain::{
    Compaction, FunctionCall, FunctionCallOutput, ImageDetail, ItemContent, Message, Part, Phase,
    RawJson, Reasoning, ReasoningEffort, Role, Sampling, Settings, TextFormat, Tool, ToolChoice,
};
use loquat_provider::{ChatProvider as _, ChatRequest, ProviderError};
use loquat_provider_openai::{ModelOptions, OpenAiOptions, Thoughts, WireKind};
use loquat_testkit::{ScriptedUpstream, UpstreamRequest};
use serde_json::{Value, json};

use super::{answer, responses};
use crate::{listen, options, provider};

/// Sends the request and returns what the endpoint saw.
async fn sent(
    request: ChatRequest,
    configure: impl FnOnce(OpenAiOptions) -> OpenAiOptions,
) -> UpstreamRequest {
    let upstream = ScriptedUpstream::always(answer(&["a"])).await.unwrap();
    let provider = provider(configure(responses(&upstream)));
    listen(provider.start(request).await.unwrap()).await;
    upstream.requests().remove(0)
}

async fn body(settings: Settings, input: Vec<ItemContent>) -> Value {
    sent(ChatRequest::new("m", settings, input), |options| options).await.json()
}

fn message(role: Role, text: &str) -> ItemContent {
    ItemContent::Message(Message::text(role, text))
}

fn parts(role: Role, parts: Vec<Part>) -> ItemContent {
    ItemContent::Message(Message { role, parts, phase: None })
}

fn tool(parameters: Option<&str>, strict: Option<bool>) -> Tool {
    Tool {
        name: "f".to_owned(),
        description: None,
        parameters: parameters.map(RawJson::from_checked),
        strict,
    }
}

#[tokio::test]
async fn a_plain_question_is_a_plain_body_that_nobody_stores() {
    let request = ChatRequest::new("m", Settings::default(), vec![message(Role::User, "hello")]);
    let sent = sent(request, |options| options).await;
    assert_eq!((&*sent.method, &*sent.target), ("POST", "/v1/responses"));
    assert_eq!(sent.header("content-type"), Some("application/json"));
    assert_eq!(sent.header("accept"), Some("text/event-stream"));
    let expected = json!({
        "model": "m",
        "input": [{"type": "message", "role": "user", "content": "hello"}],
        "stream": true,
        "store": false,
        "include": ["reasoning.encrypted_content"],
    });
    assert_eq!(sent.json(), expected);
}

#[tokio::test]
async fn every_setting_has_its_field_and_a_seed_has_none() {
    let settings = Settings {
        instructions: Some("be brief".to_owned()),
        max_output_tokens: Some(50),
        sampling: Sampling {
            temperature: Some(0.5),
            top_p: Some(0.25),
            presence_penalty: Some(-1.0),
            frequency_penalty: Some(2.0),
            seed: Some(-7),
        },
        tools: vec![tool(Some(r#"{"type":"object"}"#), Some(true))],
        tool_choice: ToolChoice::Function("f".to_owned()),
        parallel_tool_calls: Some(false),
        text_format: TextFormat::JsonSchema {
            name: "s".to_owned(),
            description: None,
            schema: RawJson::from_checked(r#"{"type":"object"}"#),
            strict: Some(true),
        },
        reasoning_effort: Some(ReasoningEffort::Low),
        ..Settings::default()
    };
    let expected = json!({
        "model": "m",
        "instructions": "be brief",
        "input": [],
        "stream": true,
        "store": false,
        "include": ["reasoning.encrypted_content"],
        "max_output_tokens": 50,
        "temperature": 0.5,
        "top_p": 0.25,
        "presence_penalty": -1.0,
        "frequency_penalty": 2.0,
        "tools": [{"type": "function", "name": "f", "parameters": {"type": "object"},
            "strict": true}],
        "tool_choice": {"type": "function", "name": "f"},
        "parallel_tool_calls": false,
        "text": {"format": {"type": "json_schema", "name": "s", "schema": {"type": "object"},
            "strict": true}},
        "reasoning": {"effort": "low"},
    });
    assert_eq!(body(settings, vec![]).await, expected);
}

#[tokio::test]
async fn texts_to_stop_at_are_refused_before_anything_is_sent() {
    let upstream = ScriptedUpstream::always(answer(&["a"])).await.unwrap();
    let settings = Settings { stop: vec!["END".to_owned()], ..Settings::default() };
    let asked = provider(responses(&upstream)).start(ChatRequest::new("m", settings, vec![])).await;
    let error = asked.err().unwrap();
    assert!(matches!(error, ProviderError::Inexpressible), "{error:?}");
    assert_eq!(upstream.connections(), 0);
}

#[tokio::test]
async fn what_is_wanted_of_thoughts_is_said_for_each_model() {
    let asked = async |name: &str, thoughts: Option<Thoughts>| {
        let request = ChatRequest::new(name, Settings::default(), vec![]);
        let model = ModelOptions { thoughts, ..ModelOptions::default() };
        let sent = sent(request, |options| options.with_model(name, model)).await.json();
        (sent["include"].clone(), sent["reasoning"].clone())
    };
    let sealed = json!(["reasoning.encrypted_content"]);
    assert_eq!(asked("gpt-5-mini", None).await, (sealed.clone(), Value::Null));
    assert_eq!(asked("gpt-4o", None).await, (Value::Null, Value::Null));
    assert_eq!(asked("gpt-4o", Some(Thoughts::Sealed)).await, (sealed.clone(), Value::Null));
    assert_eq!(asked("gpt-5-mini", Some(Thoughts::Unasked)).await, (Value::Null, Value::Null));
    let summarised = asked("gpt-5-mini", Some(Thoughts::Summarised)).await;
    assert_eq!(summarised, (sealed, json!({"summary": "auto"})));
}

#[tokio::test]
async fn the_wire_is_said_for_all_models_or_for_one() {
    let upstream = ScriptedUpstream::always(answer(&["a"])).await.unwrap();
    let chat = ModelOptions { wire: Some(WireKind::ChatCompletions), ..ModelOptions::default() };
    let responding = ModelOptions { wire: Some(WireKind::Responses), ..ModelOptions::default() };
    let mostly_responses = provider(responses(&upstream).with_model("old", chat));
    let mostly_chat = provider(options(&upstream).with_model("new", responding));
    for (provider, model) in [
        (&mostly_responses, "new"),
        (&mostly_responses, "old"),
        (&mostly_chat, "new"),
        (&mostly_chat, "old"),
    ] {
        let request = ChatRequest::new(model, Settings::default(), vec![]);
        // A script of the one wire is nothing to the other.
        let answer = provider.start(request).await.unwrap();
        listen(answer).await;
    }
    let requests = upstream.requests();
    let mut targets: Vec<_> = requests.iter().map(|request| &*request.target).collect();
    targets.dedup();
    let (responses, chat) = ("/v1/responses", "/v1/chat/completions");
    assert_eq!(targets, [responses, chat, responses, chat]);
}

#[tokio::test]
async fn choices_about_tools_are_left_out_when_there_are_none() {
    let settings = Settings {
        tool_choice: ToolChoice::Required,
        parallel_tool_calls: Some(true),
        text_format: TextFormat::JsonObject,
        ..Settings::default()
    };
    let body = body(settings, vec![]).await;
    assert_eq!((body.get("tool_choice"), body.get("parallel_tool_calls")), (None, None));
    assert_eq!(body["text"], json!({"format": {"type": "json_object"}}));
}

#[tokio::test]
async fn a_function_has_all_its_keys_and_its_schema_byte_for_byte() {
    let schema = r#"{ "z":1.0, "a" : [1e2, 12345678901234567890123], "z2":"\u00e9" }"#;
    let settings = Settings {
        tools: vec![tool(Some(schema), None), tool(None, Some(false))],
        tool_choice: ToolChoice::Required,
        ..Settings::default()
    };
    let sent = sent(ChatRequest::new("m", settings, vec![]), |options| options).await;
    let text = String::from_utf8(sent.body.to_vec()).unwrap();
    assert!(text.contains(&format!("\"parameters\":{schema},\"strict\":null")), "{text}");
    let other = json!({"type": "function", "name": "f", "parameters": null, "strict": false});
    assert_eq!(sent.json()["tools"][1], other);
    assert_eq!(sent.json()["tool_choice"], "required");
}

#[tokio::test]
async fn every_item_has_its_form_and_phases_are_kept() {
    let phased = |phase, text: &str| {
        let said = Message { phase: Some(phase), ..Message::text(Role::Assistant, text) };
        ItemContent::Message(said)
    };
    let call_id = "a".to_owned();
    let (name, arguments) = ("f".to_owned(), String::new());
    let input = vec![
        message(Role::System, "s"),
        message(Role::Developer, "d"),
        message(Role::User, "u"),
        ItemContent::Reasoning(Reasoning { text: "hm".to_owned(), ..Reasoning::default() }),
        phased(Phase::Commentary, "wait"),
        ItemContent::FunctionCall(FunctionCall { call_id: call_id.clone(), name, arguments }),
        ItemContent::FunctionCallOutput(FunctionCallOutput { call_id, output: "7".to_owned() }),
        ItemContent::Compaction(Compaction { encrypted: "sealed".to_owned() }),
        phased(Phase::FinalAnswer, "7"),
    ];
    let expected = json!([
        {"type": "message", "role": "system", "content": "s"},
        {"type": "message", "role": "developer", "content": "d"},
        {"type": "message", "role": "user", "content": "u"},
        {"type": "message", "role": "assistant", "content": "wait", "phase": "commentary"},
        {"type": "function_call", "call_id": "a", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "a", "output": "7"},
        {"type": "message", "role": "assistant", "content": "7", "phase": "final_answer"},
    ]);
    assert_eq!(body(Settings::default(), input).await["input"], expected);
}

#[tokio::test]
async fn images_refusals_and_several_texts_are_parts() {
    let text = |text: &str| Part::Text(text.to_owned());
    let url = "https://example.org/a.png".to_owned();
    let input = vec![
        parts(Role::User, vec![text("what?"), Part::Image { url, detail: ImageDetail::High }]),
        parts(Role::Assistant, vec![Part::Refusal("No.".to_owned())]),
        parts(Role::Assistant, vec![text("a"), text("b")]),
        parts(Role::User, vec![]),
    ];
    let expected = json!([
        {"type": "message", "role": "user", "content": [
            {"type": "input_text", "text": "what?"},
            {"type": "input_image", "image_url": "https://example.org/a.png", "detail": "high"},
        ]},
        {"type": "message", "role": "assistant",
         "content": [{"type": "refusal", "refusal": "No."}]},
        {"type": "message", "role": "assistant", "content": [
            {"type": "output_text", "text": "a", "annotations": []},
            {"type": "output_text", "text": "b", "annotations": []},
        ]},
        {"type": "message", "role": "user", "content": ""},
    ]);
    assert_eq!(body(Settings::default(), input).await["input"], expected);
}
