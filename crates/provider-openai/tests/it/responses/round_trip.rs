//! Thoughts come back sealed, and go out again to where they came from.

use loquat_domain::{
    FunctionCall, FunctionCallOutput, ItemContent, Message, Reasoning, Role, Settings,
};
use loquat_provider::{ChatProvider as _, ChatRequest, ProviderEvent};
use loquat_provider_openai::{ModelOptions, Thoughts};
use loquat_testkit::ScriptedUpstream;
use serde_json::{Value, json};

use super::{answer, call, completed, responses, script, thoughts};
use crate::{listen, provider};

/// The conversation after an answer with thoughts and a call, made of the events as the chat service
/// makes it, and after the call's output.
fn after(events: Vec<ProviderEvent>) -> Vec<ItemContent> {
    let mut reasoning = Reasoning::default();
    let mut items = vec![ItemContent::Message(Message::text(Role::User, "look"))];
    let mut asked =
        FunctionCall { call_id: String::new(), name: String::new(), arguments: String::new() };
    for event in events {
        match event {
            ProviderEvent::ReasoningSummary { delta, .. } => reasoning.summary.push(delta),
            ProviderEvent::ReasoningSealed(sealed) => {
                reasoning.encrypted = Some(sealed);
                items.push(ItemContent::Reasoning(std::mem::take(&mut reasoning)));
            }
            ProviderEvent::ToolCallStarted { call_id, name, .. } => {
                (asked.call_id, asked.name) = (call_id, name);
            }
            ProviderEvent::ToolCallArguments { delta, .. } => asked.arguments.push_str(&delta),
            ProviderEvent::Finished(_) | ProviderEvent::Usage(_) => {}
            other => panic!("{other:?}"),
        }
    }
    let output = FunctionCallOutput { call_id: asked.call_id.clone(), output: "7".to_owned() };
    items.extend([ItemContent::FunctionCall(asked), ItemContent::FunctionCallOutput(output)]);
    items
}

async fn upstream() -> ScriptedUpstream {
    let (thinking, thought) = thoughts(0, &["hm"], "gAAA:sealed");
    let (calling, called) = call(1, "call_a", "look", &["{}"]);
    let asks = thinking.into_iter().chain(calling).chain([completed(&[thought, called])]);
    ScriptedUpstream::queue([script(asks), answer(&["seven"])]).await.unwrap()
}

/// The conversation after the first answer of this upstream.
async fn first_turn(upstream: &ScriptedUpstream) -> Vec<ItemContent> {
    let hello = vec![ItemContent::Message(Message::text(Role::User, "look"))];
    let request = ChatRequest::new("m", Settings::default(), hello);
    let answer = provider(responses(upstream)).start(request).await.unwrap();
    let (events, error) = listen(answer).await;
    assert!(error.is_none(), "{error:?}");
    after(events)
}

fn types(input: &Value) -> Vec<&str> {
    input.as_array().unwrap().iter().map(|item| item["type"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn the_next_request_has_the_thoughts_as_the_endpoint_sealed_them() {
    let upstream = upstream().await;
    let items = first_turn(&upstream).await;
    let request = ChatRequest::new("m", Settings::default(), items);
    listen(provider(responses(&upstream)).start(request).await.unwrap()).await;
    let input = upstream.requests()[1].json()["input"].take();
    let expected = json!([
        {"type": "message", "role": "user", "content": "look"},
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}],
         "encrypted_content": "gAAA:sealed"},
        {"type": "function_call", "call_id": "call_a", "name": "look", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "call_a", "output": "7"},
    ]);
    assert_eq!(input, expected);
}

#[tokio::test]
async fn another_endpoint_does_not_see_them() {
    let items = first_turn(&upstream().await).await;
    let other = ScriptedUpstream::always(answer(&["seven"])).await.unwrap();
    let request = ChatRequest::new("m", Settings::default(), items);
    listen(provider(responses(&other)).start(request).await.unwrap()).await;
    let seen = other.requests().remove(0);
    let input = seen.json()["input"].take();
    assert_eq!(types(&input), ["message", "function_call", "function_call_output"]);
    assert!(!String::from_utf8_lossy(&seen.body).contains("sealed"));
}

#[tokio::test]
async fn a_model_that_has_no_thoughts_is_not_sent_another_s() {
    let upstream = upstream().await;
    let items = first_turn(&upstream).await;
    let unasked = ModelOptions { thoughts: Some(Thoughts::Unasked), ..ModelOptions::default() };
    let provider = provider(responses(&upstream).with_model("m", unasked));
    let request = ChatRequest::new("m", Settings::default(), items);
    listen(provider.start(request).await.unwrap()).await;
    let mut body = upstream.requests()[1].json();
    assert_eq!(types(&body["input"]), ["message", "function_call", "function_call_output"]);
    assert_eq!(body["include"].take(), Value::Null);
}

#[tokio::test]
async fn thoughts_that_nothing_follows_stay_behind() {
    let upstream = upstream().await;
    let items = first_turn(&upstream).await;
    let thought = items[1].clone();
    let said = |role, text: &str| ItemContent::Message(Message::text(role, text));
    // An answer that was stopped while the model thought, and one whose text left the window.
    let input = vec![
        said(Role::User, "a"),
        thought.clone(),
        said(Role::User, "b"),
        thought.clone(),
        thought.clone(),
        said(Role::Assistant, "c"),
        thought,
    ];
    let request = ChatRequest::new("m", Settings::default(), input);
    listen(provider(responses(&upstream)).start(request).await.unwrap()).await;
    let input = upstream.requests()[1].json()["input"].take();
    assert_eq!(types(&input), ["message", "message", "reasoning", "reasoning", "message"]);
}
