//! Which words are taken for each other.
//!
//! People ask for what was said in words of their own: *buy* where *bought* was said, *instrument*
//! where it was a violin. The tables are small and of everyday English; they are applied to the
//! query, so that they may change without an index being made anew.

mod forms;
mod kinds;

use std::sync::LazyLock;

use super::{query::Subject, terms::Term};

/// What a word counts that says little: of a question's frame, or fit for nearly everything.
const LITTLE: u16 = 40;

/// What the form of a question counts that hints at the form of its answer.
const HINT: u16 = 60;

const FULL: u16 = 100;

/// Words that say little about what is asked for, though they are no function words.
const VAGUE: &str = "kind type sort thing stuff name time way lot many much say said tell told \
    talk mention discuss describe think thought feel want happen make made get got go come take \
    give new good great big little long first last day one find know look see use try ask call \
    specific particular current recent recently different various main certain favorite favourite \
    person people start decide plan";

/// Words by which answers to questions about time are known.
const WHEN: &str = "yesterday today tonight tomorrow ago last next week weekend month year monday \
    tuesday wednesday thursday friday saturday sunday january february march april may june july \
    august september october november december morning evening afternoon spring summer autumn \
    fall winter recently past birthday anniversary";

/// What the first words of questions hint at.
const HINTS: &[(&str, &str)] = &[
    ("when", WHEN),
    ("date", WHEN),
    ("wann", "gestern heute morgen woche monat jahr januar februar april juni juli august"),
    ("quand", "hier demain semaine mois annee janvier fevrier mars avril juin juillet aout"),
    ("cuando", "ayer manana semana mes ano enero febrero marzo abril junio julio agosto"),
];

/// The tables, made ready to be looked up by term.
pub(super) struct Vocabulary {
    /// Words of which each means the same as the others.
    forms: Groups,
    /// Words of which each may stand for the others.
    synonyms: Groups,
    /// The first words of each line are what the others are kinds of.
    kinds: Groups,
    heads: Groups,
    vague: Vec<Term>,
    hints: Vec<(&'static str, Subject)>,
}

impl Vocabulary {
    pub(super) fn get() -> &'static Self {
        static VOCABULARY: LazyLock<Vocabulary> = LazyLock::new(Vocabulary::read);
        &VOCABULARY
    }

    fn read() -> Self {
        let mut vague: Vec<Term> = VAGUE.split_whitespace().map(Term::said).collect();
        vague.sort_unstable();
        let (heads, members): (Vec<_>, Vec<_>) =
            kinds::KINDS.lines().filter_map(|line| line.split_once(':')).unzip();
        let hints = HINTS
            .iter()
            .map(|(word, answers)| {
                let related = answers.split_whitespace().map(Term::said).collect();
                let subject = Subject { same: Vec::new(), related, author: None, weight: HINT };
                (*word, subject)
            })
            .collect();
        Self {
            forms: Groups::of(forms::FORMS.lines()),
            synonyms: Groups::of(kinds::SYNONYMS.lines()),
            kinds: Groups::of(members.into_iter()),
            heads: Groups::of(heads.into_iter()),
            vague,
            hints,
        }
    }

    /// The term and those of the same word's other forms.
    pub(super) fn forms(&self, term: Term) -> Vec<Term> {
        let mut forms = vec![term];
        for group in self.forms.with(term) {
            add_new(&mut forms, group, &[]);
        }
        forms
    }

    /// Terms that may be said in place of one of these, without these.
    pub(super) fn related(&self, same: &[Term]) -> Vec<Term> {
        let mut related = Vec::new();
        for term in same {
            for group in self.synonyms.with(*term) {
                add_new(&mut related, group, same);
            }
            // What is of a kind, for the kind; and the kind, for what is of it.
            for number in self.heads.numbers(*term) {
                add_new(&mut related, self.kinds.group(number), same);
                add_new(&mut related, self.heads.group(number), same);
            }
            for number in self.kinds.numbers(*term) {
                add_new(&mut related, self.heads.group(number), same);
            }
        }
        for at in 0..related.len() {
            let Some(term) = related.get(at).copied() else { break };
            for group in self.forms.with(term) {
                add_new(&mut related, group, same);
            }
        }
        related
    }

    /// What a match of the term counts, in hundredths.
    pub(super) fn weight(&self, term: Term) -> u16 {
        if self.vague.binary_search(&term).is_ok() { LITTLE } else { FULL }
    }

    /// What a word hints at that begins a question.
    pub(super) fn hint(&self, word: &str) -> Option<Subject> {
        self.hints.iter().find(|(known, _)| *known == word).map(|(_, subject)| subject.clone())
    }
}

fn add_new(terms: &mut Vec<Term>, group: &[Term], without: &[Term]) {
    for term in group {
        if !terms.contains(term) && !without.contains(term) {
            terms.push(*term);
        }
    }
}

/// Groups of terms, each found by any of its terms.
struct Groups {
    groups: Vec<Vec<Term>>,
    /// Ascending.
    by_term: Vec<(Term, usize)>,
}

impl Groups {
    fn of<'a>(lines: impl Iterator<Item = &'a str>) -> Self {
        let groups: Vec<Vec<Term>> = lines
            .map(|line| {
                let mut group = Vec::new();
                for word in line.split_whitespace() {
                    add_new(&mut group, &[Term::said(word)], &[]);
                }
                group
            })
            .collect();
        let mut by_term: Vec<(Term, usize)> = groups
            .iter()
            .enumerate()
            .flat_map(|(number, group)| group.iter().map(move |term| (*term, number)))
            .collect();
        by_term.sort_unstable();
        Self { groups, by_term }
    }

    fn numbers(&self, term: Term) -> impl Iterator<Item = usize> {
        let from = self.by_term.partition_point(|(known, _)| *known < term);
        self.by_term
            .iter()
            .skip(from)
            .take_while(move |(known, _)| *known == term)
            .map(|(_, number)| *number)
    }

    fn group(&self, number: usize) -> &[Term] {
        self.groups.get(number).map_or(&[], Vec::as_slice)
    }

    fn with(&self, term: Term) -> impl Iterator<Item = &[Term]> {
        self.numbers(term).map(|number| self.group(number))
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{
            stop_words::{is_also_a_name, is_stop_word},
            terms::fold,
        },
        *,
    };

    #[test]
    fn irregular_forms_are_the_same_word() {
        let vocabulary = Vocabulary::get();
        for (asked, said) in [("buy", "bought"), ("child", "children"), ("went", "go")] {
            assert!(vocabulary.forms(Term::said(asked)).contains(&Term::said(said)), "{said}");
        }
    }

    #[test]
    fn a_kind_stands_for_what_is_of_it_but_not_one_of_it_for_another() {
        let vocabulary = Vocabulary::get();
        let related = |word: &str| vocabulary.related(&[Term::said(word)]);
        assert!(related("instruments").contains(&Term::said("violin")));
        assert!(related("violin").contains(&Term::said("instrument")));
        assert!(!related("violin").contains(&Term::said("guitar")));
    }

    #[test]
    fn no_line_of_a_table_has_words_that_no_text_can_match() {
        let lines = forms::FORMS.lines().chain(kinds::SYNONYMS.lines()).chain(kinds::KINDS.lines());
        let words = lines.chain([WHEN, VAGUE]).flat_map(|line| line.split([' ', ':']));
        // "May" is a month when it is written like one.
        let unmatched: Vec<&str> = words
            .filter(|word| is_stop_word(word) && !is_also_a_name(word) || fold(word) != *word)
            .collect();
        assert_eq!(unmatched, Vec::<&str>::new());
    }
}
