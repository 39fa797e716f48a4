//! Conversations, as the endpoint sees them: messages that take turns, and every call with its
//! result.

use loquat_domain::{ImageDetail, ItemContent, Part, ReasoningEffort, Role, Settings};
use loquat_provider::{ChatRequest, ProviderError, ProviderEvent};
use loquat_testkit::{ScriptedUpstream, UpstreamScript};
use serde_json::{Value, json};

use crate::{
    Events as _, assistant, call, hear, hello, options, output, parts, provider, request, said,
    sent, thought, user,
};

async fn body(input: Vec<ItemContent>) -> Value {
    sent(request(Settings::default(), input)).await
}

async fn messages(input: Vec<ItemContent>) -> Value {
    body(input).await["messages"].take()
}

fn text(text: &str) -> Value {
    json!({"type": "text", "text": text})
}

fn users(content: &[Value]) -> Value {
    json!({"role": "user", "content": content})
}

fn assistants(content: &[Value]) -> Value {
    json!({"role": "assistant", "content": content})
}

fn tool_use(id: &str, input: &Value) -> Value {
    json!({"type": "tool_use", "id": id, "name": "f", "input": input})
}

fn result(id: &str, content: &str) -> Value {
    json!({"type": "tool_result", "tool_use_id": id, "content": content})
}

fn no_result(id: &str) -> Value {
    json!({"type": "tool_result", "tool_use_id": id, "content": "There is no result.",
        "is_error": true})
}

#[tokio::test]
async fn leading_words_of_the_operator_are_the_system_prompt_and_later_ones_are_told_in_place() {
    let input = vec![
        said(Role::System, "s"),
        said(Role::Developer, "d"),
        user("u"),
        said(Role::System, "later"),
        assistant("a"),
    ];
    let settings = Settings { instructions: Some("i".to_owned()), ..Settings::default() };
    let body = sent(request(settings, input)).await;
    let system = json!([text("i"), text("s"), {"type": "text", "text": "d",
        "cache_control": {"type": "ephemeral"}}]);
    assert_eq!(body["system"], system);
    let later = text("<system>\nlater\n</system>");
    assert_eq!(body["messages"], json!([users(&[text("u"), later]), assistants(&[text("a")])]));
}

#[tokio::test]
async fn neighbours_of_one_speaker_are_one_message() {
    let input = vec![user("a"), user("b"), assistant("c"), assistant("d"), user("e")];
    let expected = json!([
        users(&[text("a"), text("b")]),
        assistants(&[text("c"), text("d")]),
        users(&[text("e")]),
    ]);
    assert_eq!(messages(input).await, expected);
}

#[tokio::test]
async fn the_user_speaks_first_whatever_was_said() {
    let opening = users(&[text("(The conversation begins here.)")]);
    let expected = json!([opening, assistants(&[text("a")]), users(&[text("b")])]);
    assert_eq!(messages(vec![assistant("a"), user("b")]).await, expected);
    assert_eq!(messages(vec![said(Role::System, "s")]).await, json!([opening]));
}

#[tokio::test]
async fn nothing_but_space_is_not_said_and_an_open_answer_ends_without_any() {
    let input = vec![user("a"), user(""), assistant(" \n"), user("\t"), assistant("b \n")];
    assert_eq!(messages(input).await, json!([users(&[text("a")]), assistants(&[text("b")])]));
}

#[tokio::test]
async fn every_call_is_followed_by_its_result() {
    let input = vec![
        user("u"),
        assistant("let me see"),
        call("a", r#"{"x":1}"#),
        call("b", ""),
        output("a", "7"),
        output("b", "8"),
        call("c", "{}"),
        output("c", "9"),
        assistant("done"),
    ];
    let expected = json!([
        users(&[text("u")]),
        assistants(&[
            text("let me see"),
            tool_use("a", &json!({"x": 1})),
            tool_use("b", &json!({}))
        ]),
        users(&[result("a", "7"), result("b", "8")]),
        assistants(&[tool_use("c", &json!({}))]),
        users(&[result("c", "9")]),
        assistants(&[text("done")]),
    ]);
    assert_eq!(messages(input).await, expected);
}

#[tokio::test]
async fn results_come_first_wherever_they_were_said() {
    let input = vec![
        user("u"),
        call("a", "{}"),
        call("b", "{}"),
        output("b", "8"),
        user("hurry"),
        output("a", "7"),
    ];
    let expected = json!([
        users(&[text("u")]),
        assistants(&[tool_use("a", &json!({})), tool_use("b", &json!({}))]),
        users(&[result("a", "7"), result("b", "8"), text("hurry")]),
    ]);
    assert_eq!(messages(input).await, expected);
}

#[tokio::test]
async fn a_call_without_a_result_gets_one_that_says_so() {
    let input = vec![user("u"), call("a", "{}"), user("never mind")];
    let expected = json!([
        users(&[text("u")]),
        assistants(&[tool_use("a", &json!({}))]),
        users(&[no_result("a"), text("never mind")]),
    ]);
    assert_eq!(messages(input).await, expected);
    let open = messages(vec![user("u"), call("a", "{}")]).await;
    assert_eq!(open[2], users(&[no_result("a")]));
}

#[tokio::test]
async fn a_result_without_its_call_is_told_as_text() {
    let input = vec![user("u"), output("gone", "7"), call("gone", "{}"), output("gone", "8")];
    let expected = json!([
        users(&[text("u"), text("<function_result>\n7\n</function_result>")]),
        assistants(&[tool_use("gone", &json!({}))]),
        users(&[result("gone", "8")]),
    ]);
    assert_eq!(messages(input).await, expected);
}

#[tokio::test]
async fn an_id_that_is_used_again_belongs_to_its_own_call() {
    let input =
        vec![user("u"), call("0", "{}"), output("0", "7"), call("0", "{}"), output("0", "8")];
    let messages = messages(input).await;
    assert_eq!(messages[2], users(&[result("0", "7")]));
    assert_eq!(messages[4], users(&[result("0", "8")]));
}

#[tokio::test]
async fn ids_and_arguments_of_other_providers_are_put_into_the_wire_s_form() {
    let input = vec![user("u"), call("functions.f:0", "{\"cut\": "), output("functions.f:0", "")];
    let expected = json!([
        users(&[text("u")]),
        assistants(&[tool_use("functions_f_0", &json!({"arguments": "{\"cut\":"}))]),
        users(&[json!({"type": "tool_result", "tool_use_id": "functions_f_0"})]),
    ]);
    assert_eq!(messages(input).await, expected);
    for arguments in ["[1]", "7", "null", "{} {}"] {
        let input = messages(vec![user("u"), call("a", arguments)]).await;
        assert_eq!(input[1]["content"][0]["input"], json!({"arguments": arguments}));
    }
}

#[tokio::test]
async fn images_are_urls_or_base64() {
    let image = |url: &str| Part::Image { url: url.to_owned(), detail: ImageDetail::Auto };
    let input = vec![parts(
        Role::User,
        vec![
            Part::Text("what is it?".to_owned()),
            image("https://example.org/a.png"),
            image("data:image/png;base64,AA=="),
            image("data:image/jpeg;name=x;base64,AA=="),
        ],
    )];
    let base64 = |media_type: &str| {
        json!({"type": "image",
            "source": {"type": "base64", "media_type": media_type, "data": "AA=="}})
    };
    let url = json!({"type": "image",
        "source": {"type": "url", "url": "https://example.org/a.png"}});
    let expected =
        json!([users(&[text("what is it?"), url, base64("image/png"), base64("image/jpeg")])]);
    assert_eq!(messages(input).await, expected);
}

#[tokio::test]
async fn an_image_that_the_wire_cannot_carry_is_refused_before_it_is_sent() {
    let upstream = ScriptedUpstream::always(UpstreamScript::sse()).await.unwrap();
    let provider = provider(options(&upstream));
    let image = |url: &str| Part::Image { url: url.to_owned(), detail: ImageDetail::Auto };
    for input in [
        parts(Role::User, vec![image("data:image/svg+xml,%3Csvg%3E")]),
        parts(Role::User, vec![image("data:")]),
        parts(Role::Assistant, vec![image("https://example.org/a.png")]),
    ] {
        let (_, error) = hear(&provider, request(Settings::default(), vec![input])).await;
        assert!(matches!(error, Some(ProviderError::Inexpressible)), "{error:?}");
    }
    assert_eq!(upstream.connections(), 0);
}

/// What an endpoint seals, as the provider tells it.
async fn sealed(upstream: &ScriptedUpstream) -> Vec<String> {
    let (events, error) = hear(&provider(options(upstream)), hello()).await;
    assert!(error.is_none(), "{error:?}");
    let sealed = |event| match event {
        ProviderEvent::ReasoningSealed(sealed) => Some(sealed),
        _ => None,
    };
    events.into_iter().filter_map(sealed).collect()
}

fn thoughts() -> UpstreamScript {
    UpstreamScript::sse()
        .event(&json!({"type": "content_block_start", "index": 0,
            "content_block": {"type": "thinking", "thinking": "", "signature": ""}}))
        .event(&json!({"type": "content_block_delta", "index": 0,
            "delta": {"type": "thinking_delta", "thinking": "hm"}}))
        .event(&json!({"type": "content_block_delta", "index": 0,
            "delta": {"type": "signature_delta", "signature": "sig=="}}))
        .event(&json!({"type": "content_block_stop", "index": 0}))
        .event(&json!({"type": "content_block_start", "index": 1,
            "content_block": {"type": "redacted_thinking", "data": "secret=="}}))
        .event(&json!({"type": "content_block_stop", "index": 1}))
        .event(&json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}}))
        .event(&json!({"type": "message_stop"}))
}

#[tokio::test]
async fn thoughts_go_back_to_the_endpoint_that_sealed_them_and_to_no_other() {
    let upstream = ScriptedUpstream::always(thoughts()).await.unwrap();
    let [signed, redacted] = <[String; 2]>::try_from(sealed(&upstream).await).unwrap();
    let input = || {
        vec![
            user("u"),
            thought("hm", Some(signed.clone())),
            thought("", Some(redacted.clone())),
            call("a", "{}"),
            output("a", "7"),
        ]
    };
    hear(&provider(options(&upstream)), request(Settings::default(), input())).await;
    let expected = assistants(&[
        json!({"type": "thinking", "thinking": "hm", "signature": "sig=="}),
        json!({"type": "redacted_thinking", "data": "secret=="}),
        tool_use("a", &json!({})),
    ]);
    assert_eq!(upstream.requests()[1].json()["messages"][1], expected);
    // Another endpoint: another port.
    let elsewhere = messages(input()).await;
    assert_eq!(elsewhere[1], assistants(&[tool_use("a", &json!({}))]));
}

#[tokio::test]
async fn thoughts_that_nobody_sealed_or_another_kind_of_provider_are_left_out() {
    let input = vec![
        user("u"),
        thought("hm", None),
        thought("hm", Some("openai/0123456789abcdef:x".to_owned())),
        thought("hm", Some("raw".to_owned())),
        assistant("a"),
    ];
    let expected = json!([users(&[text("u")]), assistants(&[text("a")])]);
    assert_eq!(messages(input).await, expected);
}

#[tokio::test]
async fn a_part_that_ends_with_a_thought_is_marked_before_it() {
    let upstream = ScriptedUpstream::always(thoughts()).await.unwrap();
    let signed = sealed(&upstream).await.remove(0);
    let input = vec![user("u"), thought("hm", Some(signed)), call("a", "{}"), output("a", "7")];
    let mut request = request(Settings::default(), input);
    request.cache_ends = vec![2];
    hear(&provider(options(&upstream)), request).await;
    let messages = upstream.requests()[1].json()["messages"].take();
    assert_eq!(messages[0]["content"][0]["cache_control"], json!({"type": "ephemeral"}));
    assert_eq!(messages[1]["content"][0].get("cache_control"), None);
}

#[tokio::test]
async fn thoughts_do_not_go_back_to_a_model_that_shall_not_think() {
    let upstream = ScriptedUpstream::always(thoughts()).await.unwrap();
    let signed = sealed(&upstream).await.remove(0);
    for (model, effort) in
        [("claude-sonnet-4-5", None), ("claude-opus-5", Some(ReasoningEffort::None))]
    {
        let settings = Settings { reasoning_effort: effort, ..Settings::default() };
        let input = vec![user("u"), thought("hm", Some(signed.clone())), assistant("a"), user("v")];
        let request =
            ChatRequest { cache_ends: vec![3], ..ChatRequest::new(model, settings, input) };
        hear(&provider(options(&upstream)), request).await;
        let mut messages = upstream.requests().pop().unwrap().json()["messages"].take();
        let answer = messages[1]["content"].take();
        let marked = json!([{"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}]);
        assert_eq!(answer, marked, "{model}");
    }
}

/// What the endpoint says, with status 400.
fn refused(words: &str) -> UpstreamScript {
    let error = json!({"type": "invalid_request_error", "message": words});
    UpstreamScript::json(400, &json!({"type": "error", "error": error}))
}

#[tokio::test]
async fn thoughts_that_the_endpoint_can_no_longer_open_are_left_out_and_not_the_conversation_lost()
{
    let words = "messages.1.content.0: Invalid `signature` in `thinking` block";
    let scripts = [thoughts(), refused(words), thoughts()];
    let upstream = ScriptedUpstream::queue(scripts).await.unwrap();
    let signed = sealed(&upstream).await.remove(0);
    let settings = Settings { reasoning_effort: Some(ReasoningEffort::Low), ..Settings::default() };
    let input = vec![user("u"), thought("hm", Some(signed)), call("a", "{}"), output("a", "7")];
    let (events, error) = hear(&provider(options(&upstream)), request(settings, input)).await;
    assert!(error.is_none() && !events.is_empty(), "{error:?}");
    let requests = upstream.requests();
    assert_eq!(requests.len(), 3);
    let (first, second) = (requests[1].json(), requests[2].json());
    assert_eq!(first["messages"][1]["content"][0]["type"], "thinking");
    assert_eq!(second["messages"][1], assistants(&[tool_use("a", &json!({}))]));
    assert_eq!(
        (first["thinking"]["type"].as_str(), second.get("thinking")),
        (Some("adaptive"), None)
    );
}

#[tokio::test]
async fn a_way_to_think_that_the_model_does_not_know_is_not_insisted_on() {
    let words = "\"thinking.type.adaptive\" is not supported for this model";
    let upstream = ScriptedUpstream::queue([refused(words), thoughts()]).await.unwrap();
    let settings = Settings { reasoning_effort: Some(ReasoningEffort::Low), ..Settings::default() };
    let (_, error) = hear(&provider(options(&upstream)), request(settings, vec![user("u")])).await;
    assert!(error.is_none(), "{error:?}");
    assert_eq!(upstream.requests()[1].json().get("thinking"), None);
}

#[tokio::test]
async fn a_refusal_about_thoughts_where_there_are_none_is_final() {
    let upstream = ScriptedUpstream::always(refused("thinking is hard")).await.unwrap();
    let (_, error) = hear(&provider(options(&upstream)), hello()).await;
    assert!(matches!(error, Some(ProviderError::Rejected { status: 400 })), "{error:?}");
    assert_eq!(upstream.requests().len(), 1);
}
