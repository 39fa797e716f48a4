//! A conversation is a tree: what is edited or asked again begins a branch, and nothing is lost.

use loquat_testkit::{Script, ScriptedProvider, Step};
use serde_json::{Value, json};

use crate::stage::{ANNA, Stage};

/// A conversation, and what is done in it.
struct Notebook {
    stage: Stage,
    id: String,
}

impl Notebook {
    async fn new() -> Self {
        let stage = Stage::new();
        let made = stage.posted("/v1/conversations", &json!({})).await;
        Self { id: made["id"].as_str().unwrap().to_owned(), stage }
    }

    fn path(&self) -> String {
        format!("/v1/conversations/{}", self.id)
    }

    /// Asks at the end of the active branch.
    async fn ask(&self, input: &str) -> Value {
        let body = json!({"input": input, "conversation": {"id": self.id}});
        self.stage.posted("/v1/responses", &body).await
    }

    /// Asks after that item, or before the first.
    async fn ask_after(&self, after: &Value, input: &str) -> Value {
        let body = json!({"input": input, "conversation": {"id": self.id, "after": after}});
        self.stage.posted("/v1/responses", &body).await
    }

    /// The items of the active branch, oldest first.
    async fn items(&self) -> Vec<Value> {
        let list = self.stage.found(&format!("{}/items?order=asc", self.path())).await;
        list["data"].as_array().unwrap().clone()
    }

    /// What was said on the active branch.
    async fn said(&self) -> Vec<String> {
        let items = self.items().await;
        let text = |item: &Value| item["content"][0]["text"].as_str().unwrap().to_owned();
        items.iter().map(text).collect()
    }

    async fn branches(&self, query: &str) -> Value {
        self.stage.found(&format!("{}/branches{query}", self.path())).await
    }

    async fn activate(&self, branch: &Value) -> Value {
        let path = format!("{}/branches/{}", self.path(), branch.as_str().unwrap());
        self.stage.posted(&path, &json!({})).await
    }
}

#[tokio::test]
async fn an_edit_begins_a_branch_and_the_old_one_can_be_taken_up_again() {
    let book = Notebook::new().await;
    book.ask("One").await;
    book.ask("Two").await;
    let old = book.items().await;
    assert_eq!(book.said().await, ["One", "One", "Two", "Two"]);

    // The second question is asked differently: after what stood before it.
    let edited = book.ask_after(&old[1]["id"], "Three").await;
    assert_eq!(edited["conversation"]["id"], book.id.as_str());
    assert_eq!(book.said().await, ["One", "One", "Three", "Three"]);
    book.ask("Four").await;
    assert_eq!(book.said().await, ["One", "One", "Three", "Three", "Four", "Four"]);

    let list = book.branches("").await;
    let branches = list["data"].as_array().unwrap();
    let new_leaf = book.items().await.last().unwrap()["id"].clone();
    let old_leaf = old[3]["id"].clone();
    let [newest, oldest] = branches.as_slice() else { panic!("{list}") };
    let keys: Vec<_> = newest.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["active", "id", "object", "size", "updated_at"]);
    assert_eq!(newest["object"], "conversation.branch");
    assert_eq!(
        (&newest["id"], &newest["size"], &newest["active"]),
        (&new_leaf, &json!(6), &json!(true))
    );
    assert_eq!(
        (&oldest["id"], &oldest["size"], &oldest["active"]),
        (&old_leaf, &json!(4), &json!(false))
    );
    assert!(newest["updated_at"].is_i64());
    assert_eq!((&list["first_id"], &list["last_id"]), (&new_leaf, &old_leaf));
    assert_eq!(list["has_more"], false);

    let active = book.activate(&old_leaf).await;
    assert_eq!((&active["id"], &active["active"]), (&old_leaf, &json!(true)));
    assert_eq!(book.items().await, old);
    book.ask("Five").await;
    assert_eq!(book.said().await, ["One", "One", "Two", "Two", "Five", "Five"]);
    book.activate(&new_leaf).await;
    assert_eq!(book.said().await, ["One", "One", "Three", "Three", "Four", "Four"]);
    // Once more is no mistake.
    book.activate(&new_leaf).await;
    // Whatever is on no branch that is shown is there all the same.
    for item in &old {
        let path = format!("{}/items/{}", book.path(), item["id"].as_str().unwrap());
        assert_eq!(&book.stage.found(&path).await, item);
    }
}

#[tokio::test]
async fn an_answer_is_asked_for_again_in_place_of_the_first() {
    let book = Notebook::new().await;
    book.ask("One").await;
    let first = book.items().await;
    for _ in 0..2 {
        book.ask_after(&Value::Null, "One").await;
    }
    assert_eq!(book.said().await, ["One", "One"]);
    assert_ne!(book.items().await, first);
    let list = book.branches("").await;
    assert_eq!(list["data"].as_array().unwrap().len(), 3);
    book.activate(&first[1]["id"]).await;
    assert_eq!(book.items().await, first);
}

#[tokio::test]
async fn the_model_sees_the_branch_that_it_continues() {
    let book = Notebook::new().await;
    let seen = |call: usize| {
        let calls = book.stage.model.calls();
        let input = calls[call].request.input.iter();
        input.map(|item| item.texts().concat()).collect::<Vec<_>>()
    };
    let ask = async |after: Option<&Value>, input: &str| {
        let mut conversation = json!({"id": book.id});
        if let Some(after) = after {
            conversation["after"] = after.clone();
        }
        let body = json!({"model": "scripted", "input": input, "conversation": conversation});
        book.stage.posted("/v1/responses", &body).await
    };
    ask(None, "a").await;
    ask(None, "b").await;
    let items = book.items().await;
    ask(Some(&items[1]["id"]), "c").await;
    assert_eq!(seen(2), ["a", "Once upon.", "c"]);
    ask(Some(&Value::Null), "d").await;
    assert_eq!(seen(3), ["d"]);
    // A question of another branch, without its answer.
    ask(Some(&items[2]["id"]), "e").await;
    assert_eq!(seen(4), ["a", "Once upon.", "b", "e"]);
    ask(None, "f").await;
    assert_eq!(seen(5), ["a", "Once upon.", "b", "e", "Once upon.", "f"]);
}

#[tokio::test]
async fn every_branch_is_listed_once_in_both_orders() {
    let book = Notebook::new().await;
    assert_eq!(book.branches("").await["data"], json!([]));
    for _ in 0..5 {
        book.ask_after(&Value::Null, "x").await;
    }
    for order in ["asc", "desc"] {
        let whole = book.branches(&format!("?order={order}")).await;
        let mut seen = Vec::new();
        let mut after = String::new();
        loop {
            let page = book.branches(&format!("?order={order}&limit=2{after}")).await;
            seen.extend(page["data"].as_array().unwrap().clone());
            after = format!("&after={}", page["last_id"].as_str().unwrap());
            if page["has_more"] == false {
                break;
            }
        }
        assert_eq!(Value::from(seen), whole["data"], "{order}");
        assert_eq!(whole["data"].as_array().unwrap().len(), 5);
    }
    let answer = book.stage.get(ANNA, &format!("{}/branches?after=x", book.path())).await;
    assert_eq!(answer.error(400, "invalid_cursor"), "after");
}

#[tokio::test]
async fn what_is_no_branch_cannot_be_made_the_active_one() {
    let book = Notebook::new().await;
    book.ask("One").await;
    let items = book.items().await;
    let inner = items[0]["id"].as_str().unwrap();
    for branch in [inner, "msg_0198c0de00007000800000000000002a", "x", "conv_1"] {
        let path = format!("{}/branches/{branch}", book.path());
        let answer = book.stage.post(ANNA, &path, &json!({})).await;
        assert_eq!(answer.error(404, "branch_not_found"), Value::Null, "{branch}");
    }
    assert_eq!(book.items().await, items);
}

#[tokio::test]
async fn no_branch_begins_or_becomes_active_while_an_answer_is_produced() {
    let stalls = Script::new([Step::Accept, Step::StallForever]);
    let stage = Stage::with_model(ScriptedProvider::queue([stalls]));
    let made = stage.posted("/v1/conversations", &json!({})).await;
    let book = Notebook { id: made["id"].as_str().unwrap().to_owned(), stage };
    book.ask("One").await;
    book.ask_after(&Value::Null, "Two").await;
    let list = book.branches("").await;
    let old = &list["data"][1];
    assert_eq!(old["active"], false);
    let body = json!({
        "model": "scripted", "input": "x", "conversation": book.id, "background": true,
    });
    book.stage.posted("/v1/responses", &body).await;
    let path = format!("{}/branches/{}", book.path(), old["id"].as_str().unwrap());
    let answer = book.stage.post(ANNA, &path, &json!({})).await;
    answer.error(409, "conversation_locked");
    assert_eq!(answer.header("retry-after"), Some("1"));
    let body = json!({"input": "x", "conversation": {"id": book.id, "after": null}});
    let answer = book.stage.post(ANNA, "/v1/responses", &body).await;
    answer.error(409, "conversation_locked");
}

#[tokio::test]
async fn a_place_is_an_items_id_or_null_or_absent() {
    let book = Notebook::new().await;
    for (after, code, status) in [
        (json!(7), "invalid_type", 400),
        (json!({}), "invalid_type", 400),
        (json!("x"), "item_not_found", 404),
        (json!(book.id), "item_not_found", 404),
    ] {
        let body = json!({"input": "x", "conversation": {"id": book.id, "after": after}});
        let answer = book.stage.post(ANNA, "/v1/responses", &body).await;
        answer.error(status, code);
    }
}
