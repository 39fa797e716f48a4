//! Scores the engine on dialogues of one's own: reads one JSON object from the standard input, writes
//! one line for each query and budget.
//!
//! In: `{"messages": [{"id", "session", "at", "author", "role", "text"}], "queries": [{"id", "text"}],
//! "budgets": [512, …], "encoding": "o200k_base"}`; each query is put to the whole history.
//!
//! Out: `{"query", "budget", "included": [ids, oldest first], "tokens", "micros"}`.

use std::{
    collections::BTreeSet,
    error::Error,
    io::{Write as _, stdin, stdout},
    time::Instant,
};

use loquat_context::{
    Bpe, ContextError, Estimate, Gate, ModelWindow, Policy, Prompt, Recall, TokenCounter,
    Transcript, Window,
};
use loquat_domain::{Message, Role, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};

/// The best policy for recall under a budget, where nothing else counts: all of it is for what is
/// fetched back. A window of 3 % costs 0.2 to 0.9 points.
const RECALL_PERCENT: u8 = 100;

#[derive(Deserialize)]
struct Input {
    messages: Vec<Said>,
    queries: Vec<Query>,
    budgets: Vec<u32>,
    #[serde(default)]
    encoding: String,
}

#[derive(Deserialize)]
struct Said {
    id: Value,
    #[serde(default)]
    session: Value,
    #[serde(default)]
    author: Option<String>,
    #[serde(default)]
    role: String,
    text: String,
}

#[derive(Deserialize)]
struct Query {
    id: Value,
    text: String,
}

fn main() -> Result<(), Box<dyn Error>> {
    let input: Input = serde_json::from_reader(stdin().lock())?;
    match input.encoding.as_str() {
        "o200k_base" | "" => score(&input, Bpe::O200k),
        "cl100k_base" => score(&input, Bpe::Cl100k),
        _ => score(&input, Estimate),
    }
}

fn score<C: TokenCounter>(input: &Input, counter: C) -> Result<(), Box<dyn Error>> {
    let model = ModelWindow {
        model: String::new(),
        context_window: u32::MAX,
        reserved_output: 0,
        exact: true,
    };
    let mut transcript = Transcript::new(Policy::full(), model, counter);
    let mut session = &Value::Null;
    for said in &input.messages {
        let role = if said.role == "assistant" { Role::Assistant } else { Role::User };
        let begins = session != &said.session;
        session = &said.session;
        let author = said.author.as_deref().unwrap_or(&said.role);
        let message = Message::text(role, said.text.as_str());
        transcript.push_said(author, begins, message, Timestamp::from_micros(0));
    }
    let mut out = stdout().lock();
    for query in &input.queries {
        for &budget in &input.budgets {
            let message = Message::text(Role::User, query.text.as_str());
            let begin = Instant::now();
            let prompt = match transcript.prompt_by(&recalling(budget), message.clone()) {
                // Nothing is known of what was asked: then what was said last.
                Ok(prompt) if prompt.receipt.recalled.is_empty() => {
                    Some(transcript.prompt_by(&recent(budget), message)?)
                }
                Ok(prompt) => Some(prompt),
                // Not even the query fits.
                Err(ContextError::TooLarge { .. }) => None,
                Err(error) => return Err(error.into()),
            };
            let micros = begin.elapsed().as_micros();
            let tokens = prompt.as_ref().map_or(0, |prompt| prompt.receipt.budget.used);
            let included = prompt.map_or_else(Vec::new, |prompt| included(&prompt, input));
            let line = json!({
                "query": query.id, "budget": budget, "included": included, "tokens": tokens,
                "micros": micros,
            });
            writeln!(out, "{line}")?;
        }
    }
    Ok(())
}

const fn recent(budget: u32) -> Policy {
    Policy {
        max_input: Some(budget),
        window: Window::Marks { high: budget, low: budget },
        recall: None,
        summary: None,
    }
}

const fn recalling(budget: u32) -> Policy {
    Policy {
        max_input: Some(budget),
        window: Window::Marks { high: budget, low: budget },
        recall: Some(Recall {
            max_tokens: budget,
            max_share: RECALL_PERCENT,
            min_share: 0,
            max_message: budget,
            dated: false,
            gate: Gate::Known,
        }),
        summary: None,
    }
}

/// The messages that are in a prompt, oldest first.
fn included<'a>(prompt: &Prompt, input: &'a Input) -> Vec<&'a Value> {
    let receipt = &prompt.receipt;
    // A transcript numbers its items, from 1.
    let at = |id: &String| {
        let digits = id.rsplit('_').next().unwrap_or_default();
        usize::from_str_radix(digits, 16).ok().and_then(|number| number.checked_sub(1))
    };
    let mut places: BTreeSet<usize> =
        receipt.recalled.iter().filter_map(|recalled| at(&recalled.item)).collect();
    places.extend(receipt.lead.iter().filter_map(at));
    if let Some(window) = &receipt.window
        && let (Some(from), Some(to)) =
            (window.from.as_ref().and_then(at), window.to.as_ref().and_then(at))
    {
        places.extend(from..=to);
    }
    places.iter().filter_map(|place| input.messages.get(*place)).map(|said| &said.id).collect()
}
