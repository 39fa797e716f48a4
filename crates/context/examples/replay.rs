//! What a provider's cache makes of policies: made dialogues are gone through message by message, and
//! each prompt is compared with the one before.
//!
//! ```sh
//! cargo run --release -p loquat-context --example replay
//! ```
//!
//! The cache is that of a provider which keeps what it has seen for a while: a new session finds it
//! cold; of a prompt it finds again what begins like the one before, from 1,024 tokens on and in steps
//! of 128. Costs are in parts of what the plain window costs without a cache.

use std::{
    error::Error,
    io::{Write as _, stdout},
};

use loquat_context::{
    Bpe, Gate, ModelWindow, Policy, Prompt, Recall, TokenCounter as _, Transcript, Window,
};
use loquat_domain::{ItemContent, Message, Role, Timestamp};
use loquat_testkit::dialogues::{self, Dialogue, dialogue};

/// The dialogues: so many, of so many messages.
const DIALOGUES: (u64, usize) = (10, 600);

/// The least that a cache keeps, and its steps.
const CACHED: (u32, u32) = (1_024, 128);

/// Words of the operator, about 400 tokens.
const INSTRUCTIONS: &str = "You are a friend who listens, remembers and answers briefly. ";

/// What a policy comes to.
#[derive(Default)]
struct Sum {
    prompts: u32,
    tokens: u64,
    cached: u64,
    evictions: u32,
    fired: u32,
    evidence: dialogues::Recall,
}

impl Sum {
    /// Goes through a dialogue.
    fn add(&mut self, policy: Policy, dialogue: &Dialogue) -> Result<(), Box<dyn Error>> {
        let model = ModelWindow {
            model: "any".to_owned(),
            context_window: 32_768,
            reserved_output: 1_024,
            exact: true,
        };
        let mut transcript = Transcript::new(policy, model, Bpe::O200k);
        let instructions = Message::text(Role::System, INSTRUCTIONS.repeat(36));
        transcript.push(instructions, Timestamp::from_micros(0));
        let mut session = 0;
        let mut before: Vec<ItemContent> = Vec::new();
        for said in &dialogue.messages {
            let at = Timestamp::from_micros(said.at);
            let message = Message::text(said.role, said.text.clone());
            if said.role == Role::User {
                let prompt = transcript.prompt(message.clone())?;
                if std::mem::replace(&mut session, said.session) != said.session {
                    before.clear();
                }
                self.count(&prompt, &before);
                before = prompt.input;
            }
            transcript.push(message, at);
        }
        let found = dialogue.questions.iter().map(|question| {
            let message = Message::text(Role::User, question.text.clone());
            let prompt = transcript.prompt_by(&policy, message);
            (question, prompt.map_or(Vec::new(), |prompt| included(dialogue, &prompt)))
        });
        self.evidence.add(&dialogues::recall(found));
        Ok(())
    }

    fn count(&mut self, prompt: &Prompt, before: &[ItemContent]) {
        let tokens = |content: &ItemContent| Bpe::O200k.item(content);
        let same = prompt.input.iter().zip(before).take_while(|(now, then)| now == then);
        let same: u32 = same.map(|(content, _)| tokens(content)).sum();
        let cached = if same < CACHED.0 { 0 } else { same - same % CACHED.1 };
        self.prompts += 1;
        self.tokens += u64::from(prompt.input.iter().map(tokens).sum::<u32>());
        self.cached += u64::from(cached);
        self.evictions += u32::from(prompt.change.is_some());
        self.fired += u32::from(prompt.receipt.gate.fired);
    }

    /// In parts of so many tokens, when what is found again costs `read` and the rest `write`.
    fn cost(&self, read: f64, write: f64, of: u64) -> f64 {
        (float(self.cached) * read + float(self.tokens - self.cached) * write) / float(of)
    }
}

/// Ids of the messages that a prompt tells of.
fn included<'a>(dialogue: &'a Dialogue, prompt: &Prompt) -> Vec<&'a str> {
    let texts: Vec<&str> = prompt.input.iter().flat_map(ItemContent::texts).collect();
    let is_there = |text: &str| texts.iter().any(|it| it.contains(text));
    let said = dialogue.messages.iter().filter(|said| is_there(&said.text));
    said.map(|said| said.id.as_str()).collect()
}

fn float(count: u64) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

const fn marks(high: u32, low: u32, recall: Option<Recall>) -> Policy {
    Policy { max_input: None, window: Window::Marks { high, low }, recall, summary: None }
}

fn main() -> Result<(), Box<dyn Error>> {
    let each_time = Recall { gate: Gate::Known, ..Recall::of(2_048) };
    let policies = [
        ("plain window 6,144", marks(6_144, 6_143, None)),
        ("hysteresis 6,144/3,072", marks(6_144, 3_072, None)),
        ("the same, gated 2,048", marks(6_144, 3_072, Some(Recall::of(2_048)))),
        ("the same, 2,048 each time", marks(6_144, 3_072, Some(each_time))),
        ("hysteresis 3,072/1,536", marks(3_072, 1_536, None)),
        ("the same, gated 1,024", marks(3_072, 1_536, Some(Recall::of(1_024)))),
        ("everything", marks(u32::MAX, u32::MAX, None)),
    ];
    let dialogues: Vec<Dialogue> =
        (1..=DIALOGUES.0).map(|seed| dialogue(seed, DIALOGUES.1)).collect();
    let mut out = stdout().lock();
    writeln!(
        out,
        "| policy | ktok | mean | evictions | fired | cached | r=.1 | r=.25 | r=.5 | w=1.25 r=.1 | evidence |\n\
         |---|---|---|---|---|---|---|---|---|---|---|"
    )?;
    let mut plain = None;
    for (name, policy) in policies {
        let mut sum = Sum::default();
        for dialogue in &dialogues {
            sum.add(policy, dialogue)?;
        }
        let of = *plain.get_or_insert(sum.tokens);
        writeln!(
            out,
            "| {name} | {} | {} | {:.1} | {:.0} % | {:.1} % | {:.2} | {:.2} | {:.2} | {:.2} | {:.1} % |",
            sum.tokens / 1_000,
            sum.tokens / u64::from(sum.prompts),
            f64::from(sum.evictions) / float(DIALOGUES.0),
            100.0 * f64::from(sum.fired) / f64::from(sum.prompts),
            100.0 * float(sum.cached) / float(sum.tokens),
            sum.cost(0.1, 1.0, of),
            sum.cost(0.25, 1.0, of),
            sum.cost(0.5, 1.0, of),
            sum.cost(0.1, 1.25, of),
            sum.evidence.percent(),
        )?;
    }
    Ok(())
}
