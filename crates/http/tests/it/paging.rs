//! Lists, a page at a time.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::stage::{ANNA, Stage};

fn ids(list: &Value) -> Vec<String> {
    list["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["id"].as_str().unwrap().to_owned())
        .collect()
}

/// All entries of a list, page by page.
async fn all(stage: &Stage, path_of_list: &str, limit: usize) -> Vec<String> {
    let mut seen = Vec::new();
    let mut path = format!("{path_of_list}limit={limit}");
    loop {
        let page = stage.found(&path).await;
        let ids = ids(&page);
        assert_eq!(page["object"], "list");
        assert_eq!(page["first_id"].as_str(), ids.first().map(String::as_str));
        assert_eq!(page["last_id"].as_str(), ids.last().map(String::as_str));
        assert!(ids.len() <= limit);
        let last = ids.last().cloned();
        seen.extend(ids);
        if page["has_more"] == false {
            return seen;
        }
        path = format!("{path_of_list}limit={limit}&after={}", last.unwrap());
    }
}

#[tokio::test]
async fn every_conversation_is_seen_once_in_both_orders() {
    let stage = Stage::new();
    let mut made = Vec::new();
    for _ in 0..23 {
        let conversation = stage.posted("/v1/conversations", &json!({})).await;
        made.push(conversation["id"].as_str().unwrap().to_owned());
    }
    assert_eq!(all(&stage, "/v1/conversations?order=asc&", 7).await, made);
    made.reverse();
    assert_eq!(all(&stage, "/v1/conversations?", 7).await, made);
    assert_eq!(ids(&stage.found("/v1/conversations").await), made[..20], "20 and newest first");
}

#[tokio::test]
async fn every_item_is_seen_once_in_both_orders() {
    let stage = Stage::new();
    let items: Vec<_> = (0..11).map(|_| json!({"role": "user", "content": "x"})).collect();
    let conversation = stage.posted("/v1/conversations", &json!({"items": items})).await;
    let list = format!("/v1/conversations/{}/items", conversation["id"].as_str().unwrap());
    let mut forwards = all(&stage, &format!("{list}?order=asc&"), 4).await;
    assert_eq!(forwards.iter().collect::<BTreeSet<_>>().len(), 11);
    let backwards = all(&stage, &format!("{list}?"), 4).await;
    forwards.reverse();
    assert_eq!(backwards, forwards);
}

#[tokio::test]
async fn new_and_deleted_entries_between_two_pages_move_nothing() {
    let stage = Stage::new();
    for _ in 0..6 {
        stage.posted("/v1/conversations", &json!({})).await;
    }
    let before = ids(&stage.found("/v1/conversations").await);
    let first = ids(&stage.found("/v1/conversations?limit=2").await);
    stage.posted("/v1/conversations", &json!({})).await;
    stage.delete(ANNA, &format!("/v1/conversations/{}", first[0])).await.expect(200);
    let second = stage.found(&format!("/v1/conversations?limit=2&after={}", first[1])).await;
    assert_eq!(ids(&second), before[2..4]);
}

#[tokio::test]
async fn archived_conversations_are_listed_when_they_are_asked_for() {
    let stage = Stage::new();
    let used = stage.posted("/v1/conversations", &json!({})).await;
    let away = stage.posted("/v1/conversations", &json!({})).await;
    let (used, away) = (used["id"].as_str().unwrap(), away["id"].as_str().unwrap());
    stage.posted(&format!("/v1/conversations/{away}"), &json!({"archived": true})).await;
    assert_eq!(ids(&stage.found("/v1/conversations").await), [used]);
    assert_eq!(ids(&stage.found("/v1/conversations?archived=false").await), [used]);
    assert_eq!(ids(&stage.found("/v1/conversations?archived=true").await), [away]);
    assert_eq!(ids(&stage.found("/v1/conversations?archived=all").await), [away, used]);
}

#[tokio::test]
async fn a_page_that_cannot_be_is_refused() {
    let stage = Stage::new();
    for (query, code, param) in [
        ("limit=0", "invalid_value", "limit"),
        ("limit=101", "invalid_value", "limit"),
        ("limit=-1", "invalid_value", "limit"),
        ("limit=ten", "invalid_value", "limit"),
        ("limit=1&limit=2", "invalid_value", "limit"),
        ("order=up", "invalid_value", "order"),
        ("archived=perhaps", "invalid_value", "archived"),
        ("after=x", "invalid_cursor", "after"),
        ("after=%27%20OR%201%3D1", "invalid_cursor", "after"),
        ("after=conv_0198c0de00007000800000000000002a", "invalid_cursor", "after"),
        ("after=msg_0198c0de00007000800000000000002a", "invalid_cursor", "after"),
    ] {
        let answer = stage.get(ANNA, &format!("/v1/conversations?{query}")).await;
        assert_eq!(answer.error(400, code), param, "{query}");
    }
    stage.get(ANNA, "/v1/conversations?include[]=x&unheard=of").await.expect(200);
}
