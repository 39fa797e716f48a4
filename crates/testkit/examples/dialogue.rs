//! Long dialogues with planted facts, for `crates/context/examples/score.rs`, and what its answers are
//! worth:
//!
//! ```sh
//! cargo run -p loquat-testkit --example dialogue -- ask 600 1 > asked.json
//! cargo run --release -p loquat-context --example score < asked.json > answered.jsonl
//! cargo run -p loquat-testkit --example dialogue -- rate 600 1 < answered.jsonl
//! ```
//!
//! The numbers are those of messages and of the dialogue's seed.

use std::{
    collections::BTreeMap,
    error::Error,
    io::{BufRead as _, Write as _, stdin, stdout},
};

use loquat_testkit::dialogues::{Category, Dialogue, Recall, dialogue, recall};
use serde::Deserialize;
use serde_json::json;

/// Those at which the engine's figures are given.
const BUDGETS: [u32; 4] = [512, 1_024, 4_096, 8_192];

/// A line of what the engine answers.
#[derive(Deserialize)]
struct Answer {
    query: String,
    budget: u64,
    included: Vec<String>,
    tokens: u64,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [mode, messages, seed] = arguments.as_slice() else {
        return Err("usage: dialogue ask|rate MESSAGES SEED".into());
    };
    let dialogue = dialogue(seed.parse()?, messages.parse()?);
    match mode.as_str() {
        "ask" => ask(&dialogue),
        "rate" => rate(&dialogue),
        _ => Err("ask or rate".into()),
    }
}

fn ask(dialogue: &Dialogue) -> Result<(), Box<dyn Error>> {
    let messages = dialogue.messages.iter().map(|said| {
        json!({
            "id": said.id, "session": said.session, "at": said.at, "author": said.author,
            "role": said.role.as_str(), "text": said.text,
        })
    });
    let queries =
        dialogue.questions.iter().map(|question| json!({"id": question.id, "text": question.text}));
    let asked = json!({
        "messages": messages.collect::<Vec<_>>(),
        "queries": queries.collect::<Vec<_>>(),
        "budgets": BUDGETS,
        "encoding": "o200k_base",
    });
    Ok(writeln!(stdout(), "{asked}")?)
}

fn rate(dialogue: &Dialogue) -> Result<(), Box<dyn Error>> {
    let mut by_budget: BTreeMap<u64, Recall> = BTreeMap::new();
    for line in stdin().lock().lines() {
        let Answer { query, budget, included, tokens } = serde_json::from_str(&line?)?;
        if tokens > budget {
            return Err(format!("{tokens} tokens exceed {budget}").into());
        }
        let asked = dialogue.questions.iter().find(|it| it.id == query);
        let asked = asked.ok_or("a query that was not asked")?;
        let included = included.iter().map(String::as_str);
        by_budget.entry(budget).or_default().add(&recall([(asked, included)]));
    }
    let mut out = stdout();
    writeln!(
        out,
        "| tokens | all | single | joined | time | corrected |\n|---|---|---|---|---|---|"
    )?;
    for (budget, recall) in by_budget {
        let of = |category| recall.percent_of(category);
        let (single, joined) = (of(Category::Single), of(Category::Joined));
        let (time, corrected) = (of(Category::Time), of(Category::Corrected));
        let all = recall.percent();
        writeln!(
            out,
            "| {budget} | {all:.1} | {single:.1} | {joined:.1} | {time:.1} | {corrected:.1} |"
        )?;
    }
    Ok(())
}
