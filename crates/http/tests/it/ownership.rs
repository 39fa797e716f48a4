//! Nobody but its owner can tell that a thing is there. Driven by the OpenAPI document: an operation
//! without a row here fails the build.

use std::collections::BTreeSet;

use actix_web::http::Method;
use loquat_auth::Permission;
use loquat_provider::{FinishReason, ProviderEvent};
use loquat_testkit::{FakeIds, ResponsesStreamChecker, Script, ScriptedProvider, Step};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::stage::{ANNA, Answer, BERT, FORGED, STRANGER, Stage, all_powerful, granting, request};

/// A body that names some of these things.
type BodyOf = fn(&Things) -> Value;

/// One of these things' ids.
type IdOf = fn(&Things) -> &str;

/// What an operation is given so that it succeeds for its owner.
struct Row {
    method: &'static str,
    /// As the document has it.
    path: &'static str,
    body: Option<BodyOf>,
    names: Names,
}

/// Where an operation names a thing of somebody.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Names {
    /// Nowhere: it is for everybody who has a token.
    Nothing,
    /// In its path.
    InPath,
    /// Nowhere: it is about the whole tenant, and for those whose token grants this.
    Granted(Permission),
}

const fn row(method: &'static str, path: &'static str, body: Option<BodyOf>, names: Names) -> Row {
    Row { method, path, body, names }
}

/// Every operation that needs a token.
const TABLE: &[Row] = &[
    row("POST", "/v1/responses", Some(|_| json!({"input": "Hi"})), Names::Nothing),
    row("GET", "/v1/responses/{response_id}", None, Names::InPath),
    row("DELETE", "/v1/responses/{response_id}", None, Names::InPath),
    row("POST", "/v1/responses/{response_id}/cancel", None, Names::InPath),
    row("GET", "/v1/responses/{response_id}/context", None, Names::InPath),
    row("POST", "/v1/responses/input_tokens", Some(|_| json!({"input": "Hi"})), Names::Nothing),
    row("POST", "/v1/responses/compact", Some(|_| json!({"input": "Hi"})), Names::Nothing),
    row("POST", "/v1/conversations", Some(|_| json!({})), Names::Nothing),
    row("GET", "/v1/conversations", None, Names::Nothing),
    row("GET", "/v1/conversations/{conversation_id}", None, Names::InPath),
    row(
        "POST",
        "/v1/conversations/{conversation_id}",
        Some(|_| json!({"title": "Mine now"})),
        Names::InPath,
    ),
    row("DELETE", "/v1/conversations/{conversation_id}", None, Names::InPath),
    row("GET", "/v1/conversations/{conversation_id}/items", None, Names::InPath),
    row(
        "POST",
        "/v1/conversations/{conversation_id}/items",
        Some(|_| json!({"items": [{"role": "user", "content": "intruder"}]})),
        Names::InPath,
    ),
    row("GET", "/v1/conversations/{conversation_id}/items/{item_id}", None, Names::InPath),
    row("DELETE", "/v1/conversations/{conversation_id}/items/{item_id}", None, Names::InPath),
    row("GET", "/v1/conversations/{conversation_id}/branches", None, Names::InPath),
    row("POST", "/v1/conversations/{conversation_id}/branches/{branch_id}", None, Names::InPath),
    row(
        "POST",
        "/v1/chat/completions",
        Some(|_| json!({"messages": [{"role": "user", "content": "Hi"}]})),
        Names::Nothing,
    ),
    row("GET", "/v1/models", None, Names::Nothing),
    row("GET", "/v1/models/{model}", None, Names::Nothing),
    row("POST", "/chat/stream", Some(|_| json!({"message": "Hi"})), Names::Nothing),
    row("POST", "/v1/route", Some(|_| json!({"input": "Hi"})), Names::Nothing),
    row("GET", "/v1/usage", None, Names::Nothing),
    row("GET", "/v1/limits", None, Names::Nothing),
    row(
        "PUT",
        "/v1/admin/limits",
        Some(|_| json!({"whom": "tenant", "meter": "streams", "most": 9})),
        Names::Granted(Permission::LimitsWrite),
    ),
    row("GET", "/v1/admin/limits", None, Names::Granted(Permission::LimitsWrite)),
    row("DELETE", "/v1/admin/limits", None, Names::Granted(Permission::LimitsWrite)),
    row(
        "POST",
        "/v1/admin/revocations",
        Some(|_| json!({"user": "nobody"})),
        Names::Granted(Permission::AccessWrite),
    ),
    row("GET", "/v1/admin/revocations", None, Names::Granted(Permission::AccessWrite)),
    row("DELETE", "/v1/admin/revocations", None, Names::Granted(Permission::AccessWrite)),
    row("GET", "/v1/admin/audit", None, Names::Granted(Permission::AuditRead)),
    row("GET", "/v1/admin/providers", None, Names::Granted(Permission::ProvidersRead)),
];

/// What anybody may ask for. This list may only shrink.
const PUBLIC: &[(&str, &str)] =
    &[("GET", "/healthz"), ("GET", "/readyz"), ("GET", "/openapi.json"), ("GET", "/docs")];

/// One of everything.
struct Things {
    conversation: String,
    item: String,
    response: String,
    branch: String,
}

const NOBODYS: &str = "0198c0de00007000800000000000002a";

impl Things {
    /// Anna's.
    async fn of_anna(stage: &Stage) -> Self {
        let items = json!({"items": [{"role": "user", "content": "Anna's secret"}]});
        let conversation = stage.posted("/v1/conversations", &items).await;
        let conversation = conversation["id"].as_str().unwrap().to_owned();
        let body = json!({"input": "Anna's question", "conversation": conversation});
        let response = stage.posted("/v1/responses", &body).await;
        let list = stage.found(&format!("/v1/conversations/{conversation}/items?order=asc")).await;
        let branches = stage.found(&format!("/v1/conversations/{conversation}/branches")).await;
        Self {
            branch: branches["data"][0]["id"].as_str().unwrap().to_owned(),
            conversation,
            item: list["data"][0]["id"].as_str().unwrap().to_owned(),
            response: response["id"].as_str().unwrap().to_owned(),
        }
    }

    /// Ids that look like any and belong to nobody.
    fn of_nobody() -> Self {
        Self {
            conversation: format!("conv_{NOBODYS}"),
            item: format!("msg_{NOBODYS}"),
            response: format!("resp_{NOBODYS}"),
            branch: format!("msg_{NOBODYS}"),
        }
    }

    fn path(&self, row: &Row) -> String {
        let query = match (row.method, row.path) {
            ("DELETE", "/v1/admin/limits") => "?whom=tenant&meter=streams",
            ("DELETE", "/v1/admin/revocations") => "?user=nobody",
            _ => "",
        };
        let path = row
            .path
            .replace("{conversation_id}", &self.conversation)
            .replace("{item_id}", &self.item)
            .replace("{response_id}", &self.response)
            .replace("{branch_id}", &self.branch)
            .replace("{model}", "echo");
        path + query
    }

    /// Everything of Anna's that can be seen.
    async fn seen_by_anna(&self, stage: &Stage) -> Vec<Answer> {
        let mut seen = Vec::new();
        for path in [
            "/v1/conversations?archived=all".to_owned(),
            format!("/v1/conversations/{}", self.conversation),
            format!("/v1/conversations/{}/items", self.conversation),
            format!("/v1/conversations/{}/items/{}", self.conversation, self.item),
            format!("/v1/conversations/{}/branches", self.conversation),
            format!("/v1/responses/{}?stream=true", self.response),
            format!("/v1/responses/{}/context", self.response),
            format!("/v1/responses/{}", self.response),
        ] {
            let answer = stage.get(ANNA, &path).await;
            assert_eq!(answer.status, 200, "{path}: {}", answer.text());
            seen.push(answer.without_request_id());
        }
        seen
    }
}

async fn call(stage: &Stage, row: &Row, things: &Things, token: Option<&str>) -> Answer {
    let method: Method = row.method.parse().unwrap();
    let mut call = match token {
        Some(token) => request(method, token, &things.path(row)),
        None => actix_web::test::TestRequest::with_uri(&things.path(row)).method(method),
    };
    if let Some(body) = row.body {
        call = call.set_json(body(things));
    }
    stage.send(call).await.without_request_id()
}

#[test]
fn every_operation_of_the_document_has_a_row() {
    let document: Value = serde_json::from_str(&loquat_http::openapi_json()).unwrap();
    let mut operations = BTreeSet::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for method in methods.as_object().unwrap().keys() {
            operations.insert((method.to_uppercase(), path.clone()));
        }
    }
    let rows = TABLE.iter().map(|row| (row.method.to_owned(), row.path.to_owned()));
    let public = PUBLIC.iter().map(|(method, path)| ((*method).to_owned(), (*path).to_owned()));
    assert_eq!(operations, rows.chain(public).collect());
}

#[tokio::test]
async fn without_a_token_that_is_believed_every_operation_answers_the_same() {
    let stage = Stage::new();
    let things = Things::of_anna(&stage).await;
    let before = things.seen_by_anna(&stage).await;
    let refusal = call(&stage, &TABLE[0], &things, None).await;
    refusal.error(401, "invalid_token");
    assert_eq!(refusal.header("www-authenticate"), Some("Bearer"));
    for row in TABLE {
        for token in [None, Some(FORGED), Some("")] {
            let answer = call(&stage, row, &things, token).await;
            assert_eq!(answer, refusal, "{} {} {token:?}", row.method, row.path);
        }
    }
    assert_eq!(things.seen_by_anna(&stage).await, before);
}

#[tokio::test]
async fn a_token_is_taken_from_its_header_and_from_nowhere_else() {
    let stage = Stage::new();
    let path = format!("/v1/models?access_token={ANNA}&api_key={ANNA}");
    let elsewhere = actix_web::test::TestRequest::with_uri(&path)
        .insert_header(("cookie", format!("token={ANNA}")))
        .insert_header(("x-api-key", ANNA));
    stage.send(elsewhere).await.error(401, "invalid_token");
    let twice = request(Method::GET, ANNA, "/v1/models")
        .append_header(("authorization", format!("Bearer {ANNA}")));
    stage.send(twice).await.error(401, "invalid_token");
    let lower = actix_web::test::TestRequest::with_uri("/v1/models")
        .insert_header(("authorization", format!("bearer {ANNA}")));
    stage.send(lower).await.expect(200);
}

#[tokio::test]
async fn to_everybody_else_a_thing_is_one_that_nobody_has() {
    for row in TABLE.iter().filter(|row| row.names == Names::InPath) {
        let stage = Stage::new();
        let things = Things::of_anna(&stage).await;
        let before = things.seen_by_anna(&stage).await;
        for token in [BERT, STRANGER] {
            let foreign = call(&stage, row, &things, Some(token)).await;
            let unknown = call(&stage, row, &Things::of_nobody(), Some(token)).await;
            assert_eq!(foreign.status, 404, "{} {}: {}", row.method, row.path, foreign.text());
            assert_eq!(foreign, unknown, "{} {}", row.method, row.path);
        }
        assert_eq!(things.seen_by_anna(&stage).await, before, "{} {}", row.method, row.path);
        let own = call(&stage, row, &things, Some(ANNA)).await;
        assert_eq!(own.status, 200, "{} {}: {}", row.method, row.path, own.text());
    }
}

#[tokio::test]
async fn what_is_for_everybody_shows_nothing_of_others() {
    for row in TABLE.iter().filter(|row| row.names == Names::Nothing) {
        let stage = Stage::new();
        let things = Things::of_anna(&stage).await;
        let before = things.seen_by_anna(&stage).await;
        for token in [BERT, STRANGER] {
            let answer = call(&stage, row, &things, Some(token)).await;
            assert_eq!(answer.status, 200, "{} {}: {}", row.method, row.path, answer.text());
            for id in [&things.conversation, &things.item, &things.response] {
                assert!(!answer.text().contains(id.as_str()), "{} {}", row.method, row.path);
            }
            assert!(!answer.text().contains("secret"), "{} {}", row.method, row.path);
        }
        assert_eq!(things.seen_by_anna(&stage).await, before, "{} {}", row.method, row.path);
    }
}

/// Whoever has no scope for it learns which one is needed, whatever is sent, and nothing happens.
#[tokio::test]
async fn what_concerns_a_whole_tenant_needs_a_scope() {
    let stage = Stage::new();
    let things = Things::of_anna(&stage).await;
    let admin = all_powerful(ANNA);
    for row in TABLE {
        let Names::Granted(needed) = row.names else { continue };
        let every_other = Permission::ALL.into_iter().filter(|it| *it != needed);
        let every_other = every_other.map(Permission::as_str).collect::<Vec<_>>().join(",");
        let seen = stage.get(&admin, "/v1/admin/audit").await.without_request_id();
        for token in [ANNA, BERT, &format!("{ANNA}|{every_other}")] {
            let refused = call(&stage, row, &things, Some(token)).await;
            refused.error(403, "insufficient_scope");
            assert!(refused.text().contains(needed.as_str()), "{}", refused.text());
            let challenge = refused.header("www-authenticate").unwrap();
            let expected = format!(r#"Bearer error="insufficient_scope", scope="{needed}""#);
            assert_eq!(challenge, expected);
            let junk = request(row.method.parse().unwrap(), token, row.path).set_payload("{");
            assert_eq!(stage.send(junk).await.without_request_id(), refused, "{}", row.path);
        }
        let now = stage.get(&admin, "/v1/admin/audit").await.without_request_id();
        assert_eq!(now, seen, "{} {}", row.method, row.path);
        let own = call(&stage, row, &things, Some(&granting(needed, ANNA))).await;
        assert_eq!(own.status, 200, "{} {}: {}", row.method, row.path, own.text());
    }
}

/// One tenant's administrator sees, changes and takes away nothing of another's.
#[tokio::test]
async fn an_administrator_is_one_of_a_single_tenant() {
    let stage = Stage::new();
    let (own, foreign) = (all_powerful(ANNA), all_powerful(STRANGER));
    let limit = json!({"whom": "user", "user": "bert", "meter": "streams", "most": 3});
    stage.put(&own, "/v1/admin/limits", &limit).await.expect(200);
    stage.post(&own, "/v1/admin/revocations", &json!({"user": "secret"})).await.expect(200);
    let lists = ["/v1/admin/limits", "/v1/admin/revocations", "/v1/admin/audit", "/v1/limits"];
    let mut before = Vec::new();
    for list in lists {
        let seen = stage.get(&foreign, list).await.expect(200);
        assert_eq!(seen["data"], json!([]), "{list}");
        before.push(stage.get(&own, list).await.without_request_id());
    }
    let entry = before[2].json()["data"][0]["id"].as_str().unwrap().to_owned();
    for (path, code) in [
        ("/v1/admin/limits?whom=user&user=bert&meter=streams", "limit_not_found"),
        ("/v1/admin/revocations?user=secret", "revocation_not_found"),
    ] {
        let theirs = stage.delete(&foreign, path).await;
        theirs.error(404, code);
        let nobodys = path.replace("=bert", "=nobody").replace("=secret", "=nobody");
        let nobodys = stage.delete(&foreign, &nobodys).await;
        assert_eq!(theirs.without_request_id(), nobodys.without_request_id(), "{path}");
    }
    let theirs = stage.get(&foreign, &format!("/v1/admin/audit?after={entry}")).await;
    assert_eq!(theirs.error(400, "invalid_cursor"), "after");
    let nobodys = stage.get(&foreign, &format!("/v1/admin/audit?after=audit_{NOBODYS}")).await;
    assert_eq!(theirs.without_request_id(), nobodys.without_request_id());
    for (list, before) in lists.into_iter().zip(before) {
        assert_eq!(stage.get(&own, list).await.without_request_id(), before, "{list}");
    }
}

#[tokio::test]
async fn an_id_in_a_path_that_is_no_id_is_one_that_nobody_has() {
    let stage = Stage::new();
    let things = Things::of_anna(&stage).await;
    for row in TABLE.iter().filter(|row| row.names == Names::InPath) {
        let unknown = call(&stage, row, &Things::of_nobody(), Some(ANNA)).await;
        for junk in ["x", "%00", "%27%20OR%201%3D1", "..%2F..", "conv_", "%F0%9F%91%8B"] {
            let junk = Things {
                conversation: junk.to_owned(),
                item: junk.to_owned(),
                response: junk.to_owned(),
                branch: junk.to_owned(),
            };
            let answer = call(&stage, row, &junk, Some(ANNA)).await;
            assert_eq!(answer.status, 404, "{}", answer.text());
            if !row.path.contains("{item_id}") && !row.path.contains("{branch_id}") {
                assert_eq!(answer, unknown, "{} {}", row.method, row.path);
            }
        }
    }
    things.seen_by_anna(&stage).await;
}

#[tokio::test]
async fn an_id_in_a_body_that_is_somebody_elses_is_one_that_nobody_has() {
    let stage = Stage::new();
    let anna = Things::of_anna(&stage).await;
    let before = anna.seen_by_anna(&stage).await;
    let nobody = Things::of_nobody();
    let bodies: [(&str, BodyOf); 12] = [
        ("/v1/route", |it| json!({"input": "x", "conversation": it.conversation})),
        ("/v1/route", |it| json!({"input": "x", "previous_response_id": it.response})),
        (
            "/v1/responses",
            |it| json!({"input": "x", "conversation": {"id": it.conversation, "after": it.item}}),
        ),
        (
            "/v1/responses",
            |it| json!({"input": "x", "conversation": {"id": it.conversation, "after": null}}),
        ),
        ("/v1/responses", |it| json!({"input": "x", "conversation": it.conversation})),
        ("/v1/responses", |it| json!({"input": "x", "conversation": {"id": it.conversation}})),
        ("/v1/responses", |it| json!({"input": "x", "previous_response_id": it.response})),
        ("/chat/stream", |it| json!({"message": "x", "conversation_id": it.conversation})),
        ("/v1/responses/input_tokens", |it| json!({"conversation": it.conversation})),
        ("/v1/responses/input_tokens", |it| json!({"previous_response_id": it.response})),
        ("/v1/responses/compact", |it| json!({"conversation": it.conversation})),
        ("/v1/responses/compact", |it| json!({"previous_response_id": it.response})),
    ];
    for (path, body) in bodies {
        for token in [BERT, STRANGER] {
            let foreign = stage.post(token, path, &body(&anna)).await.without_request_id();
            let unknown = stage.post(token, path, &body(&nobody)).await.without_request_id();
            assert_eq!(foreign.status, 404, "{path}: {}", foreign.text());
            assert_eq!(foreign, unknown, "{path}");
        }
        let own = stage.post(ANNA, path, &body(&anna)).await;
        assert_eq!(own.status, 200, "{path}: {}", own.text());
    }
    let after = anna.seen_by_anna(&stage).await;
    assert_eq!(after.last(), before.last(), "the response is as it was");
}

#[tokio::test]
async fn a_turn_cannot_go_on_after_an_item_that_is_not_in_its_conversation() {
    let stage = Stage::new();
    let anna = Things::of_anna(&stage).await;
    let before = anna.seen_by_anna(&stage).await;
    let own = stage.post(BERT, "/v1/conversations", &json!({})).await.expect(200);
    let after =
        |item: &str| json!({"input": "x", "conversation": {"id": own["id"], "after": item}});
    let unknown = stage.post(BERT, "/v1/responses", &after(&Things::of_nobody().item)).await;
    unknown.error(404, "item_not_found");
    for item in [&anna.item, &anna.branch, "", "x", "conv_1"] {
        let answer = stage.post(BERT, "/v1/responses", &after(item)).await;
        assert_eq!(answer.without_request_id(), unknown.clone().without_request_id(), "{item}");
    }
    let path = format!("/v1/conversations/{}/branches", own["id"].as_str().unwrap());
    for item in [&anna.item, &anna.branch] {
        let answer = stage.send(request(Method::POST, BERT, &format!("{path}/{item}"))).await;
        answer.error(404, "branch_not_found");
    }
    assert_eq!(anna.seen_by_anna(&stage).await, before);
}

#[tokio::test]
async fn a_cursor_that_is_somebody_elses_is_one_that_nobody_has() {
    let stage = Stage::new();
    let anna = Things::of_anna(&stage).await;
    let nobody = Things::of_nobody();
    let own = stage.post(BERT, "/v1/conversations", &json!({})).await.expect(200);
    let own = own["id"].as_str().unwrap();
    let lists: [(String, IdOf); 3] = [
        (format!("/v1/conversations/{own}/branches"), |it| &it.branch),
        ("/v1/conversations".to_owned(), |it| &it.conversation),
        (format!("/v1/conversations/{own}/items"), |it| &it.item),
    ];
    for (list, cursor) in lists {
        let after = |things| format!("{list}?after={}", cursor(things));
        let foreign = stage.get(BERT, &after(&anna)).await.without_request_id();
        let unknown = stage.get(BERT, &after(&nobody)).await.without_request_id();
        assert_eq!(foreign.error(400, "invalid_cursor"), "after");
        assert_eq!(foreign, unknown, "{list}");
    }
}

/// Before a response is there, while it is produced, and when it has ended, to a stranger who knows
/// its id it is one that nobody has; and its owner's stream goes on as if nobody had asked.
#[tokio::test]
async fn nobody_can_follow_an_answer_but_its_owner() {
    let go_on = CancellationToken::new();
    let said = |text: &str| Step::Event(ProviderEvent::Text(text.to_owned()));
    let finished = Step::Event(ProviderEvent::Finished(FinishReason::Stop));
    let script =
        Script::new([said("Anna's "), Step::Until(go_on.clone()), said("secret"), finished]);
    let stage = Stage::with_model(ScriptedProvider::queue([script]));
    // Two sources of ids count alike.
    let ids = FakeIds::new();
    let ids: Vec<_> = (0..8).map(|_| format!("resp_{}", ids.next_id().simple())).collect();
    let nobodys = format!("resp_{NOBODYS}");
    let attack = async || {
        for query in
            ["?stream=true", "?stream=true&starting_after=2", "?stream=true&starting_after=99"]
        {
            for token in [BERT, STRANGER] {
                let unknown = stage.get(token, &format!("/v1/responses/{nobodys}{query}")).await;
                unknown.error(404, "response_not_found");
                for id in &ids {
                    let answer = stage.get(token, &format!("/v1/responses/{id}{query}")).await;
                    let unknown = unknown.clone().without_request_id();
                    assert_eq!(answer.without_request_id(), unknown, "{id}{query}");
                }
            }
        }
    };
    attack().await;
    let body = json!({"input": "Anna's question", "model": "scripted", "stream": true});
    let mut running =
        stage.open(request(Method::POST, ANNA, "/v1/responses").set_json(&body)).await;
    let id = running.response().await;
    assert!(ids.contains(&id), "{id} is none of those that were tried");
    running.until("Anna's ").await;
    attack().await;
    go_on.cancel();
    let answer = running.whole().await;
    attack().await;
    let stream = ResponsesStreamChecker::check(&answer.body).unwrap();
    assert_eq!((stream.text.as_str(), stream.status.as_str()), ("Anna's secret", "completed"));
    let told = stage.get(ANNA, &format!("/v1/responses/{id}?stream=true")).await;
    assert_eq!(told.text(), answer.text());
}

#[tokio::test]
async fn a_running_turn_is_nobodys_but_its_owners() {
    let go_on = CancellationToken::new();
    let script = Script::new([Step::Accept, Step::Until(go_on.clone())]);
    let mut script = Some(script);
    let stage =
        Stage::with_model(ScriptedProvider::answering(move |_| script.take().unwrap_or_default()));
    let body = json!({"input": "Anna's question", "model": "scripted", "store": true});
    let running = stage.post(ANNA, "/v1/responses", &body);
    // Two sources of ids count alike: those of the turn are among the first few.
    let ids = FakeIds::new();
    let ids: Vec<_> = (0..8).map(|_| format!("resp_{}", ids.next_id().simple())).collect();
    let attack = async {
        stage.model.wait_for_call(0).await;
        for id in &ids {
            for token in [BERT, STRANGER] {
                for (method, path) in [
                    (Method::GET, format!("/v1/responses/{id}")),
                    (Method::GET, format!("/v1/responses/{id}?stream=true")),
                    (Method::GET, format!("/v1/responses/{id}?stream=true&starting_after=1")),
                    (Method::DELETE, format!("/v1/responses/{id}")),
                    (Method::POST, format!("/v1/responses/{id}/cancel")),
                ] {
                    let answer = stage.send(request(method, token, &path)).await;
                    answer.error(404, "response_not_found");
                }
            }
        }
        go_on.cancel();
    };
    let (answer, ()) = tokio::join!(running, attack);
    let answer = answer.expect(200);
    assert_eq!(answer["status"], "incomplete", "it ended by itself: {answer}");
    assert!(ids.iter().any(|id| answer["id"] == id.as_str()), "none of {ids:?}: {answer}");
}
