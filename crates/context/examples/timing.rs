//! How long the pure parts of a prompt take.
//!
//! ```sh
//! cargo run --release -p loquat-context --example timing
//! ```
//!
//! Each is done five times, of which the fastest counts: machines are shared.
//!
//! The prompt: from a full window of the balanced policy and a hundred candidates. The search: all that
//! has left the window of conversations of a thousand, ten and a hundred thousand messages.

use std::{
    error::Error,
    hint::black_box,
    io::{Write as _, stdout},
    time::{Duration, Instant},
};

use loquat_context::{
    Bpe, Estimate, Loaded, ModelWindow, NewTurn, Policy, State, TokenCounter, build, index_items,
    plan, search,
};
use loquat_domain::{
    Item, ItemContent, ItemId, ItemStatus, Message, Role, StoredItem, Timestamp, Truncation,
};
use loquat_testkit::dialogues::{Dialogue, dialogue};
use uuid::Uuid;

/// Items of a segment, as jobs make them.
const SEGMENT: usize = 256;

/// Candidates that are loaded, when there are as many.
const CANDIDATES: usize = 100;

fn main() -> Result<(), Box<dyn Error>> {
    let mut out = stdout().lock();
    writeln!(out, "| what | runs | p50 | p99 | longest |\n|---|---|---|---|---|")?;
    let dialogue = dialogue(1, 2_000);
    let estimated = builds(&dialogue, &Estimate)?;
    writeln!(out, "| prompt, estimated counts | {}", row(estimated))?;
    let exact = builds(&dialogue, &Bpe::O200k)?;
    writeln!(out, "| prompt, exact counts | {}", row(exact))?;
    for messages in [1_000, 10_000, 100_000] {
        let (bytes, times) = searches(&dialogue, messages);
        writeln!(out, "| search, {messages} messages, {} kB | {}", bytes / 1_000, row(times))?;
    }
    Ok(())
}

/// Messages of a dialogue, again and again, as they are stored.
fn stored(dialogue: &Dialogue, messages: usize, counter: &dyn TokenCounter) -> Vec<StoredItem> {
    let said = dialogue.messages.iter().cycle().take(messages);
    let items = (0_u32..).zip(said).map(|(position, said)| {
        let content = ItemContent::Message(Message::text(said.role, said.text.clone()));
        let item = Item {
            id: ItemId::from_uuid(Uuid::from_u128(u128::from(position))),
            response: None,
            tokens: counter.item(&content),
            counter: counter.id(),
            content,
            status: ItemStatus::Completed,
            created_at: Timestamp::from_micros(said.at),
        };
        StoredItem { position: i64::from(position), item }
    });
    items.collect()
}

fn segments(items: &[StoredItem]) -> Vec<Vec<u8>> {
    items.chunks(SEGMENT).map(|chunk| index_items(chunk, None)).collect()
}

fn builds(
    dialogue: &Dialogue,
    counter: &dyn TokenCounter,
) -> Result<Vec<Duration>, Box<dyn Error>> {
    let items = stored(dialogue, 2_000, counter);
    let (old, window) = items.split_at(full_window(&items, 6_000));
    let segments = segments(old);
    let segments: Vec<&[u8]> = segments.iter().map(Vec::as_slice).collect();
    let state = State {
        anchor: window.first().map(|stored| stored.position),
        cut_to: 3_072,
        ..State::default()
    };
    let mut times = Vec::new();
    for question in dialogue.questions.iter().cycle().take(1_000) {
        let input = vec![ItemContent::Message(Message::text(Role::User, question.text.clone()))];
        let turn = NewTurn {
            instructions: 400,
            tools: 0,
            input: input.iter().map(|content| counter.item(content)).sum(),
            message: Some(question.text.clone()),
        };
        let model = ModelWindow {
            model: "any".to_owned(),
            context_window: 32_768,
            reserved_output: 1_024,
            exact: true,
        };
        let need = plan(&Policy::balanced(), model, turn, Truncation::Auto)?;
        let Some(query) = &need.query else { continue };
        let found = search(query, &segments, CANDIDATES)?;
        let at = |position: i64| usize::try_from(position).ok().and_then(|at| old.get(at));
        let loaded = Loaded {
            history: window.iter().rev().cloned().collect(),
            known_terms: found.known_terms,
            found: found.hits.iter().filter_map(|hit| at(hit.position)).cloned().collect(),
            hits: found.hits,
            ..Loaded::default()
        };
        times.extend(fastest(|| {
            let (loaded, input) = (loaded.clone(), input.clone());
            let begin = Instant::now();
            black_box(build(&need, &state, black_box(loaded), input, counter)).ok()?;
            Some(begin.elapsed())
        }));
    }
    Ok(times)
}

/// The fastest of five times.
fn fastest(run: impl Fn() -> Option<Duration>) -> Option<Duration> {
    (0..5).filter_map(|_| run()).min()
}

/// Index of the item from which on there are so many tokens.
fn full_window(items: &[StoredItem], tokens: u32) -> usize {
    let mut left = tokens;
    let fits = items.iter().rev().take_while(|stored| {
        let after = left.checked_sub(stored.item.tokens);
        left = after.unwrap_or(0);
        after.is_some()
    });
    let first = items.len() - fits.count();
    let is_user = |stored: &StoredItem| stored.item.content.role() == Some(Role::User);
    first + items.iter().skip(first).position(is_user).unwrap_or(0)
}

fn searches(dialogue: &Dialogue, messages: usize) -> (usize, Vec<Duration>) {
    let segments = segments(&stored(dialogue, messages, &Estimate));
    let segments: Vec<&[u8]> = segments.iter().map(Vec::as_slice).collect();
    let mut times = Vec::new();
    for question in dialogue.questions.iter().cycle().take(500) {
        let query = loquat_context::Query::of(&question.text);
        times.extend(fastest(|| {
            let begin = Instant::now();
            black_box(search(&query, &segments, CANDIDATES)).ok()?;
            Some(begin.elapsed())
        }));
    }
    (segments.iter().map(|segment| segment.len()).sum(), times)
}

fn row(mut times: Vec<Duration>) -> String {
    times.sort_unstable();
    let at = |percent: usize| times.get(times.len() * percent / 100).or(times.last());
    let shown = |time: Option<&Duration>| {
        time.map_or_else(String::new, |time| format!("{:.3} ms", time.as_secs_f64() * 1_000.0))
    };
    format!("{} | {} | {} | {} |", times.len(), shown(at(50)), shown(at(99)), shown(times.last()))
}
