//! The turn.

use loquat_domain::{Failure, FailureCode, ItemContent};
use loquat_provider::{FinishReason, ProviderError, ProviderEvent};
use loquat_testkit::{
    ResponsesStreamChecker, Script, ScriptedProvider, Step, check_response_object,
};
use serde_json::{Value, json};

use crate::stage::{ANNA, Stage, request};

#[tokio::test]
async fn a_whole_answer_is_what_is_found_later() {
    let stage = Stage::new();
    let answer = stage.posted("/v1/responses", &json!({"input": "One two"})).await;
    check_response_object(&answer).unwrap();
    assert_eq!(answer["output"][0]["content"][0]["text"], "One two");
    let path = format!("/v1/responses/{}", answer["id"].as_str().unwrap());
    assert_eq!(stage.found(&path).await, answer);
}

#[tokio::test]
async fn a_streamed_answer_is_what_is_found_later() {
    let stage = Stage::new();
    let body = json!({"input": "One two", "stream": true});
    let answer = stage.post(ANNA, "/v1/responses", &body).await;
    assert_eq!(answer.header("content-type"), Some("text/event-stream; charset=utf-8"));
    let stream = ResponsesStreamChecker::check(&answer.body).unwrap();
    assert_eq!(stream.text, "One two");
    let path = format!("/v1/responses/{}", stream.response["id"].as_str().unwrap());
    assert_eq!(stage.found(&path).await, stream.response);
}

#[tokio::test]
async fn the_model_gets_what_was_asked() {
    let stage = Stage::new();
    let body = json!({
        "model": "scripted",
        "input": [
            {"role": "developer", "content": "Obey."},
            {"role": "user", "content": [{"type": "input_text", "text": "Hi"}]},
        ],
        "instructions": "Be brief.", "max_output_tokens": 16, "temperature": 0.5, "top_p": 0.25,
        "presence_penalty": 1, "frequency_penalty": -1, "parallel_tool_calls": false,
        "tools": [{"type": "function", "name": "f", "description": "d", "strict": true,
            "parameters": {"type": "object"}}],
        "tool_choice": {"type": "function", "name": "f"},
        "text": {"format": {"type": "json_schema", "name": "n", "schema": {"z": 1, "a": 2}}},
        "reasoning": {"effort": "xhigh"},
    });
    stage.posted("/v1/responses", &body).await;
    let asked = stage.model.calls().remove(0).request;
    let said: Vec<_> = asked.input.iter().map(|item| item.texts().concat()).collect();
    assert_eq!(said, ["Obey.", "Hi"]);
    let settings = asked.settings;
    assert_eq!(settings.instructions.as_deref(), Some("Be brief."));
    assert_eq!(settings.max_output_tokens, Some(16));
    assert_eq!(settings.sampling.temperature, Some(0.5));
    assert_eq!(settings.sampling.top_p, Some(0.25));
    assert_eq!(settings.sampling.presence_penalty, Some(1.0));
    assert_eq!(settings.sampling.frequency_penalty, Some(-1.0));
    assert_eq!(settings.parallel_tool_calls, Some(false));
    assert_eq!(settings.tools[0].name, "f");
    assert_eq!(settings.tools[0].strict, Some(true));
    assert_eq!(settings.tool_choice, loquat_domain::ToolChoice::Function("f".to_owned()));
    assert_eq!(settings.reasoning_effort, Some(loquat_domain::ReasoningEffort::ExtraHigh));
}

#[tokio::test]
async fn a_schema_is_passed_on_and_echoed_word_for_word() {
    let stage = Stage::new();
    let schema = r#"{ "z": 1.50, "a": ["\u00e4"],"big":12345678901234567890123 }"#;
    let body = format!(
        r#"{{"model":"scripted","input":"x",
            "tools":[{{"type":"function","name":"f","parameters":{schema}}}],
            "text":{{"format":{{"type":"json_schema","name":"n","schema":{schema}}}}}}}"#
    );
    let request = request(actix_web::http::Method::POST, ANNA, "/v1/responses")
        .insert_header(("content-type", "application/json"))
        .set_payload(body);
    let answer = stage.send(request).await;
    answer.expect(200);
    assert_eq!(answer.text().matches(schema).count(), 2, "{}", answer.text());
    let settings = stage.model.calls().remove(0).request.settings;
    assert_eq!(settings.tools[0].parameters.as_ref().unwrap().as_str(), schema);
}

#[tokio::test]
async fn a_function_call_goes_out_and_its_output_comes_back() {
    let call = Script::events([
        ProviderEvent::ToolCallStarted { index: 0, call_id: "c1".to_owned(), name: "f".to_owned() },
        ProviderEvent::ToolCallArguments { index: 0, delta: "{}".to_owned() },
        ProviderEvent::Finished(FinishReason::ToolCalls),
    ]);
    let stage = Stage::with_model(ScriptedProvider::queue([call, Script::answer(["Four."])]));
    let body = json!({"model": "scripted", "input": "2+2?"});
    let first = stage.posted("/v1/responses", &body).await;
    assert_eq!(first["output"][0]["type"], "function_call");
    assert_eq!(first["output"][0]["call_id"], "c1");
    let body = json!({
        "model": "scripted", "previous_response_id": first["id"],
        "input": [{"type": "function_call_output", "call_id": "c1", "output": "4"}],
    });
    let second = stage.posted("/v1/responses", &body).await;
    assert_eq!(second["previous_response_id"], first["id"]);
    let seen = stage.model.calls().remove(1).request.input;
    assert!(matches!(
        seen.as_slice(),
        [ItemContent::Message(_), ItemContent::FunctionCall(_), ItemContent::FunctionCallOutput(_)]
    ));
    let body = json!({
        "model": "scripted",
        "input": [{"type": "function_call_output", "call_id": "unheard-of", "output": "4"}],
    });
    let answer = stage.post(ANNA, "/v1/responses", &body).await;
    assert_eq!(answer.error(400, "invalid_value"), "input");
}

#[tokio::test]
async fn an_answer_that_is_not_stored_says_so_and_cannot_be_found() {
    let stage = Stage::new();
    let answer = stage.posted("/v1/responses", &json!({"input": "Hi", "store": false})).await;
    assert_eq!(answer["store"], false);
    let path = format!("/v1/responses/{}", answer["id"].as_str().unwrap());
    stage.get(ANNA, &path).await.error(404, "response_not_found");
    let body = json!({"input": "x", "previous_response_id": answer["id"]});
    let answer = stage.post(ANNA, "/v1/responses", &body).await;
    assert_eq!(answer.error(404, "previous_response_not_found"), "previous_response_id");

    let body = json!({"input": "Hi", "store": false, "stream": true});
    let answer = stage.post(ANNA, "/v1/responses", &body).await;
    let stream = ResponsesStreamChecker::check(&answer.body).unwrap();
    assert_eq!(stream.response["store"], false);
    for event in stream.events.iter().filter(|event| event["response"].is_object()) {
        assert_eq!(event["response"]["store"], false, "{event}");
    }
}

#[tokio::test]
async fn a_deleted_answer_is_gone() {
    let stage = Stage::new();
    let answer = stage.posted("/v1/responses", &json!({"input": "Hi"})).await;
    let path = format!("/v1/responses/{}", answer["id"].as_str().unwrap());
    let deleted = stage.delete(ANNA, &path).await.expect(200);
    assert_eq!(deleted, json!({"id": answer["id"], "object": "response", "deleted": true}));
    stage.get(ANNA, &path).await.error(404, "response_not_found");
    stage.delete(ANNA, &path).await.error(404, "response_not_found");
}

#[tokio::test]
async fn an_answer_that_has_ended_is_returned_when_it_is_stopped() {
    let stage = Stage::new();
    let answer = stage.posted("/v1/responses", &json!({"input": "Hi"})).await;
    let path = format!("/v1/responses/{}/cancel", answer["id"].as_str().unwrap());
    let bare = request(actix_web::http::Method::POST, ANNA, &path);
    assert_eq!(stage.send(bare).await.expect(200), answer);
}

#[tokio::test]
async fn a_second_turn_in_a_conversation_is_told_to_wait() {
    let stage = Stage::with_model(ScriptedProvider::answering(|_| {
        Script::new([Step::Accept, Step::StallForever])
    }));
    let conversation = stage.posted("/v1/conversations", &json!({})).await;
    let body = json!({
        "model": "scripted", "input": "x", "conversation": conversation["id"],
    });
    let first = stage.post(ANNA, "/v1/responses", &body);
    let second = async {
        stage.model.wait_for_call(0).await;
        stage.post(ANNA, "/v1/responses", &body).await
    };
    tokio::select! {
        answer = first => panic!("the first turn ended: {answer:?}"),
        answer = second => {
            answer.error(409, "conversation_locked");
            assert_eq!(answer.header("retry-after"), Some("1"));
        }
    }
}

#[tokio::test]
async fn a_prompt_that_cannot_fit_is_refused() {
    let stage = Stage::new();
    let body = json!({"input": "word ".repeat(20_000)});
    let answer = stage.post(ANNA, "/v1/responses", &body).await;
    assert_eq!(answer.error(400, "context_length_exceeded"), "input");
}

#[tokio::test]
async fn a_provider_that_refuses_is_an_error_of_the_request() {
    let refusals: [(ProviderError, u16, &str); 6] = [
        (ProviderError::RateLimited { retry_after: None }, 429, "rate_limit_exceeded"),
        (ProviderError::Unavailable(None), 502, "provider_unavailable"),
        (ProviderError::ConnectTimeout, 504, "provider_connect_timeout"),
        (ProviderError::Authentication, 502, "provider_authentication"),
        (ProviderError::Rejected { status: 422 }, 400, "provider_rejected"),
        (ProviderError::ContextLengthExceeded, 400, "context_length_exceeded"),
    ];
    for (refusal, status, code) in refusals {
        for stream in [true, false] {
            let refusal = match &refusal {
                ProviderError::RateLimited { .. } => {
                    ProviderError::RateLimited { retry_after: None }
                }
                ProviderError::Unavailable(_) => ProviderError::Unavailable(None),
                ProviderError::ConnectTimeout => ProviderError::ConnectTimeout,
                ProviderError::Authentication => ProviderError::Authentication,
                ProviderError::Rejected { status } => ProviderError::Rejected { status: *status },
                _ => ProviderError::ContextLengthExceeded,
            };
            let stage = Stage::with_model(ScriptedProvider::queue([Script::refusal(refusal)]));
            let body = json!({"model": "scripted", "input": "x", "stream": stream});
            stage.post(ANNA, "/v1/responses", &body).await.error(status, code);
        }
    }
}

#[tokio::test]
async fn an_answer_that_fails_in_the_middle_is_an_error_unless_it_streams() {
    let script = |_: &_| {
        let said = Step::Event(ProviderEvent::Text("Half of".to_owned()));
        Script::new([said, Step::Fail(ProviderError::Failed)])
    };
    let stage = Stage::with_model(ScriptedProvider::answering(script));
    let body = json!({"model": "scripted", "input": "x"});
    stage.post(ANNA, "/v1/responses", &body).await.error(502, "provider_error");
    let body = json!({"model": "scripted", "input": "x", "stream": true});
    let answer = stage.post(ANNA, "/v1/responses", &body).await;
    assert_eq!(answer.status, 200);
    let events = answer.text();
    let (_, last) = events.split_once("event: response.failed\ndata: ").expect("it failed");
    let last: Value = serde_json::from_str(last.lines().next().unwrap()).unwrap();
    assert_eq!(last["response"]["error"]["code"], "provider_error");
    let path = format!("/v1/responses/{}", last["response"]["id"].as_str().unwrap());
    let stored = stage.found(&path).await;
    assert_eq!(stored["status"], "failed");
    assert_eq!(stored["output"][0]["content"][0]["text"], "Half of");
}

#[tokio::test]
async fn thoughts_are_named_as_the_client_knows_them() {
    let script = |_: &_| {
        Script::events([
            ProviderEvent::Reasoning("Hm.".to_owned()),
            ProviderEvent::Text("Four.".to_owned()),
            ProviderEvent::Finished(FinishReason::Stop),
        ])
    };
    let stage = Stage::with_model(ScriptedProvider::answering(script));
    let body = json!({"model": "scripted", "input": "2+2?", "stream": true});
    let plain = stage.post(ANNA, "/v1/responses", &body).await.text();
    assert!(plain.contains("event: response.reasoning.delta\n"), "{plain}");
    let sdk = request(actix_web::http::Method::POST, ANNA, "/v1/responses")
        .insert_header(("x-stainless-lang", "python"))
        .set_json(&body);
    let sdk = stage.send(sdk).await.text();
    assert!(sdk.contains("event: response.reasoning_text.delta\n"), "{sdk}");
    assert!(!sdk.contains("response.reasoning.delta"), "{sdk}");
}

/// Each failure has a status that says whose fault it is and whether trying again may help.
#[test]
fn no_failure_of_a_provider_is_called_a_fault_of_the_server() {
    for code in FailureCode::ALL {
        let failure = Failure { code, message: String::new() };
        let code = loquat_http::ErrorCode::from(failure.code);
        assert_eq!(code.status() == 500, failure.code == FailureCode::ServerError, "{code}");
    }
}
