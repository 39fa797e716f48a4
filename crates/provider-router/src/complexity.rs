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
    /// From where on a request is rather hard than easy: where most of the labelled prompts that the
    /// score was tuned on are told apart.
    pub const HARD: u8 = 50;

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

/// Where every message begins: a little below [`Complexity::HARD`], because most are easy.
const BASE: i16 = 42;

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
        _ if is_short => -8,
        0..=90 => 4,
        91..=200 => 14,
        201..=400 => 18,
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

fn of_shape(request: &ChatRequest) -> [Signal; 2] {
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
    [Signal { name: "effort", points: effort }, Signal { name: "tools", points: tools }]
}

#[cfg(test)]
mod tests {
    use super::*;
    use loquat_domain::Settings;

    fn dialogue(texts: &[(Role, &str)]) -> ChatRequest {
        let message = |(role, text): &(Role, &str)| {
            ItemContent::Message(Message::text(*role, (*text).to_owned()))
        };
        ChatRequest::new("auto", Settings::default(), texts.iter().map(message).collect())
    }

    fn of(text: &str) -> Complexity {
        Complexity::of(&dialogue(&[(Role::User, text)]))
    }

    fn points(complexity: &Complexity, name: &str) -> i16 {
        let mut signals = complexity.signals().iter();
        signals.find(|signal| signal.name == name).map_or(0, |signal| signal.points)
    }

    #[test]
    fn the_signals_add_up_to_the_score() {
        let complexity = of("Prove that every bounded sequence has a convergent subsequence.");
        let sum: i16 = complexity.signals().iter().map(|signal| signal.points).sum();
        assert_eq!(i16::from(complexity.score()), sum.clamp(0, 100));
        assert!(complexity.score() >= Complexity::HARD, "{complexity}");
        assert!(points(&complexity, "thought") > 0, "{complexity}");
        assert!(points(&complexity, "mathematics") > 0, "{complexity}");
    }

    #[test]
    fn it_says_why_in_words_that_are_not_the_messages() {
        let said = of("Translate xyzzy into French").to_string();
        assert!(said.starts_with("complexity "), "{said}");
        assert!(said.contains("routine -30"), "{said}");
        assert!(!said.contains("xyzzy"), "{said}");
    }

    #[test]
    fn a_word_is_found_only_as_a_word() {
        assert_eq!(points(&of("We improve the approval of provenance"), "thought"), 0);
        assert!(points(&of("Please prove it"), "thought") > 0);
        assert!(points(&of("请证明这一点"), "thought") > 0);
    }

    #[test]
    fn what_is_quoted_or_to_be_translated_is_not_what_is_asked() {
        let quoted = of("What does \"prove and analyse\" mean?");
        assert_eq!(points(&quoted, "thought"), 0, "{quoted}");
        let material = format!("Translate into German:\n{}\nprove and analyse", "word ".repeat(40));
        assert_eq!(points(&of(&material), "thought"), 0);
    }

    #[test]
    fn what_the_context_engine_quotes_of_the_past_is_not_scored() {
        let hello = of("Hello");
        let recalled = of("<past_messages>\nProve and analyse it.\n</past_messages>\nHello");
        assert_eq!(recalled.score(), hello.score());
    }

    #[test]
    fn only_the_last_message_counts_unless_it_goes_on_with_the_one_before() {
        let hard = "Prove that there are infinitely many primes, and analyse the proof.";
        let after =
            |text| dialogue(&[(Role::User, hard), (Role::Assistant, "So."), (Role::User, text)]);
        assert!(Complexity::of(&after("Thanks!")).score() < Complexity::HARD);
        let goes_on = Complexity::of(&after("That's wrong, try again"));
        assert_eq!(goes_on.score(), of(hard).score());
        assert!(points(&goes_on, "continues") > 0);
    }

    #[test]
    fn how_hard_one_is_asked_to_think_counts() {
        let mut request = dialogue(&[(
            Role::User,
            "The report is much longer than it was a week ago, and nobody read it",
        )]);
        let usual = Complexity::of(&request).score();
        request.settings.reasoning_effort = Some(ReasoningEffort::High);
        assert_eq!(Complexity::of(&request).score(), usual + 15);
        request.settings.reasoning_effort = Some(ReasoningEffort::None);
        assert_eq!(Complexity::of(&request).score(), usual - 15);
    }

    #[test]
    fn of_a_long_message_the_beginning_and_the_end_are_read() {
        let long = |word: &str, at: usize| {
            let mut words = vec!["word"; 100_000];
            if let Some(place) = words.get_mut(at) {
                *place = word;
            }
            points(&of(&words.join(" ")), "thought")
        };
        assert!(long("prove", 10) > 0);
        assert!(long("prove", 99_990) > 0);
        assert_eq!(long("prove", 50_000), 0);
    }

    #[test]
    fn a_request_without_a_message_is_easy() {
        let empty = ChatRequest::new("auto", Settings::default(), Vec::new());
        assert!(Complexity::of(&empty).score() < Complexity::HARD);
    }
}
