//! A limit that is reached, and what is told of limits before that.

use actix_web::http::Method;
use loquat_domain::Usage;
use loquat_provider::{FinishReason, ProviderEvent};
use loquat_testkit::{Script, ScriptedProvider, Step};
use serde_json::{Value, json};

use crate::stage::{ANNA, Answer, BERT, STRANGER, Stage, all_powerful, request};

async fn limit(stage: &Stage, meter: &str, most: u64) {
    let body = json!({"whom": "each_user", "meter": meter, "most": most});
    stage.put(&all_powerful(ANNA), "/v1/admin/limits", &body).await.expect(200);
}

/// Each way to ask for an answer, streamed and not.
fn asks() -> Vec<(&'static str, Value)> {
    let messages = json!([{"role": "user", "content": "Hi"}]);
    vec![
        ("/v1/responses", json!({"input": "Hi"})),
        ("/v1/responses", json!({"input": "Hi", "stream": true})),
        ("/v1/responses", json!({"input": "Hi", "background": true})),
        ("/v1/chat/completions", json!({"messages": messages})),
        ("/v1/chat/completions", json!({"messages": messages, "stream": true})),
        ("/chat/stream", json!({"message": "Hi"})),
    ]
}

fn number(answer: &Answer, header: &str) -> Option<u64> {
    answer.header(header).map(|value| value.parse().unwrap())
}

#[tokio::test]
async fn what_is_left_is_told_with_every_answer_until_nothing_is() {
    let stage = Stage::new();
    let asks = asks();
    let most = u64::try_from(asks.len()).unwrap();
    limit(&stage, "requests_per_minute", most).await;
    limit(&stage, "tokens_per_day", 1_000_000).await;
    for (left, (path, body)) in (0..most).rev().zip(&asks) {
        let answer = stage.post(ANNA, path, body).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        assert_eq!(number(&answer, "x-ratelimit-limit-requests"), Some(most), "{path} {body}");
        assert_eq!(number(&answer, "x-ratelimit-remaining-requests"), Some(left), "{path} {body}");
        assert_eq!(answer.header("x-ratelimit-reset-requests"), Some("1m0s"));
        assert_eq!(number(&answer, "x-ratelimit-limit-tokens"), Some(1_000_000));
        assert!(number(&answer, "x-ratelimit-remaining-tokens").unwrap() < 1_000_000);
        assert_eq!(answer.header("x-ratelimit-reset-tokens"), Some("24h0m0s"));
    }
    for (path, body) in &asks {
        let refused = stage.post(ANNA, path, body).await;
        refused.error(429, "rate_limit_exceeded");
        assert_eq!(refused.json()["error"]["type"], "rate_limit_error");
        assert_eq!(refused.header("retry-after"), Some("60"), "{path}");
        assert_eq!(number(&refused, "x-ratelimit-limit-requests"), Some(most));
        assert_eq!(number(&refused, "x-ratelimit-remaining-requests"), Some(0));
        assert_eq!(refused.header("x-ratelimit-reset-requests"), Some("1m0s"));
        let own = "x-ratelimit-remaining-requests";
        assert_eq!(stage.post(STRANGER, path, body).await.header(own), None, "{path}");
    }
    assert_eq!(stage.post(BERT, "/v1/responses", &asks[0].1).await.status, 200);
}

#[tokio::test]
async fn a_request_that_is_limited_by_nothing_is_told_nothing() {
    let stage = Stage::new();
    for (path, body) in asks() {
        let answer = stage.post(ANNA, path, &body).await;
        for header in ["requests", "tokens"] {
            assert_eq!(answer.header(&format!("x-ratelimit-limit-{header}")), None, "{path}");
        }
    }
}

#[tokio::test]
async fn more_than_is_left_of_the_tokens_is_refused_until_the_day_is_over() {
    let stage = Stage::new();
    limit(&stage, "tokens_per_day", 120).await;
    let body = json!({"input": "Hi", "max_output_tokens": 100});
    stage.post(ANNA, "/v1/responses", &body).await.expect(200);
    let refused = loop {
        let answer = stage.post(ANNA, "/v1/responses", &body).await;
        if answer.status != 200 {
            break answer;
        }
    };
    refused.error(429, "rate_limit_exceeded");
    assert!(number(&refused, "retry-after").unwrap() >= 1);
    assert!(number(&refused, "x-ratelimit-remaining-tokens").unwrap() < 120);
}

#[tokio::test]
async fn more_than_the_whole_limit_is_refused_and_nobody_is_told_to_come_again() {
    let stage = Stage::new();
    limit(&stage, "tokens_per_day", 50).await;
    let body = json!({"input": "Hi", "max_output_tokens": 100});
    let refused = stage.post(ANNA, "/v1/responses", &body).await;
    refused.error(429, "rate_limit_exceeded");
    let message = &refused.expect(429)["error"]["message"];
    assert!(message.as_str().unwrap().contains("max_output_tokens"), "{message}");
    assert_eq!(refused.header("retry-after"), None);
    assert_eq!(number(&refused, "x-ratelimit-remaining-tokens"), Some(50));
    assert_eq!(stage.found("/v1/conversations").await["data"], json!([]), "nothing was stored");
    let short = json!({"input": "Hi", "max_output_tokens": 16});
    stage.post(ANNA, "/v1/responses", &short).await.expect(200);
}

#[tokio::test]
async fn more_answers_at_once_than_may_be_are_refused_for_a_moment() {
    let half = ProviderEvent::Text("Half of".to_owned());
    let stalls = Script::new([Step::Event(half), Step::StallForever]);
    let scripts = [stalls, Script::answer(["Fine."])];
    let stage = Stage::with_model(ScriptedProvider::queue(scripts));
    limit(&stage, "streams", 1).await;
    let body = json!({"input": "Hi", "model": "scripted", "stream": true});
    let mut running =
        stage.open(request(Method::POST, ANNA, "/v1/responses").set_json(&body)).await;
    running.until("Half of").await;
    let refused = stage.post(ANNA, "/v1/responses", &body).await;
    refused.error(429, "rate_limit_exceeded");
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert_eq!(refused.header("x-ratelimit-remaining-requests"), None, "requests are not limited");
    drop(running);
    stage.model.wait_for_call(0).await.wait_until_dropped().await;
    let mut again = stage.post(ANNA, "/v1/responses", &body).await;
    while again.status == 429 {
        // Its end is still being stored.
        tokio::task::yield_now().await;
        again = stage.post(ANNA, "/v1/responses", &body).await;
    }
    assert!(again.text().contains("Fine."), "{}", again.text());
}

/// A stage whose every answer costs money: a millionth a token of the prompt.
fn dear() -> Stage {
    Stage::with_model(ScriptedProvider::answering(|_| {
        let usage = Usage { input_tokens: 900, output_tokens: 10, ..Usage::default() };
        Script::events([
            ProviderEvent::Text("Dear.".to_owned()),
            ProviderEvent::Finished(FinishReason::Stop),
            ProviderEvent::Usage(usage),
        ])
    }))
}

#[tokio::test]
async fn when_the_money_is_gone_it_is_said_in_the_words_that_clients_know() {
    let stage = dear();
    limit(&stage, "micros_per_month", 1_000).await;
    let body = json!({"model": "scripted", "input": "Hi", "max_output_tokens": 16});
    let paid = stage.post(ANNA, "/v1/responses", &body).await;
    assert_eq!(paid.status, 200, "{}", paid.text());
    let refused = stage.post(ANNA, "/v1/responses", &body).await;
    refused.error(429, "insufficient_quota");
    assert_eq!(refused.json()["error"]["type"], "insufficient_quota");
    assert!(number(&refused, "retry-after").unwrap() > 60, "not before the next month");
    let standings = stage.found("/v1/limits").await;
    assert_eq!(standings["data"][0]["meter"], "micros_per_month");
    assert_eq!(standings["data"][0]["remaining"], 50, "{standings}");
}
