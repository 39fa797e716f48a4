//! How hard a request seems.

mod reading;
mod words;

use std::{borrow::Cow, fmt};

use loquat_domain::{ItemContent, Message, Part, ReasoningEffort, Role};
use loquat_provider::ChatRequest;

use reading::Reading;
use words::Cue;

/// How hard a request seems, from 0 to 100, and why.
///
/// The sum of [`Signal`]s of the last user message and of the request's shape, each of which
/// `docs/routing.md` explains. Takes microseconds and a bounded look at the message: its first 4 KiB
/// and its last 2 KiB.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Complexity {
    score: u8,
    signals: Vec<Signal>,
}

/// What speaks for or against a hard request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signal {
    /// Its name.
    pub name: &'static str,
    /// What it adds to the score.
    pub points: i16,
}

impl Complexity {
    /// Scores a request.
    pub fn of(request: &ChatRequest) -> Self {
        let mut said = request.input.iter().rev().filter_map(by_user);
        let last = said.next().map(text).unwrap_or_default();
        let reading = Reading::of(&last);
        let mut signals = of_text(&reading);
        if reading.letters <= FOLLOW_UP && reading.cues(Cue::Continue) > 0 {
            let before = said.next().map(|message| sum(&of_text(&Reading::of(&text(message)))));
            let more = before.unwrap_or_default() - sum(&signals);
            signals.push(Signal { name: "continues", points: more.max(0) });
        }
        signals.extend(of_shape(request));
        signals.retain(|signal| signal.points != 0);
        let score = u8::try_from(sum(&signals).clamp(0, 100)).unwrap_or_default();
        Self { score, signals }
    }

    /// From 0 to 100.
    pub const fn score(&self) -> u8 {
        self.score
    }

    /// What it is made of, without what adds nothing. The sum may be outside of 0 to 100.
    pub fn signals(&self) -> &[Signal] {
        &self.signals
    }
}

impl fmt::Display for Complexity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "complexity {}", self.score)?;
        for (at, signal) in self.signals.iter().enumerate() {
            let comma = if at == 0 { ": " } else { ", " };
            write!(f, "{comma}{} {:+}", signal.name, signal.points)?;
        }
        Ok(())
    }
}

/// A message of no more letters may be about the one before.
const FOLLOW_UP: usize = 60;

/// A message of no more letters can hardly state a problem.
const SHORT: usize = 50;

/// A question of no more letters that begins like one asks for a fact.
const QUESTION: usize = 80;

/// Where every message begins that says more than a courtesy.
const BASE: i16 = 12;

/// What the context engine quotes of the past in front of what was really said.
const QUOTED: (&str, &str) = ("<past_messages>", "</past_messages>");

fn by_user(content: &ItemContent) -> Option<&Message> {
    match content {
        ItemContent::Message(message) if message.role == Role::User => Some(message),
        _ => None,
    }
}

/// What somebody really said.
fn text(message: &Message) -> Cow<'_, str> {
    let mut texts = message.parts.iter().filter_map(|part| match part {
        Part::Text(text) => Some(said(text)),
        Part::Refusal(_) | Part::Image { .. } => None,
    });
    let first = texts.next().unwrap_or_default();
    texts.fold(Cow::Borrowed(first), |all, text| Cow::Owned(format!("{all}\n{text}")))
}

fn said(text: &str) -> &str {
    let quoted = text.strip_prefix(QUOTED.0).and_then(|rest| rest.split_once(QUOTED.1));
    quoted.map_or(text, |(_, said)| said)
}

fn sum(signals: &[Signal]) -> i16 {
    signals.iter().map(|signal| signal.points).sum()
}

/// `first` points for the first, `more` for each further, at most `most` in all.
fn steps(count: usize, first: i16, more: i16, most: i16) -> i16 {
    match i16::try_from(count.min(100)).unwrap_or(100) {
        0 => 0,
        count => (first + more * (count - 1)).min(most),
    }
}

fn of_text(reading: &Reading) -> Vec<Signal> {
    let is_routine = reading.opening(Cue::Routine) > 0;
    // What is to be translated or summarised is material: only the opening says what is asked.
    let cues = |cue| if is_routine { reading.opening(cue) } else { reading.cues(cue) };
    let is_short = reading.letters <= SHORT;
    let is_fact = reading.opening(Cue::Fact) > 0
        && reading.letters <= QUESTION
        && reading.cues(Cue::Maths) == 0;
    let deep = cues(Cue::Deep);
    let length = match reading.letters {
        _ if is_routine => 0,
        0..=SHORT => -8,
        ..=90 => 4,
        ..=200 => 14,
        ..=400 => 18,
        _ => 20,
    };
    let tasks =
        reading.cues(Cue::Sequence) + reading.items.min(6) + reading.questions.saturating_sub(1);
    let routine = match reading.cues(Cue::Deep) {
        _ if !is_routine => 0,
        _ if tasks > 3 => -6,
        2.. if tasks > 1 => -12,
        _ => -30,
    };
    let code = reading.code > 0 || reading.code_signs >= 2;
    let is = |holds: bool, points: i16| if holds { points } else { 0 };
    [
        ("base", BASE),
        ("length", length),
        ("thought", steps(deep, 22, 9, 40)),
        ("explanation", steps(cues(Cue::Explain), 6, 3, 9)),
        ("tasks", steps(tasks, 4, 4, 16)),
        ("constraints", steps(cues(Cue::Constraint), 4, 3, 10)),
        ("mathematics", steps(cues(Cue::Maths), 14, 6, 26)),
        ("notation", steps(reading.maths_signs.saturating_sub(1), 4, 2, 10)),
        ("numbers", is(!is_routine, steps(reading.numbers.saturating_sub(1), 3, 3, 9))),
        ("code", is(code, 4) + is(reading.code > 200, 6)),
        ("engineering", steps(cues(Cue::Engineering), 10, 5, 20)),
        ("trouble", steps(cues(Cue::Trouble), 8, 5, 18)),
        ("expertise", steps(cues(Cue::Expertise), 8, 5, 18)),
        ("routine", routine),
        ("fact", is(is_fact, -20)),
        ("courtesy", is(reading.opening(Cue::Courtesy) > 0, if is_short { -20 } else { -10 })),
        ("brevity", is(reading.cues(Cue::Brief) > 0, -10)),
    ]
    .map(|(name, points)| Signal { name, points })
    .to_vec()
}

fn of_shape(request: &ChatRequest) -> [Signal; 3] {
    let settings = &request.settings;
    let effort = match settings.reasoning_effort {
        Some(ReasoningEffort::None) => -15,
        Some(ReasoningEffort::Minimal) => -10,
        Some(ReasoningEffort::Low) => -5,
        None | Some(ReasoningEffort::Medium) => 0,
        Some(ReasoningEffort::High) => 15,
        Some(ReasoningEffort::ExtraHigh) => 25,
    };
    let tools = steps(settings.tools.len(), 3, 1, 8);
    let long = if request.about.input_tokens >= 16_000 { 5 } else { 0 };
    [
        Signal { name: "effort", points: effort },
        Signal { name: "tools", points: tools },
        Signal { name: "long prompt", points: long },
    ]
}
