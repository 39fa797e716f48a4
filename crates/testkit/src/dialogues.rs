//! Long dialogues of our own making, with questions whose evidence is known.
//!
//! What a context engine is worth shows on long real dialogues, which have licences of their own.
//! These are made from templates by a seed: two friends who chat over months, in sessions, about
//! everyday things, while now and then one of them tells something that a question will ask for in
//! other words. They tell whether an engine got better or worse; how good it is, only real
//! dialogues tell: template talk repeats itself, so that its distractors are harder and its answers
//! plainer than people's.

mod chatter;
mod facts;
mod random;
mod recall;
mod written;

use loquat_domain::Role;

pub use recall::{Recall, recall};
pub use written::written;

use chatter::{Chatter, around, greeting};
use facts::{JOINED, Joined, SINGLE, Single};
use random::Random;

/// A conversation, and what may be asked about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dialogue {
    /// What was said, in order.
    pub messages: Vec<Said>,
    /// Questions, each independent of the others, to be asked at the end.
    pub questions: Vec<Question>,
}

/// A message of a dialogue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// Unique in the dialogue, for example `s3-14`.
    pub id: String,
    /// The sitting that it was said in, from 1.
    pub session: u32,
    /// When, in microseconds since 1970.
    pub at: i64,
    /// The name of who said it.
    pub author: &'static str,
    /// The first of the two friends is the user.
    pub role: Role,
    /// The words.
    pub text: String,
}

/// A question about a dialogue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// Unique in the dialogue, for example `q7`.
    pub id: String,
    /// The words.
    pub text: String,
    /// The messages that together answer it.
    pub evidence: Vec<String>,
    /// What kind of question it is.
    pub category: Category,
}

/// What it takes to answer a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Category {
    /// One message says it.
    Single,
    /// Several messages, far apart, say a part each.
    Joined,
    /// One message says when, mostly by "last week" and its like.
    Time,
    /// One message says it, a later one says that it is otherwise.
    Corrected,
}

/// Makes the dialogue of a seed, of at least so many messages: the same for the same seed, always.
///
/// There is a question for about every tenth message.
pub fn dialogue(seed: u64, messages: usize) -> Dialogue {
    let mut writer = Writer::new(seed);
    while writer.messages.len() < messages {
        writer.session(messages);
    }
    Dialogue { messages: writer.messages, questions: writer.questions }
}

/// Two friends of each dialogue.
const FRIENDS: [(&str, &str); 8] = [
    ("Hannah", "Tobias"),
    ("Priya", "Marcus"),
    ("Elena", "Jonas"),
    ("Ruth", "Dmitri"),
    ("Noor", "Felix"),
    ("Greta", "Samuel"),
    ("Ivy", "Oscar"),
    ("Leila", "Hugo"),
];

const MICROS: i64 = 1_000_000;
const MINUTE: i64 = 60 * MICROS;
const DAY: i64 = 24 * 60 * MINUTE;

/// The first of January 2024.
const BEGINNING: i64 = 1_704_067_200 * MICROS;

struct Writer {
    random: Random,
    chatter: Chatter,
    friends: [&'static str; 2],
    session: u32,
    now: i64,
    turn: usize,
    messages: Vec<Said>,
    questions: Vec<Question>,
    /// Kinds of facts that were told, with who told them: nobody tells two of a kind.
    told: Vec<(usize, &'static str)>,
    /// What is yet to be said of facts in several parts: how many messages must come before it.
    pending: Vec<Pending>,
}

struct Pending {
    after: usize,
    author: usize,
    text: String,
    question: usize,
}

impl Writer {
    fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let (one, other) = random.pick(&FRIENDS);
        Self {
            random,
            chatter: Chatter::default(),
            friends: [one, other],
            session: 0,
            now: BEGINNING,
            turn: 0,
            messages: Vec::new(),
            questions: Vec::new(),
            told: Vec::new(),
            pending: Vec::new(),
        }
    }

    /// A sitting of some twenty messages, days after the last.
    fn session(&mut self, goal: usize) {
        self.session += 1;
        self.turn = 0;
        self.now += DAY * i64::from(self.random.between(2, 12));
        let length = self.random.between(14, 30);
        self.chatter.change_topic(&mut self.random);
        let other = self.name(1);
        let text = greeting(&mut self.random, other);
        self.say(0, text);
        for _ in 0..length {
            let author = self.messages.len() % 2;
            let due = self
                .pending
                .iter()
                .position(|it| it.author == author && it.after <= self.messages.len());
            if let Some(due) = due {
                let Pending { text, question, .. } = self.pending.swap_remove(due);
                let id = self.say(author, text);
                if let Some(question) = self.questions.get_mut(question) {
                    question.evidence.push(id);
                }
            } else if self.random.one_in(8) && self.messages.len() + 20 < goal.max(40) {
                self.tell(author, goal);
            } else {
                self.chat(author);
            }
        }
    }

    /// Says something new, and asks for it later.
    fn tell(&mut self, author: usize, goal: usize) {
        let name = self.name(author);
        let kind = self.random.below(SINGLE.len() + JOINED.len());
        if self.told.contains(&(kind, name)) {
            return self.chat(author);
        }
        self.told.push((kind, name));
        match kind.checked_sub(SINGLE.len()).and_then(|joined| JOINED.get(joined)) {
            Some(joined) => self.tell_joined(author, joined, goal),
            None => {
                if let Some(single) = SINGLE.get(kind) {
                    self.tell_single(author, single, goal);
                }
            }
        }
    }

    fn tell_single(&mut self, author: usize, fact: &'static Single, goal: usize) {
        let value = self.random.pick(fact.values);
        // Half of the time the other one asks, so that the answer may do without the subject.
        let asked = fact.prompts.is_empty() || self.random.one_in(2);
        let statement = if asked {
            self.random.pick(fact.statements)
        } else {
            let prompt = self.random.pick(fact.prompts).to_owned();
            self.say(1 - author, prompt);
            self.random.pick(fact.answers)
        };
        let text = around(&mut self.random, &statement.replace("{}", value));
        let id = self.say(author, text);
        let question = self.random.pick(fact.questions).replace("{name}", self.name(author));
        let corrected = !fact.corrections.is_empty() && self.random.one_in(2);
        if corrected {
            let other = fact.values.iter().find(|it| **it != value).copied().unwrap_or(value);
            let correction = self.random.pick(fact.corrections).replace("{}", other);
            self.later(author, correction, goal);
        }
        let category = if corrected { Category::Corrected } else { fact.category };
        self.ask(question.replace("{}", value), vec![id], category);
    }

    fn tell_joined(&mut self, author: usize, fact: &'static Joined, goal: usize) {
        let mut parts = fact.parts.to_vec();
        let mut evidence = Vec::new();
        for part in 0..3.min(parts.len()) {
            let text = parts.swap_remove(self.random.below(parts.len()));
            let text = around(&mut self.random, text);
            if part == 0 {
                evidence.push(self.say(author, text));
            } else {
                self.later(author, text, goal);
            }
        }
        let question = fact.question.replace("{name}", self.name(author));
        self.ask(question, evidence, Category::Joined);
    }

    /// Has something said in a later session, for the question that comes next.
    fn later(&mut self, author: usize, text: String, goal: usize) {
        let left = goal.saturating_sub(self.messages.len()).max(60);
        let after = self.messages.len() + 20 + self.random.below(left / 2);
        self.pending.push(Pending { after, author, text, question: self.questions.len() });
    }

    fn chat(&mut self, author: usize) {
        if self.random.one_in(7) {
            self.chatter.change_topic(&mut self.random);
        }
        let other = self.name(1 - author);
        let text = self.chatter.turn(&mut self.random, other);
        self.say(author, text);
    }

    fn ask(&mut self, text: String, evidence: Vec<String>, category: Category) {
        let id = format!("q{}", self.questions.len() + 1);
        self.questions.push(Question { id, text, evidence, category });
    }

    fn say(&mut self, author: usize, text: String) -> String {
        self.turn += 1;
        self.now += MINUTE;
        let id = format!("s{}-{}", self.session, self.turn);
        self.messages.push(Said {
            id: id.clone(),
            session: self.session,
            at: self.now,
            author: self.name(author),
            role: if author == 0 { Role::User } else { Role::Assistant },
            text,
        });
        id
    }

    fn name(&self, author: usize) -> &'static str {
        let [one, other] = self.friends;
        if author == 0 { one } else { other }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn the_same_seed_makes_the_same_dialogue() {
        assert_eq!(dialogue(7, 400), dialogue(7, 400));
        assert_ne!(dialogue(7, 400), dialogue(8, 400));
    }

    #[test]
    fn ids_are_unique_and_messages_in_order() {
        let dialogue = dialogue(1, 2_000);
        let ids: HashSet<_> = dialogue.messages.iter().map(|it| &it.id).collect();
        assert_eq!(ids.len(), dialogue.messages.len());
        let questions: HashSet<_> = dialogue.questions.iter().map(|it| &it.id).collect();
        assert_eq!(questions.len(), dialogue.questions.len());
        assert!(dialogue.messages.is_sorted_by(|a, b| a.at < b.at && a.session <= b.session));
    }

    #[test]
    fn the_evidence_of_every_question_was_said_by_whom_it_names() {
        let dialogue = dialogue(2, 1_000);
        for question in &dialogue.questions {
            assert!(!question.evidence.is_empty(), "{question:?}");
            for id in &question.evidence {
                let said = dialogue.messages.iter().find(|it| it.id == *id).unwrap();
                assert!(question.text.contains(said.author), "{question:?}: {said:?}");
            }
        }
    }

    #[test]
    fn there_are_questions_of_every_category() {
        let dialogue = dialogue(3, 1_000);
        for category in [Category::Single, Category::Joined, Category::Time, Category::Corrected] {
            let asked = dialogue.questions.iter().filter(|it| it.category == category).count();
            assert!(asked >= 3, "{category:?}: {asked}");
        }
    }

    #[test]
    fn a_dialogue_is_as_long_as_it_should_be() {
        for messages in [1, 300, 10_000] {
            let made = dialogue(4, messages).messages.len();
            assert!((messages..messages + 40).contains(&made), "{made} for {messages}");
        }
    }

    #[test]
    fn no_template_is_left_unfilled() {
        let dialogue = dialogue(5, 3_000);
        let texts = dialogue.messages.iter().map(|it| &it.text);
        for text in texts.chain(dialogue.questions.iter().map(|it| &it.text)) {
            assert!(!text.contains(['{', '}']), "{text}");
        }
    }
}
