//! The notebook, as people see and edit it.

use serde_json::{Value, json};

use crate::stage::{ANNA, Stage, request};

fn path(conversation: &Value) -> String {
    format!("/v1/conversations/{}", conversation["id"].as_str().unwrap())
}

#[tokio::test]
async fn a_conversation_is_made_of_nothing() {
    let stage = Stage::new();
    let bare = request(actix_web::http::Method::POST, ANNA, "/v1/conversations");
    let made = stage.send(bare).await.expect(200);
    assert_eq!(stage.found(&path(&made)).await, made);
    for body in [json!({}), json!({"metadata": null, "items": null, "title": null})] {
        let made = stage.posted("/v1/conversations", &body).await;
        assert_eq!(made["metadata"], json!({}));
    }
}

#[tokio::test]
async fn a_conversation_has_these_keys_and_no_others() {
    let stage = Stage::new();
    let body = json!({"title": "Tea", "metadata": {"topic": "tea"}});
    let mut made = stage.posted("/v1/conversations", &body).await;
    let id = made["id"].take();
    assert!(id.as_str().unwrap().starts_with("conv_"), "{id}");
    let expected = json!({
        "id": null, "object": "conversation", "created_at": 1_756_684_800,
        "metadata": {"topic": "tea"}, "title": "Tea", "archived": false,
        "updated_at": 1_756_684_800,
    });
    assert_eq!(made, expected);
}

#[tokio::test]
async fn each_of_its_own_fields_can_be_changed_alone() {
    let stage = Stage::new();
    let body = json!({"title": "Tea", "metadata": {"a": "1", "b": "2"}});
    let made = stage.posted("/v1/conversations", &body).await;
    let path = path(&made);
    let changed = stage.posted(&path, &json!({"metadata": {"c": "3"}})).await;
    assert_eq!((&changed["title"], &changed["metadata"]), (&json!("Tea"), &json!({"c": "3"})));
    let changed = stage.posted(&path, &json!({"archived": true})).await;
    assert_eq!((&changed["archived"], &changed["title"]), (&json!(true), &json!("Tea")));
    let changed = stage.posted(&path, &json!({"title": null})).await;
    assert_eq!((&changed["title"], &changed["archived"]), (&json!(null), &json!(true)));
    assert_eq!(stage.found(&path).await, changed);
}

#[tokio::test]
async fn a_change_of_nothing_is_refused_as_openai_does() {
    let stage = Stage::new();
    let made = stage.posted("/v1/conversations", &json!({"metadata": {"a": "1"}})).await;
    let path = path(&made);
    let empty = stage.post(ANNA, &path, &json!({})).await;
    assert_eq!(empty.error(400, "missing_required_parameter"), "metadata");
    let null = stage.post(ANNA, &path, &json!({"metadata": null})).await;
    assert_eq!(null.error(400, "invalid_type"), "metadata");
    let null = stage.post(ANNA, &path, &json!({"archived": null})).await;
    assert_eq!(null.error(400, "invalid_type"), "archived");
    assert_eq!(stage.found(&path).await, made);
}

#[tokio::test]
async fn a_deleted_conversation_is_gone_with_all_that_was_in_it() {
    let stage = Stage::new();
    let made = stage.posted("/v1/conversations", &json!({})).await;
    let body = json!({"input": "x", "conversation": made["id"]});
    let response = stage.posted("/v1/responses", &body).await;
    let deleted = stage.delete(ANNA, &path(&made)).await.expect(200);
    let expected = json!({"id": made["id"], "object": "conversation.deleted", "deleted": true});
    assert_eq!(deleted, expected);
    stage.get(ANNA, &path(&made)).await.error(404, "conversation_not_found");
    stage.delete(ANNA, &path(&made)).await.error(404, "conversation_not_found");
    let items = format!("{}/items", path(&made));
    stage.get(ANNA, &items).await.error(404, "conversation_not_found");
    let response = format!("/v1/responses/{}", response["id"].as_str().unwrap());
    stage.get(ANNA, &response).await.error(404, "response_not_found");
}

#[tokio::test]
async fn items_of_every_kind_are_added_found_and_deleted() {
    let stage = Stage::new();
    let made = stage.posted("/v1/conversations", &json!({})).await;
    let items = format!("{}/items", path(&made));
    let body = json!({"items": [
        {"role": "system", "content": "Be brief."},
        {"type": "message", "role": "user", "content": [
            {"type": "input_text", "text": "Look:"},
            {"type": "input_image", "image_url": "https://example.org/a.png", "detail": "high"},
        ]},
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "short"}],
            "content": [{"type": "reasoning_text", "text": "long"}], "encrypted_content": "sealed"},
        {"type": "function_call", "call_id": "c1", "name": "look", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c1", "output": "a cat"},
        {"role": "assistant", "content": "A cat.", "phase": "final_answer"},
    ]});
    let mut added = stage.posted(&items, &body).await;
    let data = added["data"].as_array_mut().unwrap();
    let ids: Vec<_> = data.iter_mut().map(|item| item["id"].take()).collect();
    let kinds: Vec<_> =
        ids.iter().map(|id| id.as_str().unwrap().split('_').next().unwrap()).collect();
    assert_eq!(kinds, ["msg", "msg", "rs", "fc", "fco", "msg"]);
    let expected = json!([
        {"type": "message", "id": null, "status": "completed", "role": "system",
            "content": [{"type": "input_text", "text": "Be brief."}]},
        {"type": "message", "id": null, "status": "completed", "role": "user", "content": [
            {"type": "input_text", "text": "Look:"},
            {"type": "input_image", "image_url": "https://example.org/a.png", "detail": "high"},
        ]},
        {"type": "reasoning", "id": null, "status": "completed",
            "summary": [{"type": "summary_text", "text": "short"}],
            "content": [{"type": "reasoning_text", "text": "long"}], "encrypted_content": "sealed"},
        {"type": "function_call", "id": null, "status": "completed", "call_id": "c1",
            "name": "look", "arguments": "{}"},
        {"type": "function_call_output", "id": null, "status": "completed", "call_id": "c1",
            "output": "a cat"},
        {"type": "message", "id": null, "status": "completed", "role": "assistant",
            "phase": "final_answer",
            "content": [{"type": "output_text", "text": "A cat.", "annotations": [],
                "logprobs": []}]},
    ]);
    assert_eq!(added["data"], expected);
    assert_eq!((&added["object"], &added["has_more"]), (&json!("list"), &json!(false)));

    let cat = format!("{items}/{}", ids[5].as_str().unwrap());
    assert_eq!(stage.found(&cat).await["content"][0]["text"], "A cat.");
    let left = stage.delete(ANNA, &cat).await.expect(200);
    assert_eq!((&left["id"], &left["object"]), (&made["id"], &json!("conversation")));
    stage.get(ANNA, &cat).await.error(404, "item_not_found");
    let list = stage.found(&format!("{items}?order=asc")).await;
    assert_eq!(list["data"].as_array().unwrap().len(), 5);
    assert_eq!(list["first_id"], ids[0]);
    assert_eq!(list["last_id"], ids[4]);
}

#[tokio::test]
async fn at_most_twenty_items_are_added_at_a_time() {
    let stage = Stage::new();
    let made = stage.posted("/v1/conversations", &json!({})).await;
    let items = format!("{}/items", path(&made));
    let many = |count: usize| {
        let items: Vec<_> = (0..count).map(|_| json!({"role": "user", "content": "x"})).collect();
        json!({"items": items})
    };
    stage.posted(&items, &many(20)).await;
    for body in [many(21), many(0)] {
        assert_eq!(stage.post(ANNA, &items, &body).await.error(400, "invalid_value"), "items");
    }
    let missing = stage.post(ANNA, &items, &json!({})).await;
    assert_eq!(missing.error(400, "missing_required_parameter"), "items");
    let answer = stage.post(ANNA, "/v1/conversations", &many(21)).await;
    assert_eq!(answer.error(400, "invalid_value"), "items");
    let list = stage.found(&format!("{items}?limit=100")).await;
    assert_eq!(list["data"].as_array().unwrap().len(), 20);
}
