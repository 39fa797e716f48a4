//! What a message asks for.

use super::{
    terms::{Spoken, Term, spoken, words},
    vocabulary::Vocabulary,
};

/// More subjects than these of one message are not searched for. A text so long was pasted, and
/// what is wanted of it stands before or behind it.
const MOST_SUBJECTS: usize = 64;

/// What a message asks for: its content words, and what may be said in their place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    pub(super) subjects: Vec<Subject>,
}

/// One thing that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Subject {
    /// Words that mean it: the message's own and its other forms.
    pub(super) same: Vec<Term>,
    /// Words that may mean it, or of things of its kind.
    pub(super) related: Vec<Term>,
    /// It, if it is the name of who speaks.
    pub(super) author: Option<Term>,
    /// What a match counts, in hundredths.
    pub(super) weight: u16,
}

impl Query {
    /// Reads a message. Nothing is searched that was not said, so that a message without content
    /// words gives an empty query.
    pub fn of(text: &str) -> Self {
        let vocabulary = Vocabulary::get();
        let mut subjects: Vec<Subject> = Vec::new();
        let mut said = Vec::new();
        spoken(text, |word| said.push(word));
        for Spoken { term, as_author } in first_and_last(said) {
            if subjects.iter().any(|subject| subject.same.contains(&term)) {
                continue;
            }
            let same = vocabulary.forms(term);
            let related = vocabulary.related(&same);
            let weight = vocabulary.weight(term);
            subjects.push(Subject { same, related, author: Some(as_author), weight });
        }
        if !subjects.is_empty() {
            let mut hints = Vec::new();
            words(text, |word| hints.extend(vocabulary.hint(&word.folded)));
            subjects.extend(hints.into_iter().take(1));
        }
        Self { subjects }
    }

    /// Whether a word is, or is related to, one that is asked for.
    pub(crate) fn knows(&self, word: &str) -> bool {
        let mut known = false;
        spoken(word, |Spoken { term, .. }| {
            let mut subjects = self.subjects.iter();
            known |= subjects.any(|it| it.same.contains(&term) || it.related.contains(&term));
        });
        known
    }

    /// True when there is nothing to search for.
    pub fn is_empty(&self) -> bool {
        self.subjects.is_empty()
    }

    /// How many different content words the message has.
    pub fn content_terms(&self) -> usize {
        self.subjects.iter().filter(|subject| subject.is_content()).count()
    }
}

impl Subject {
    /// All terms that it is looked for by.
    pub(super) fn terms(&self) -> impl Iterator<Item = Term> {
        self.same.iter().chain(&self.related).chain(&self.author).copied()
    }

    /// Whether it was said, rather than hinted at by the form of a question.
    pub(super) const fn is_content(&self) -> bool {
        !self.same.is_empty()
    }
}

/// The words that come first and those that come last, each once, if there are too many.
fn first_and_last(mut said: Vec<Spoken>) -> Vec<Spoken> {
    let mut seen = std::collections::HashSet::new();
    said.retain(|word| seen.insert(word.term));
    if said.len() > MOST_SUBJECTS {
        let surplus = said.len() - MOST_SUBJECTS;
        said.drain(MOST_SUBJECTS / 2..MOST_SUBJECTS / 2 + surplus);
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_greeting_asks_for_nothing() {
        for text in ["Hello", "hi there!", "Thanks, you too", "", "???", "who are you?"] {
            assert!(Query::of(text).is_empty(), "{text}");
            assert_eq!(Query::of(text).content_terms(), 0);
        }
    }

    #[test]
    fn forms_of_one_word_are_one_subject() {
        assert_eq!(Query::of("buy bought buying Buys").content_terms(), 1);
        assert_eq!(Query::of("children child").content_terms(), 1);
    }

    #[test]
    fn a_pasted_text_is_asked_for_by_its_ends() {
        let words: Vec<String> = (0..500).map(|it| format!("word{it}")).collect();
        let query = Query::of(&words.join(" "));
        assert_eq!(query.content_terms(), MOST_SUBJECTS);
        let asked = |word: &str| {
            query.subjects.iter().any(|subject| subject.same.contains(&Term::said(word)))
        };
        assert!(asked("word0") && asked("word499") && !asked("word250"));
    }
}
