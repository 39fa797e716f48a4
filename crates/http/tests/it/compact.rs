//! A conversation in short, and what becomes of it when it is sent back.

use std::time::Duration;

use loquat_provider::{ChatRequest, ProviderError};
use loquat_testkit::{Script, ScriptedProvider, Step};
use serde_json::{Value, json};

use crate::stage::{ANNA, Stage};

/// True for a call that asks for a summary.
fn asks_for_notes(request: &ChatRequest) -> bool {
    let instructions = request.settings.instructions.as_deref();
    instructions.is_some_and(|text| text.starts_with("You keep the notes"))
}

/// A stage whose model `scripted` writes notes when it is asked for them.
fn stage() -> Stage {
    Stage::with_model(ScriptedProvider::answering(|request| {
        let notes = "Anna lives in Kiel and keeps bees.";
        Script::answer([if asks_for_notes(request) { notes } else { "Noted." }])
    }))
}

/// A chain of answers, by its last one.
async fn chain(stage: &Stage) -> Value {
    let mut previous = Value::Null;
    for said in
        ["I live in Kiel. ".repeat(60), "I keep bees. ".repeat(60), "Good night.".to_owned()]
    {
        let body = json!({"model": "scripted", "input": said, "previous_response_id": previous});
        previous = stage.posted("/v1/responses", &body).await["id"].take();
    }
    previous
}

#[tokio::test]
async fn what_was_said_comes_back_as_a_summary_of_the_user_and_not_as_it_was() {
    let stage = stage();
    let last = chain(&stage).await;
    let body = json!({"model": "scripted", "previous_response_id": last, "instructions": "Sing."});
    let short = stage.posted("/v1/responses/compact", &body).await;
    assert_eq!(short["object"], "response.compaction");
    assert!(short["id"].as_str().unwrap().starts_with("resp_"), "{short}");
    assert_eq!(short["created_at"], 1_756_684_800);
    assert_eq!(short["usage"]["output_tokens"], 1);
    let kinds: Vec<_> = short["output"].as_array().unwrap().iter().map(|it| &it["type"]).collect();
    assert_eq!(kinds, ["compaction", "message", "message"], "the newest turn stays as it is");
    assert!(!short["output"][0]["encrypted_content"].as_str().unwrap().contains("Kiel"));

    let mut input = short["output"].as_array().unwrap().clone();
    input.push(json!({"role": "user", "content": "Where do I live?"}));
    stage.posted("/v1/responses", &json!({"model": "scripted", "input": input})).await;
    let call = stage.model.calls().pop().unwrap().request;
    let told: Vec<_> =
        call.input.iter().map(|it| (it.role().unwrap().as_str(), it.texts().concat())).collect();
    assert_eq!(told.len(), 4, "{told:?}");
    assert_eq!(told[0].0, "user");
    assert!(told[0].1.contains("Anna lives in Kiel and keeps bees."), "{told:?}");
    assert_eq!(
        told[1..3],
        [("user", "Good night.".to_owned()), ("assistant", "Noted.".to_owned())]
    );
    assert!(!told.iter().any(|(_, text)| text.contains("I keep bees.")), "{told:?}");
}

#[tokio::test]
async fn a_conversation_goes_on_from_what_it_was_put_into() {
    let stage = stage();
    let first = json!({"role": "user", "content": "I live in Kiel. ".repeat(60)});
    let second = json!({"role": "user", "content": "I keep bees."});
    let body = json!({"model": "scripted", "input": [first, second]});
    let short = stage.posted("/v1/responses/compact", &body).await;
    let body = json!({"model": "scripted", "input": short["output"]});
    let next = stage.posted("/v1/responses", &body).await;
    let body =
        json!({"model": "scripted", "input": "Good night.", "previous_response_id": next["id"]});
    stage.posted("/v1/responses", &body).await;
    let call = stage.model.calls().pop().unwrap().request;
    let told: Vec<_> = call.input.iter().map(|content| content.texts().concat()).collect();
    assert!(told[0].contains("Anna lives in Kiel"), "{told:?}");
    assert_eq!(told[1..], ["I keep bees.", "Noted.", "Good night."]);
}

#[tokio::test]
async fn what_is_short_stays_as_it_is() {
    let stage = stage();
    let conversation = stage.posted("/v1/conversations", &json!({})).await;
    let said = json!({"model": "scripted", "input": "Hi", "conversation": conversation["id"]});
    stage.posted("/v1/responses", &said).await;
    let body = json!({"model": "scripted", "conversation": {"id": conversation["id"]}});
    let short = stage.posted("/v1/responses/compact", &body).await;
    let texts: Vec<_> =
        short["output"].as_array().unwrap().iter().map(|it| &it["content"][0]["text"]).collect();
    assert_eq!(texts, ["Hi", "Noted."]);
}

#[tokio::test]
async fn putting_a_conversation_into_few_words_changes_nothing_of_it() {
    let stage = stage();
    let conversation = stage.posted("/v1/conversations", &json!({})).await;
    let id = conversation["id"].as_str().unwrap();
    let said =
        json!({"model": "scripted", "input": "I live in Kiel. ".repeat(99), "conversation": id});
    stage.posted("/v1/responses", &said).await;
    stage.posted("/v1/responses", &json!({"input": "And now?", "conversation": id})).await;
    let items = format!("/v1/conversations/{id}/items");
    let before = (stage.found(&items).await, stage.found("/v1/conversations").await);
    let body = json!({"model": "scripted", "conversation": id});
    let short = stage.posted("/v1/responses/compact", &body).await;
    assert_eq!(short["output"][0]["type"], "compaction");
    assert_eq!((stage.found(&items).await, stage.found("/v1/conversations").await), before);
    let path = format!("/v1/responses/{}", short["id"].as_str().unwrap());
    stage.get(ANNA, &path).await.error(404, "response_not_found");
}

#[tokio::test]
async fn a_compaction_that_is_not_ours_is_refused_with_its_place() {
    let stage = Stage::new();
    let foreign = json!({"type": "compaction", "encrypted_content": "gAAAAAB-canary"});
    let input = json!([{"role": "user", "content": "x"}, foreign]);
    for path in ["/v1/responses", "/v1/responses/input_tokens", "/v1/responses/compact"] {
        let answer = stage.post(ANNA, path, &json!({ "input": input })).await;
        assert_eq!(answer.error(400, "invalid_value"), "input[1].encrypted_content");
        assert!(!answer.text().contains("canary"));
    }
}

#[tokio::test]
async fn a_request_that_cannot_be_honoured_is_refused() {
    let stage = Stage::new();
    let id = stage.posted("/v1/conversations", &json!({})).await["id"].take();
    for (body, code, param) in [
        (json!({}), "missing_required_parameter", "input"),
        (json!({"input": "x", "stream": true}), "unsupported_parameter", "stream"),
        (json!({"input": "x", "context": {}}), "unsupported_parameter", "context"),
        (
            json!({"conversation": {"id": id, "after": null}}),
            "unsupported_parameter",
            "conversation.after",
        ),
        (
            json!({"conversation": id, "previous_response_id": "resp_1"}),
            "invalid_value",
            "previous_response_id",
        ),
        (json!({"input": "x", "output": []}), "unknown_parameter", "output"),
    ] {
        let answer = stage.post(ANNA, "/v1/responses/compact", &body).await;
        assert_eq!(answer.error(400, code), param, "{body}");
    }
    let harmless = json!({
        "input": "x", "prompt_cache_key": "k", "tools": [], "stream": false, "brand_new": 1,
    });
    stage.posted("/v1/responses/compact", &harmless).await;
}

async fn asked_of(script: fn() -> Script) -> crate::stage::Answer {
    let stage = Stage::with_model(ScriptedProvider::answering(move |_| script()));
    let input = json!([{"role": "user", "content": "a"}, {"role": "user", "content": "b"}]);
    let body = json!({"model": "scripted", "input": input});
    stage.post(ANNA, "/v1/responses/compact", &body).await
}

#[tokio::test]
async fn a_model_that_writes_nothing_has_failed() {
    asked_of(|| Script::answer(["  "])).await.error(502, "summary_failed");
}

#[tokio::test]
async fn a_provider_that_fails_is_told_as_for_any_answer() {
    let broken = asked_of(|| Script::refusal(ProviderError::Unavailable(None))).await;
    broken.error(502, "provider_unavailable");
    assert_eq!(broken.header("retry-after"), None);
    let in_the_middle = asked_of(|| Script::new([Step::Fail(ProviderError::IdleTimeout)])).await;
    in_the_middle.error(504, "provider_idle_timeout");
}

#[tokio::test]
async fn a_provider_that_asks_to_slow_down_says_for_how_long() {
    let rushed = asked_of(|| {
        let retry_after = Some(Duration::from_secs(17));
        Script::refusal(ProviderError::RateLimited { retry_after })
    });
    let rushed = rushed.await;
    rushed.error(429, "rate_limit_exceeded");
    assert_eq!(rushed.header("retry-after"), Some("17"));
    let vague =
        asked_of(|| Script::refusal(ProviderError::RateLimited { retry_after: None })).await;
    assert_eq!(vague.header("retry-after"), Some("5"));
}

#[tokio::test]
async fn a_conversation_in_which_a_turn_runs_is_not_put_into_few_words() {
    let stage =
        Stage::with_model(ScriptedProvider::answering(|_| Script::new([Step::StallForever])));
    let id = stage.posted("/v1/conversations", &json!({})).await["id"].take();
    let turn = json!({"model": "scripted", "input": "x", "conversation": id, "background": true});
    let running = stage.posted("/v1/responses", &turn).await["id"].take();
    for (body, code) in [
        (json!({"conversation": id}), "conversation_locked"),
        (json!({"previous_response_id": running}), "previous_response_in_progress"),
    ] {
        let answer = stage.post(ANNA, "/v1/responses/compact", &body).await;
        answer.error(409, code);
        assert_eq!(answer.header("retry-after"), Some("1"));
    }
}
