//! A long conversation with a small window, on both stores: what has left the window comes back when
//! it is asked for, and as a summary.

use std::{sync::Arc, time::Duration};

use loquat_provider::ProviderError;
use loquat_store_sqlite::{SqliteOptions, SqliteStore};
use loquat_testkit::{MemoryStore, Script, ScriptedProvider};
use serde_json::{Value, json};

use crate::stage::{AnyStore, Stage};

const FACT: &str = "My sister Clara recommends the restaurant Casa Verde in Lisbon.";
const QUESTION: &str = "Which restaurant in Lisbon did my sister Clara recommend?";
const NOTES: &str = "The user has a sister, Clara, who lives in Lisbon.";

/// How long a job may take to be done: it is looked for once a second.
const PATIENCE: Duration = Duration::from_secs(20);

fn policy() -> Value {
    json!({"policy": {"high": 600, "low": 300, "recall": 300, "summary": 200}})
}

async fn ask(stage: &Stage, conversation: &Value, input: &str) -> Value {
    let body = json!({
        "model": "scripted", "input": input, "conversation": conversation, "context": policy(),
    });
    stage.posted("/v1/responses", &body).await
}

/// A conversation whose first message, the fact, has left the window long ago.
async fn long_conversation(stage: &Stage) -> Value {
    let conversation = stage.posted("/v1/conversations", &json!({})).await["id"].take();
    ask(stage, &conversation, FACT).await;
    for day in 0..30 {
        let said = format!(
            "On day {day} the weather by the harbour was as grey as on the others, and I wrote letters."
        );
        ask(stage, &conversation, &said).await;
    }
    conversation
}

/// What the question would be told, once `is_there` says that the jobs have done it.
async fn receipt_when(
    stage: &Stage,
    conversation: &Value,
    is_there: impl Fn(&Value) -> bool,
) -> Value {
    let body = json!({
        "model": "scripted", "input": QUESTION, "conversation": conversation, "context": policy(),
    });
    let waiting = async {
        loop {
            let mut told = stage.posted("/v1/responses/input_tokens", &body).await;
            let receipt = told["receipt"].take();
            if is_there(&receipt) {
                return receipt;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.expect("the jobs are done in time")
}

fn texts(stage: &Stage) -> Vec<String> {
    let calls = stage.model.calls();
    calls.last().unwrap().request.input.iter().map(|content| content.texts().concat()).collect()
}

async fn is_remembered_on<S: AnyStore>(store: &Arc<S>) {
    let model = ScriptedProvider::answering(|_| Script::answer(["I see."]));
    let notes = ScriptedProvider::answering(|_| Script::answer([NOTES]));
    let stage = Stage::with_notes(store, model, notes);
    let conversation = long_conversation(&stage).await;
    receipt_when(&stage, &conversation, |receipt| {
        receipt["recalled"] != json!([]) && receipt["summary"]["stale"] == false
    })
    .await;

    let response = ask(&stage, &conversation, QUESTION).await;
    let told = texts(&stage);
    assert!(told[0].contains(NOTES), "the summary comes first: {told:?}");
    assert!(!told[..told.len() - 1].concat().contains(FACT), "it has left the window: {told:?}");
    let newest = told.last().unwrap();
    assert!(newest.contains(&format!("> {FACT}")), "it is quoted: {newest}");
    assert!(newest.ends_with(QUESTION), "before the question itself: {newest}");

    let id = response["id"].as_str().unwrap();
    let receipt = stage.found(&format!("/v1/responses/{id}/context")).await["receipt"].take();
    let items = format!("/v1/conversations/{}/items?order=asc", conversation.as_str().unwrap());
    let items = stage.found(&items).await;
    let recalled = receipt["recalled"].as_array().unwrap();
    assert!(recalled.iter().any(|it| it["item"] == items["data"][0]["id"]), "{receipt}");
    assert_eq!(receipt["gate"], json!({"fired": true, "why": "asked"}));
    assert_eq!(receipt["summary"]["sent"], true);
    assert_eq!(receipt["whole_history"], false);
    assert!(receipt["budget"]["used"].as_u64() <= receipt["budget"]["max_input"].as_u64());

    ask(&stage, &conversation, "Thank you!").await;
    assert!(!texts(&stage).concat().contains("Casa Verde"), "the quotation is not kept");
}

#[tokio::test]
async fn an_early_fact_is_quoted_when_it_is_asked_for_on_the_store_in_memory() {
    is_remembered_on(&Arc::new(MemoryStore::default())).await;
}

#[tokio::test]
async fn an_early_fact_is_quoted_when_it_is_asked_for_on_sqlite() {
    let directory = Directory::new();
    let store = SqliteStore::open(&SqliteOptions::new(directory.0.join("loquat.db"))).unwrap();
    is_remembered_on(&Arc::new(store)).await;
}

/// A directory of a test's own.
struct Directory(std::path::PathBuf);

impl Directory {
    fn new() -> Self {
        let name = format!("loquat-http-{}-{:x}", std::process::id(), getrandom::u64().unwrap());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[tokio::test]
async fn a_summary_that_cannot_be_written_changes_nothing_else() {
    let model = || ScriptedProvider::answering(|_| Script::answer(["I see."]));
    let fails = ScriptedProvider::answering(|_| Script::refusal(ProviderError::Unavailable(None)));
    let with_failure = Stage::with_notes(&Arc::new(MemoryStore::default()), model(), fails.clone());
    let conversation = long_conversation(&with_failure).await;
    let failed = receipt_when(&with_failure, &conversation, |it| it["recalled"] != json!([])).await;
    fails.wait_for_call(0).await;
    assert_eq!(failed["summary"], Value::Null);

    let succeeds = ScriptedProvider::answering(|_| Script::answer([NOTES]));
    let with_summary = Stage::with_notes(&Arc::new(MemoryStore::default()), model(), succeeds);
    let conversation = long_conversation(&with_summary).await;
    let is_fresh = |it: &Value| it["recalled"] != json!([]) && it["summary"]["stale"] == false;
    let mut written = receipt_when(&with_summary, &conversation, is_fresh).await;
    assert_eq!(written["window"]["high"], failed["window"]["high"]);
    let tokens = |receipt: &Value, kind: &str| {
        let sections = receipt["sections"].as_array().unwrap();
        sections.iter().find(|it| it["kind"] == kind).map(|it| it["tokens"].clone())
    };
    for kind in ["window", "recalled", "input"] {
        assert_eq!(tokens(&written, kind), tokens(&failed, kind), "{kind}");
    }
    assert_eq!(
        written["recalled"].take().as_array().unwrap().len(),
        failed["recalled"].as_array().unwrap().len()
    );
}
