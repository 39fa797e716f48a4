//! What is asked, as the endpoint sees it.

use loquat_domain::{
    FunctionCall, FunctionCallOutput, ImageDetail, ItemContent, Message, Part, RawJson, Reasoning,
    ReasoningEffort, Role, Sampling, Settings, TextFormat, Tool, ToolChoice,
};
use loquat_provider::{ChatProvider as _, ChatRequest};
use loquat_provider_openai::{OpenAiOptions, OutputLimitField, UsageRequest};
use loquat_testkit::{ScriptedUpstream, UpstreamRequest, UpstreamScript};
use serde_json::{Value, json};

use crate::{listen, options, provider};

/// Sends the request and returns what the endpoint saw.
async fn sent(
    request: ChatRequest,
    configure: impl FnOnce(OpenAiOptions) -> OpenAiOptions,
) -> UpstreamRequest {
    let upstream = ScriptedUpstream::always(UpstreamScript::answer(["a"])).await.unwrap();
    let provider = provider(configure(options(&upstream)));
    listen(provider.start(request).await.unwrap()).await;
    upstream.requests().remove(0)
}

async fn body(settings: Settings, input: Vec<ItemContent>) -> Value {
    let request = ChatRequest::new("m", settings, input);
    sent(request, |options| options).await.json()
}

async fn messages(input: Vec<ItemContent>) -> Value {
    body(Settings::default(), input).await["messages"].take()
}

fn message(role: Role, text: &str) -> ItemContent {
    ItemContent::Message(Message::text(role, text))
}

fn parts(role: Role, parts: Vec<Part>) -> ItemContent {
    ItemContent::Message(Message { role, parts, phase: None })
}

fn call(call_id: &str, arguments: &str) -> ItemContent {
    let (call_id, arguments) = (call_id.to_owned(), arguments.to_owned());
    ItemContent::FunctionCall(FunctionCall { call_id, name: "f".to_owned(), arguments })
}

fn output(call_id: &str) -> ItemContent {
    let call_id = call_id.to_owned();
    ItemContent::FunctionCallOutput(FunctionCallOutput { call_id, output: "7".to_owned() })
}

fn wire_call(id: &str, arguments: &str) -> Value {
    json!({"id": id, "type": "function", "function": {"name": "f", "arguments": arguments}})
}

fn tool(parameters: Option<&str>) -> Tool {
    Tool {
        name: "f".to_owned(),
        description: Some("does f".to_owned()),
        parameters: parameters.map(RawJson::from_checked),
        strict: Some(true),
    }
}

#[tokio::test]
async fn a_plain_question_is_a_plain_body() {
    let input = vec![message(Role::User, "hello")];
    let request = ChatRequest::new("llama3.2", Settings::default(), input);
    let sent = sent(request, |options| options).await;
    assert_eq!((&*sent.method, &*sent.target), ("POST", "/v1/chat/completions"));
    assert_eq!(sent.header("content-type"), Some("application/json"));
    assert_eq!(sent.header("accept"), Some("text/event-stream"));
    let expected = json!({
        "model": "llama3.2",
        "messages": [{"role": "user", "content": "hello"}],
        "stream": true,
        "stream_options": {"include_usage": true},
    });
    assert_eq!(sent.json(), expected);
}

#[tokio::test]
async fn azure_has_the_deployment_in_the_path_and_a_version() {
    let settings = Settings { max_output_tokens: Some(5), ..Settings::default() };
    let request = ChatRequest::new("my gpt", settings, vec![]);
    let upstream = ScriptedUpstream::always(UpstreamScript::answer(["a"])).await.unwrap();
    let options = OpenAiOptions::new(format!("http://{}", upstream.address()))
        .with_azure_deployments("2024-10-21");
    listen(provider(options).start(request).await.unwrap()).await;
    let sent = upstream.requests().remove(0);
    let path = "/openai/deployments/my%20gpt/chat/completions?api-version=2024-10-21";
    assert_eq!(sent.target, path);
    assert_eq!(sent.json()["max_completion_tokens"], 5);
}

#[tokio::test]
async fn every_setting_has_its_field() {
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
        stop: vec!["END".to_owned()],
        tools: vec![tool(Some(r#"{"type":"object"}"#))],
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
        "messages": [
            {"role": "system", "content": "be brief"},
            {"role": "user", "content": "hello"},
        ],
        "stream": true,
        "stream_options": {"include_usage": true},
        "max_tokens": 50,
        "temperature": 0.5,
        "top_p": 0.25,
        "presence_penalty": -1.0,
        "frequency_penalty": 2.0,
        "seed": -7,
        "stop": ["END"],
        "tools": [{"type": "function", "function": {
            "name": "f", "description": "does f", "parameters": {"type": "object"}, "strict": true,
        }}],
        "tool_choice": {"type": "function", "function": {"name": "f"}},
        "parallel_tool_calls": false,
        "response_format": {"type": "json_schema", "json_schema": {
            "name": "s", "schema": {"type": "object"}, "strict": true,
        }},
        "reasoning_effort": "low",
    });
    assert_eq!(body(settings, vec![message(Role::User, "hello")]).await, expected);
}

#[tokio::test]
async fn the_endpoint_s_dialect_is_spoken() {
    let settings = Settings { max_output_tokens: Some(5), ..Settings::default() };
    let request = ChatRequest::new("m", settings, vec![]);
    let sent = sent(request, |options| {
        options
            .with_output_limit_field(OutputLimitField::MaxCompletionTokens)
            .with_usage_request(UsageRequest::Unasked)
    });
    let expected =
        json!({"model": "m", "messages": [], "stream": true, "max_completion_tokens": 5});
    assert_eq!(sent.await.json(), expected);
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
    assert_eq!(body["response_format"], json!({"type": "json_object"}));
}

#[tokio::test]
async fn the_modes_of_choice_are_words() {
    for (choice, word) in [
        (ToolChoice::Auto, Value::Null),
        (ToolChoice::None, json!("none")),
        (ToolChoice::Required, json!("required")),
    ] {
        let settings =
            Settings { tools: vec![tool(None)], tool_choice: choice, ..Settings::default() };
        let body = body(settings, vec![]).await;
        assert_eq!(body.get("tool_choice").cloned().unwrap_or_default(), word);
    }
}

#[tokio::test]
async fn a_schema_is_passed_on_byte_for_byte() {
    let schema = r#"{ "z":1.0, "a" : [1e2, 12345678901234567890123], "z2":"\u00e9" }"#;
    let settings = Settings { tools: vec![tool(Some(schema))], ..Settings::default() };
    let request = ChatRequest::new("m", settings, vec![]);
    let sent = sent(request, |options| options).await;
    let body = String::from_utf8(sent.body.to_vec()).unwrap();
    assert!(body.contains(&format!("\"parameters\":{schema},")), "{body}");
}

#[tokio::test]
async fn every_role_has_its_message_and_thoughts_have_none() {
    let input = vec![
        message(Role::System, "s"),
        message(Role::Developer, "d"),
        message(Role::User, "u"),
        ItemContent::Reasoning(Reasoning { text: "hm".to_owned(), ..Reasoning::default() }),
        message(Role::Assistant, "a"),
    ];
    let expected = json!([
        {"role": "system", "content": "s"},
        {"role": "system", "content": "d"},
        {"role": "user", "content": "u"},
        {"role": "assistant", "content": "a"},
    ]);
    assert_eq!(messages(input).await, expected);
}

#[tokio::test]
async fn images_and_several_texts_are_parts() {
    let image = |url: &str, detail| Part::Image { url: url.to_owned(), detail };
    let input = vec![
        parts(
            Role::User,
            vec![
                Part::Text("what is it?".to_owned()),
                image("https://example.org/a.png", ImageDetail::Auto),
                image("data:image/png;base64,AA==", ImageDetail::High),
            ],
        ),
        parts(Role::Assistant, vec![Part::Refusal("No.".to_owned())]),
        parts(Role::User, vec![]),
    ];
    let expected = json!([
        {"role": "user", "content": [
            {"type": "text", "text": "what is it?"},
            {"type": "image_url",
             "image_url": {"url": "https://example.org/a.png", "detail": "auto"}},
            {"type": "image_url",
             "image_url": {"url": "data:image/png;base64,AA==", "detail": "high"}},
        ]},
        {"role": "assistant", "content": "No."},
        {"role": "user", "content": ""},
    ]);
    assert_eq!(messages(input).await, expected);
}

#[tokio::test]
async fn calls_that_were_asked_for_together_are_one_message_with_what_was_said() {
    let thought = ItemContent::Reasoning(Reasoning::default());
    let input = vec![
        message(Role::User, "u"),
        message(Role::Assistant, "let me see"),
        thought,
        call("a", r#"{"x":1}"#),
        call("b", ""),
        output("a"),
        output("b"),
        call("c", "{}"),
        output("c"),
        message(Role::Assistant, "done"),
    ];
    let result = |id: &str| json!({"role": "tool", "tool_call_id": id, "content": "7"});
    let expected = json!([
        {"role": "user", "content": "u"},
        {"role": "assistant", "content": "let me see",
         "tool_calls": [wire_call("a", r#"{"x":1}"#), wire_call("b", "{}")]},
        result("a"),
        result("b"),
        {"role": "assistant", "content": null, "tool_calls": [wire_call("c", "{}")]},
        result("c"),
        {"role": "assistant", "content": "done"},
    ]);
    assert_eq!(messages(input).await, expected);
}

#[tokio::test]
async fn what_was_said_after_the_calls_joins_their_message() {
    let input = vec![call("a", "{}"), message(Role::Assistant, "wait"), output("a")];
    let expected = json!([
        {"role": "assistant", "content": "wait", "tool_calls": [wire_call("a", "{}")]},
        {"role": "tool", "tool_call_id": "a", "content": "7"},
    ]);
    assert_eq!(messages(input).await, expected);
}
