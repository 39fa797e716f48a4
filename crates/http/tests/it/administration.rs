//! What administrators of a tenant do, and what is kept of it.

use std::time::Duration;

use actix_web::http::Method;
use loquat_http::{ProviderFailure, ProviderHealth};
use serde_json::{Value, json};

use crate::stage::{ANNA, BERT, Stage, all_powerful, request};

/// What the audit log's entries say, oldest first.
async fn audit(stage: &Stage) -> Vec<(String, String, Value)> {
    let path = "/v1/admin/audit?order=asc&limit=100";
    let log = stage.get(&all_powerful(ANNA), path).await.expect(200);
    let entry = |entry: &Value| {
        assert_eq!((&entry["object"], &entry["actor"]), (&json!("audit.entry"), &json!("anna")));
        let text = |key: &str| entry[key].as_str().unwrap().to_owned();
        (text("act"), text("subject"), entry["details"].clone())
    };
    log["data"].as_array().unwrap().iter().map(entry).collect()
}

#[tokio::test]
async fn a_limit_is_set_seen_and_taken_away_and_all_of_it_is_kept() {
    let stage = Stage::new();
    let admin = all_powerful(ANNA);
    let set =
        json!({"whom": "user", "user": "bert", "model": "echo", "meter": "streams", "most": 3});
    let mut limit = set.clone();
    limit["object"] = json!("limit");
    assert_eq!(stage.put(&admin, "/v1/admin/limits", &set).await.expect(200), limit);
    let list = stage.get(&admin, "/v1/admin/limits").await.expect(200);
    let expected = json!({
        "object": "list", "data": [limit], "has_more": false, "first_id": null, "last_id": null,
    });
    assert_eq!(list, expected);
    let standing = json!({
        "object": "limit.standing", "whom": "user", "user": "bert", "model": "echo",
        "meter": "streams", "most": 3, "remaining": 3, "resets_in_secs": 1,
    });
    for path in ["/v1/limits", "/v1/limits?model=echo"] {
        assert_eq!(stage.get(BERT, path).await.expect(200)["data"], json!([standing]), "{path}");
        assert_eq!(stage.get(ANNA, path).await.expect(200)["data"], json!([]), "{path}");
    }
    assert_eq!(stage.get(BERT, "/v1/limits?model=scripted").await.expect(200)["data"], json!([]));

    let lifted =
        json!({"whom": "user", "user": "bert", "model": "echo", "meter": "streams", "most": null});
    let answer = stage.put(&admin, "/v1/admin/limits", &lifted).await.expect(200);
    assert_eq!(answer["most"], Value::Null);
    assert_eq!(stage.get(BERT, "/v1/limits").await.expect(200)["data"], json!([]));

    let path = "/v1/admin/limits?whom=user&user=bert&model=echo&meter=streams";
    let removed = stage.delete(&admin, path).await.expect(200);
    let expected = json!({
        "object": "limit", "whom": "user", "user": "bert", "model": "echo", "meter": "streams",
        "deleted": true,
    });
    assert_eq!(removed, expected);
    stage.delete(&admin, path).await.error(404, "limit_not_found");
    assert_eq!(stage.get(&admin, "/v1/admin/limits").await.expect(200)["data"], json!([]));

    let subject = "streams of user bert of model echo".to_owned();
    let expected = [
        ("limit.set".to_owned(), subject.clone(), json!({"most": 3})),
        ("limit.set".to_owned(), subject.clone(), json!({"most": null})),
        ("limit.remove".to_owned(), subject, json!({})),
    ];
    assert_eq!(audit(&stage).await, expected);
}

#[tokio::test]
async fn a_limit_that_cannot_be_is_refused_by_field_and_nothing_is_kept() {
    let stage = Stage::new();
    let admin = all_powerful(ANNA);
    let sound = json!({"whom": "tenant", "meter": "streams", "most": 1});
    for (field, value, code, param) in [
        ("whom", json!("everybody"), "invalid_value", "whom"),
        ("whom", json!("user"), "missing_required_parameter", "user"),
        ("whom", json!(1), "invalid_type", "whom"),
        ("user", json!("bert"), "invalid_value", "user"),
        ("meter", json!("words_per_hour"), "invalid_value", "meter"),
        ("most", json!(-1), "invalid_value", "most"),
        ("most", json!(1.5), "invalid_type", "most"),
        ("most", json!(9_223_372_036_854_775_808_u64), "invalid_value", "most"),
        ("tenant", json!("other"), "unknown_parameter", "tenant"),
        ("tenant_id", json!("other"), "unknown_parameter", "tenant_id"),
        ("object", json!("limit"), "unknown_parameter", "object"),
    ] {
        let mut body = sound.clone();
        body[field] = value;
        let answer = stage.put(&admin, "/v1/admin/limits", &body).await;
        assert_eq!(answer.error(400, code), param, "{body}");
    }
    for missing in ["whom", "meter", "most"] {
        let mut body = sound.clone();
        body.as_object_mut().unwrap().remove(missing);
        let answer = stage.put(&admin, "/v1/admin/limits", &body).await;
        assert_eq!(answer.error(400, "missing_required_parameter"), missing);
    }
    for name in ["", "two words", "caf\u{e9}"] {
        let body = json!({"whom": "user", "user": name, "meter": "streams", "most": 1});
        let answer = stage.put(&admin, "/v1/admin/limits", &body).await;
        assert_eq!(answer.error(400, "invalid_value"), "user", "{name}");
    }
    for (query, status, code) in [
        ("", 400, "missing_required_parameter"),
        ("whom=tenant", 400, "missing_required_parameter"),
        ("whom=tenant&meter=streams&whom=tenant", 400, "invalid_value"),
        ("whom=tenant&meter=streams&model=%00", 404, "model_not_found"),
        ("whom=tenant&meter=streams&model=", 404, "model_not_found"),
        ("whom=user&user=%00&meter=streams", 400, "invalid_value"),
        ("whom=tenant&meter=streams", 404, "limit_not_found"),
    ] {
        stage.delete(&admin, &format!("/v1/admin/limits?{query}")).await.error(status, code);
    }
    assert_eq!(stage.get(&admin, "/v1/admin/limits").await.expect(200)["data"], json!([]));
    assert_eq!(audit(&stage).await, []);
}

#[tokio::test]
async fn an_access_is_revoked_seen_and_given_back_and_all_of_it_is_kept() {
    let stage = Stage::new();
    let admin = all_powerful(ANNA);
    let (now, until) = (1_756_684_800, 1_756_684_801);
    let path = "/v1/admin/revocations";
    let user = stage.post(&admin, path, &json!({"user": "bert"})).await.expect(200);
    let expected = json!({
        "object": "revocation", "user": "bert", "token_id": null, "until": null,
        "revoked_at": now, "revoked_by": "anna",
    });
    assert_eq!(user, expected);
    let body = json!({"token_id": "t-1", "until": until});
    let token = stage.post(&admin, path, &body).await.expect(200);
    let expected = json!({
        "object": "revocation", "user": null, "token_id": "t-1", "until": until,
        "revoked_at": now, "revoked_by": "anna",
    });
    assert_eq!(token, expected);
    let list = stage.get(&admin, path).await.expect(200);
    assert_eq!(list["data"], json!([user, token]));

    let restored = stage.delete(&admin, &format!("{path}?user=bert")).await.expect(200);
    let expected =
        json!({"object": "revocation", "user": "bert", "token_id": null, "deleted": true});
    assert_eq!(restored, expected);
    let again = stage.delete(&admin, &format!("{path}?user=bert")).await;
    again.error(404, "revocation_not_found");
    stage.clock.advance(Duration::from_secs(1));
    assert_eq!(stage.get(&admin, path).await.expect(200)["data"], json!([]), "its time is over");

    let of =
        |act: &str, subject: &str, details: Value| (act.to_owned(), subject.to_owned(), details);
    let expected = [
        of("access.revoke", "user bert", json!({"until": null})),
        of("access.revoke", "token t-1", json!({"until": until})),
        of("access.restore", "user bert", json!({})),
    ];
    assert_eq!(audit(&stage).await, expected);
}

#[tokio::test]
async fn a_revocation_that_cannot_be_is_refused_by_field_and_nothing_is_kept() {
    let stage = Stage::new();
    let admin = all_powerful(ANNA);
    for (body, code, param) in [
        (json!({}), "missing_required_parameter", "user"),
        (json!({"until": 1}), "missing_required_parameter", "user"),
        (json!({"user": "bert", "token_id": "t"}), "invalid_value", "token_id"),
        (json!({"user": ""}), "invalid_value", "user"),
        (json!({"token_id": "two words"}), "invalid_value", "token_id"),
        (json!({"token_id": "t", "until": 1_756_684_800}), "invalid_value", "until"),
        (json!({"token_id": "t", "until": 1_756_684_801_000_i64}), "invalid_value", "until"),
        (json!({"token_id": "t", "until": -1}), "invalid_value", "until"),
        (json!({"token_id": "t", "until": "soon"}), "invalid_type", "until"),
        (json!({"tenant": "acme"}), "unknown_parameter", "tenant"),
        (json!({"user": "bert", "revoked_by": "bert"}), "unknown_parameter", "revoked_by"),
    ] {
        let answer = stage.post(&admin, "/v1/admin/revocations", &body).await;
        assert_eq!(answer.error(400, code), param, "{body}");
    }
    for (query, status, code) in [
        ("", 400, "missing_required_parameter"),
        ("user=bert&token_id=t", 400, "invalid_value"),
        ("user=%00", 400, "invalid_value"),
        ("token_id=t", 404, "revocation_not_found"),
    ] {
        stage.delete(&admin, &format!("/v1/admin/revocations?{query}")).await.error(status, code);
    }
    assert_eq!(audit(&stage).await, []);
}

#[tokio::test]
async fn the_audit_log_is_read_page_by_page_in_both_orders() {
    let stage = Stage::new();
    let admin = all_powerful(ANNA);
    for number in 0..7 {
        let body = json!({"token_id": format!("t-{number}")});
        stage.post(&admin, "/v1/admin/revocations", &body).await.expect(200);
    }
    for (order, first) in [("asc", "token t-0"), ("desc", "token t-6")] {
        let mut seen = Vec::new();
        let mut path = format!("/v1/admin/audit?order={order}&limit=3");
        loop {
            let page = stage.get(&admin, &path).await.expect(200);
            let entries = page["data"].as_array().unwrap().clone();
            seen.extend(entries.iter().map(|it| it["subject"].as_str().unwrap().to_owned()));
            if page["has_more"] == false {
                break;
            }
            let last = page["last_id"].as_str().unwrap();
            assert!(last.starts_with("audit_"), "{last}");
            path = format!("/v1/admin/audit?order={order}&limit=3&after={last}");
        }
        assert_eq!((seen.len(), seen[0].as_str()), (7, first));
    }
    for cursor in ["x", "audit_", "audit_%00", "0198c0de-0000-7000-8000-00000000002a"] {
        let answer = stage.get(&admin, &format!("/v1/admin/audit?after={cursor}")).await;
        assert_eq!(answer.error(400, "invalid_cursor"), "after", "{cursor}");
    }
}

#[tokio::test]
async fn administrators_see_how_the_providers_are_doing() {
    let mut stage = Stage::new();
    let admin = all_powerful(ANNA);
    let none = stage.get(&admin, "/v1/admin/providers").await.expect(200);
    assert_eq!(none["data"], json!([]));
    let well = ProviderHealth {
        name: "local".to_owned(),
        circuit: "closed",
        failures: 0,
        in_flight: 2,
        waiting: 0,
        max_concurrent: None,
        last_failure: None,
        next_probe_in: None,
        asked_to_wait: None,
    };
    let failure = ProviderFailure { code: "unavailable", ago: Duration::from_millis(1_500) };
    let away = ProviderHealth {
        name: "cloud".to_owned(),
        circuit: "open",
        failures: 5,
        in_flight: 0,
        waiting: 3,
        max_concurrent: Some(8),
        last_failure: Some(failure),
        next_probe_in: Some(Duration::from_secs(2)),
        asked_to_wait: Some(Duration::from_secs(1)),
    };
    stage.state = stage.state.with_providers(move || vec![well.clone(), away.clone()]);
    let list = stage.get(&admin, "/v1/admin/providers").await.expect(200);
    let expected = json!([
        {
            "id": "local", "object": "provider", "circuit": "closed", "failures": 0,
            "in_flight": 2, "waiting": 0, "max_concurrent": null, "last_failure": null,
            "next_probe_in_ms": null, "asked_to_wait_ms": null,
        },
        {
            "id": "cloud", "object": "provider", "circuit": "open", "failures": 5,
            "in_flight": 0, "waiting": 3, "max_concurrent": 8,
            "last_failure": {"code": "unavailable", "ago_ms": 1_500},
            "next_probe_in_ms": 2_000, "asked_to_wait_ms": 1_000,
        },
    ]);
    assert_eq!(list["data"], expected);
}

/// A limit is for the caller's tenant, whatever stands in the query.
#[tokio::test]
async fn a_tenant_in_a_query_means_nothing() {
    let stage = Stage::new();
    let body = json!({"whom": "tenant", "meter": "streams", "most": 1});
    let path = "/v1/admin/limits?tenant=other&tenant_id=other";
    let asked = request(Method::PUT, &all_powerful(ANNA), path).set_json(&body);
    stage.send(asked).await.expect(200);
    assert_eq!(stage.get("other/anna", "/v1/limits").await.expect(200)["data"], json!([]));
    assert_eq!(stage.get(ANNA, "/v1/limits").await.expect(200)["data"][0]["most"], 1);
}
