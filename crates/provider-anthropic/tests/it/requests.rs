//! Settings, as the endpoint sees them.

use loquat_domain::{
    RawJson, ReasoningEffort, Role, Sampling, Settings, TextFormat, Tool, ToolChoice,
};
use loquat_provider::{ChatRequest, ProviderError};
use loquat_provider_anthropic::{Generation, PromptCache};
use loquat_testkit::{ScriptedUpstream, UpstreamScript};
use serde_json::{Value, json};

use crate::{
    assistant, call, hear, hello, options, output, provider, request, said, sent, sent_with, user,
};

fn tool(parameters: Option<&str>) -> Tool {
    Tool {
        name: "f".to_owned(),
        description: Some("does f".to_owned()),
        parameters: parameters.map(RawJson::from_checked),
        strict: None,
    }
}

fn with_tool(settings: Settings) -> Settings {
    Settings { tools: vec![tool(None)], ..settings }
}

/// What is asked for when a model of this name shall think so hard.
async fn thinking(model: &str, effort: ReasoningEffort, max_output_tokens: u32) -> (Value, Value) {
    let settings = Settings {
        reasoning_effort: Some(effort),
        max_output_tokens: Some(max_output_tokens),
        ..Settings::default()
    };
    let body = sent(ChatRequest::new(model, settings, vec![user("hello")])).await;
    (body["thinking"].clone(), body["output_config"].clone())
}

#[tokio::test]
async fn a_plain_question_is_a_plain_body() {
    let sent = sent_with(hello(), |options| options).await;
    assert_eq!((&*sent.method, &*sent.target), ("POST", "/v1/messages"));
    assert_eq!(sent.header("content-type"), Some("application/json"));
    assert_eq!(sent.header("accept"), Some("text/event-stream"));
    assert_eq!(sent.header("anthropic-version"), Some("2023-06-01"));
    assert_eq!(sent.header("anthropic-beta"), None);
    let expected = json!({
        "model": "claude-opus-4-6",
        "max_tokens": 4096,
        "stream": true,
        "messages": [{"role": "user", "content": [{"type": "text", "text": "hello"}]}],
    });
    assert_eq!(sent.json(), expected);
}

#[tokio::test]
async fn every_setting_that_the_wire_has_is_sent() {
    let settings = Settings {
        instructions: Some("be brief".to_owned()),
        max_output_tokens: Some(50),
        sampling: Sampling {
            temperature: Some(0.5),
            presence_penalty: Some(-1.0),
            frequency_penalty: Some(2.0),
            seed: Some(-7),
            ..Sampling::default()
        },
        stop: vec!["END".to_owned()],
        tools: vec![Tool { strict: Some(true), ..tool(Some(r#"{"type":"object"}"#)) }],
        tool_choice: ToolChoice::Function("f".to_owned()),
        parallel_tool_calls: Some(false),
        text_format: TextFormat::JsonSchema {
            name: "s".to_owned(),
            description: None,
            schema: RawJson::from_checked(r#"{"type":"object"}"#),
            strict: Some(true),
        },
        ..Settings::default()
    };
    let request = request(settings, vec![user("hello")]);
    let sent = sent_with(request, |it| it.with_prompt_cache(PromptCache::Unmarked)).await;
    let expected = json!({
        "model": "claude-opus-4-6",
        "max_tokens": 50,
        "stream": true,
        "tools": [{
            "name": "f", "description": "does f", "input_schema": {"type": "object"},
            "strict": true,
        }],
        "tool_choice": {"type": "tool", "name": "f", "disable_parallel_tool_use": true},
        "system": [{"type": "text", "text": "be brief"}],
        "messages": [{"role": "user", "content": [{"type": "text", "text": "hello"}]}],
        "output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}},
        "temperature": 0.5,
        "stop_sequences": ["END"],
    });
    assert_eq!(sent.json(), expected);
}

#[tokio::test]
async fn a_schema_is_passed_on_byte_for_byte() {
    let schema = r#"{ "z":1.0, "a" : [1e2, 12345678901234567890123], "z2":"\u00e9" }"#;
    let arguments = r#"{"b": 1.00, "a":2}"#;
    let settings = Settings { tools: vec![tool(Some(schema))], ..Settings::default() };
    let input = vec![user("hello"), call("c", arguments), output("c", "")];
    let sent = sent_with(request(settings, input), |options| options).await;
    let body = String::from_utf8(sent.body.to_vec()).unwrap();
    assert!(body.contains(&format!("\"input_schema\":{schema}")), "{body}");
    assert!(body.contains(&format!("\"input\":{arguments}")), "{body}");
}

#[tokio::test]
async fn the_modes_of_choice_have_their_names() {
    for (choice, parallel, expected) in [
        (ToolChoice::Auto, None, Value::Null),
        (ToolChoice::Auto, Some(true), Value::Null),
        (ToolChoice::Auto, Some(false), json!({"type": "auto", "disable_parallel_tool_use": true})),
        (ToolChoice::None, Some(false), json!({"type": "none"})),
        (ToolChoice::Required, None, json!({"type": "any"})),
        (
            ToolChoice::Required,
            Some(false),
            json!({"type": "any", "disable_parallel_tool_use": true}),
        ),
    ] {
        let settings = Settings {
            tool_choice: choice,
            parallel_tool_calls: parallel,
            ..with_tool(Settings::default())
        };
        let body = sent(request(settings, vec![user("hello")])).await;
        assert_eq!(body.get("tool_choice").cloned().unwrap_or_default(), expected);
    }
}

#[tokio::test]
async fn without_tools_there_is_no_choice() {
    let settings = Settings { tool_choice: ToolChoice::Required, ..Settings::default() };
    let body = sent(request(settings, vec![user("hello")])).await;
    assert_eq!((body.get("tool_choice"), body.get("tools")), (None, None));
}

#[tokio::test]
async fn functions_that_were_called_once_are_named_and_not_offered() {
    let input = vec![user("hello"), call("c", "{}"), output("c", "7")];
    let body = sent(request(Settings::default(), input)).await;
    assert_eq!(body["tools"][0]["name"], "f");
    assert_eq!(body["tools"][0]["input_schema"], json!({"type": "object"}));
    assert_eq!(body["tool_choice"], json!({"type": "none"}));
}

#[tokio::test]
async fn what_the_wire_cannot_say_is_refused_before_it_is_sent() {
    let upstream = ScriptedUpstream::always(UpstreamScript::sse()).await.unwrap();
    let settings = Settings { text_format: TextFormat::JsonObject, ..Settings::default() };
    let (_, error) = hear(&provider(options(&upstream)), request(settings, vec![user("a")])).await;
    assert!(matches!(error, Some(ProviderError::Inexpressible)), "{error:?}");
    assert_eq!(upstream.connections(), 0);
}

#[tokio::test]
async fn a_temperature_above_one_is_one_and_only_one_kind_of_sampling_is_sent() {
    let sampling = Sampling { temperature: Some(1.7), top_p: Some(0.25), ..Sampling::default() };
    let settings = Settings { sampling, ..Settings::default() };
    let body = sent(request(settings, vec![user("hello")])).await;
    assert_eq!((&body["temperature"], body.get("top_p")), (&json!(1.0), None));
    let sampling = Sampling { top_p: Some(0.25), ..Sampling::default() };
    let settings = Settings { sampling, ..Settings::default() };
    let body = sent(request(settings, vec![user("hello")])).await;
    assert_eq!((body.get("temperature"), &body["top_p"]), (None, &json!(0.25)));
}

#[tokio::test]
async fn sampling_is_left_out_where_the_model_would_refuse_it() {
    let sampling = Sampling { temperature: Some(0.5), ..Sampling::default() };
    let calm = Settings { sampling, ..Settings::default() };
    let thinking = Settings { reasoning_effort: Some(ReasoningEffort::Low), ..calm.clone() };
    for (model, settings) in [("claude-opus-5", &calm), ("claude-opus-4-6", &thinking)] {
        let request = ChatRequest::new(model, settings.clone(), vec![user("hello")]);
        assert_eq!(sent(request).await.get("temperature"), None, "{model}");
    }
}

#[tokio::test]
async fn models_that_think_by_effort_are_told_an_effort() {
    let adaptive = json!({"type": "adaptive", "display": "summarized"});
    for (model, effort, expected) in [
        ("claude-opus-4-6", ReasoningEffort::Minimal, "low"),
        ("claude-opus-4-6", ReasoningEffort::Low, "low"),
        ("claude-opus-5", ReasoningEffort::Medium, "medium"),
        ("claude-opus-5", ReasoningEffort::High, "high"),
        ("claude-opus-4-6", ReasoningEffort::ExtraHigh, "max"),
        ("claude-opus-4-7", ReasoningEffort::ExtraHigh, "xhigh"),
    ] {
        let (thinking, config) = thinking(model, effort, 4096).await;
        assert_eq!((&thinking, &config), (&adaptive, &json!({"effort": expected})), "{model}");
    }
    let (thinking, config) = thinking("claude-opus-5", ReasoningEffort::None, 4096).await;
    assert_eq!((thinking, config), (json!({"type": "disabled"}), Value::Null));
}

#[tokio::test]
async fn models_that_think_within_a_budget_are_told_one_that_leaves_room_for_the_answer() {
    for (effort, max_output_tokens, budget) in [
        (ReasoningEffort::Minimal, 64_000, 1024),
        (ReasoningEffort::High, 64_000, 16 * 1024),
        (ReasoningEffort::High, 4096, 3072),
    ] {
        let (thinking, config) = thinking("claude-sonnet-4-5", effort, max_output_tokens).await;
        let expected = json!({"type": "enabled", "budget_tokens": budget});
        assert_eq!((thinking, config), (expected, Value::Null));
    }
    for (effort, max_output_tokens) in
        [(ReasoningEffort::High, 1000), (ReasoningEffort::None, 4096)]
    {
        let (thinking, config) = thinking("claude-sonnet-4-5", effort, max_output_tokens).await;
        assert_eq!((thinking, config), (Value::Null, Value::Null));
    }
}

#[tokio::test]
async fn the_operator_s_word_about_a_model_counts_before_its_name() {
    let settings =
        Settings { reasoning_effort: Some(ReasoningEffort::Minimal), ..Settings::default() };
    let request = ChatRequest::new("my-model", settings, vec![user("hello")]);
    let sent = sent_with(request, |options| options.with_generation(Generation::Budget)).await;
    assert_eq!(sent.json()["thinking"]["type"], "enabled");
}

#[tokio::test]
async fn a_forced_call_is_not_thought_about() {
    let settings = with_tool(Settings {
        reasoning_effort: Some(ReasoningEffort::High),
        tool_choice: ToolChoice::Required,
        ..Settings::default()
    });
    let body = sent(request(settings, vec![user("hello")])).await;
    assert_eq!(body.get("thinking"), None);
}

#[tokio::test]
async fn a_budget_for_thoughts_is_not_given_in_the_middle_of_an_answer_that_began_without_any() {
    let settings =
        Settings { reasoning_effort: Some(ReasoningEffort::Minimal), ..Settings::default() };
    let input = vec![user("hello"), call("c", "{}"), output("c", "7")];
    let request = ChatRequest::new("claude-sonnet-4-5", settings, input);
    assert_eq!(sent(request).await.get("thinking"), None);
}

#[tokio::test]
async fn betas_are_asked_for_by_name() {
    let betas = ["a-2025-01-01", "b-2025-01-01"].map(str::to_owned);
    let sent = sent_with(hello(), |options| options.with_betas(betas)).await;
    assert_eq!(sent.header("anthropic-beta"), Some("a-2025-01-01,b-2025-01-01"));
}

/// Where the marks are: `tools`, `system`, and the places of marked blocks in messages.
fn marks(body: &Value) -> Vec<String> {
    let is_marked = |block: &Value| block["cache_control"] == json!({"type": "ephemeral"});
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let mut marks = Vec::new();
    marks.extend(list(&body["tools"]).iter().any(is_marked).then(|| "tools".to_owned()));
    marks.extend(list(&body["system"]).iter().any(is_marked).then(|| "system".to_owned()));
    for (at, message) in list(&body["messages"]).iter().enumerate() {
        for (block, content) in list(&message["content"]).iter().enumerate() {
            marks.extend(is_marked(content).then(|| format!("{at}.{block}")));
        }
    }
    marks
}

#[tokio::test]
async fn caches_end_after_tools_and_system_and_where_the_request_says() {
    let settings =
        with_tool(Settings { instructions: Some("be brief".to_owned()), ..Settings::default() });
    let input = vec![said(Role::System, "s"), user("a"), assistant("b"), user("c"), user("d")];
    let request = ChatRequest { cache_ends: vec![2, 4], ..request(settings, input) };
    let body = sent(request).await;
    assert_eq!(marks(&body), ["tools", "system", "0.0", "2.0"]);
    assert_eq!(body["system"][0].get("cache_control"), None, "only the last block of a part");
}

#[tokio::test]
async fn there_are_four_marks_at_most_and_the_longest_parts_win() {
    let settings =
        with_tool(Settings { instructions: Some("be brief".to_owned()), ..Settings::default() });
    let input: Vec<_> = (0..8).map(|_| user("a")).collect();
    let request = ChatRequest { cache_ends: vec![1, 3, 5, 7, 8], ..request(settings, input) };
    assert_eq!(marks(&sent(request).await), ["system", "0.4", "0.6", "0.7"]);
}

#[tokio::test]
async fn ends_that_fall_on_the_system_prompt_or_on_one_block_are_marked_once() {
    let input = vec![said(Role::System, "s"), user("a"), user(" "), user("b")];
    let request = ChatRequest { cache_ends: vec![1, 2, 3], ..request(Settings::default(), input) };
    assert_eq!(marks(&sent(request).await), ["system", "0.0"]);
}

#[tokio::test]
async fn an_endpoint_that_refuses_marks_gets_none() {
    let settings =
        with_tool(Settings { instructions: Some("be brief".to_owned()), ..Settings::default() });
    let request = ChatRequest { cache_ends: vec![1], ..request(settings, vec![user("a")]) };
    let sent = sent_with(request, |it| it.with_prompt_cache(PromptCache::Unmarked)).await;
    assert_eq!(marks(&sent.json()), <[String; 0]>::default());
}
