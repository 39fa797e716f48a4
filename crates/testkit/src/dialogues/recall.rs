//! How much of the evidence a context has.

use std::collections::{BTreeMap, HashSet};

use super::{Category, Question};

/// How many of the messages that answer questions were in the contexts that were made for them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Recall {
    /// For each category, messages found and messages there are.
    pub by_category: BTreeMap<Category, (usize, usize)>,
}

impl Recall {
    /// The share of all evidence that was found, in percent; 100 when there is none.
    pub fn percent(&self) -> f64 {
        percent(self.by_category.values().copied())
    }

    /// The same for the questions of one category.
    pub fn percent_of(&self, category: Category) -> f64 {
        percent(self.by_category.get(&category).copied().into_iter())
    }

    /// Adds what was found in another dialogue.
    pub fn add(&mut self, other: &Self) {
        for (category, (found, all)) in &other.by_category {
            let sum = self.by_category.entry(*category).or_default();
            sum.0 += found;
            sum.1 += all;
        }
    }
}

fn percent(counts: impl Iterator<Item = (usize, usize)>) -> f64 {
    let (found, all) = counts.fold((0, 0), |sum, it| (sum.0 + it.0, sum.1 + it.1));
    let float = |count: usize| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
    if all == 0 { 100.0 } else { 100.0 * float(found) / float(all) }
}

/// Compares the messages that a context for each question has (their ids, in any order) with the
/// question's evidence.
pub fn recall<'a, Included>(contexts: impl IntoIterator<Item = (&'a Question, Included)>) -> Recall
where
    Included: IntoIterator<Item = &'a str>,
{
    let mut recall = Recall::default();
    for (question, included) in contexts {
        let included: HashSet<&str> = included.into_iter().collect();
        let found = question.evidence.iter().filter(|it| included.contains(it.as_str())).count();
        let sum = recall.by_category.entry(question.category).or_default();
        sum.0 += found;
        sum.1 += question.evidence.len();
    }
    recall
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(category: Category, evidence: &[&str]) -> Question {
        let evidence = evidence.iter().map(|&it| it.to_owned()).collect();
        Question { id: "q".to_owned(), text: "?".to_owned(), evidence, category }
    }

    #[test]
    fn evidence_counts_once_for_each_message() {
        let single = question(Category::Single, &["a"]);
        let joined = question(Category::Joined, &["a", "b", "c"]);
        let found = recall([(&single, vec!["b", "c"]), (&joined, vec!["c", "b", "x", "b"])]);
        assert_eq!(found.by_category[&Category::Single], (0, 1));
        assert_eq!(found.by_category[&Category::Joined], (2, 3));
        assert!((found.percent() - 50.0).abs() < 1e-9);
        assert!((found.percent_of(Category::Single)).abs() < 1e-9);
        assert!((found.percent_of(Category::Time) - 100.0).abs() < 1e-9);
    }
}
