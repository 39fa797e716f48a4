//! The part of a long message that bears most on a question.

use std::ops::Range;

use crate::Query;

/// A longer run of characters without a space is data, or of a script that parts no words, and may
/// be cut inside.
const LONGEST_WORD: usize = 32;

/// It is cut into pieces of this many characters.
const PIECE: usize = 8;

/// So many words of a message are looked at. What is longer was pasted, and is found by its
/// beginning.
const MOST_WORDS: usize = 16_384;

/// The words of a message on one line, so that nothing in it looks like a line of another.
pub(super) struct Words {
    line: String,
    /// Where the first of them, or pieces of them, are.
    pieces: Vec<Range<usize>>,
}

impl Words {
    pub(super) fn of(text: &str) -> Self {
        let mut line = String::with_capacity(text.len());
        let mut pieces = Vec::new();
        for word in text.split_whitespace() {
            if !line.is_empty() {
                line.push(' ');
            }
            let at = line.len();
            line.push_str(word);
            if pieces.len() < MOST_WORDS {
                pieces.extend(cut(word).map(|piece| at + piece.start..at + piece.end));
            }
        }
        pieces.truncate(MOST_WORDS);
        Self { line, pieces }
    }

    pub(super) fn as_str(&self) -> &str {
        &self.line
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.line.is_empty()
    }

    /// The run of words that has most of the query's, as long as the budget allows, as `write` writes
    /// it and counts that; `None` when no word fits.
    pub(super) fn excerpt(
        &self,
        budget: u32,
        query: &Query,
        write: impl Fn(&str) -> (String, u32),
    ) -> Option<(String, u32)> {
        let word = |piece: &Range<usize>| self.line.get(piece.clone()).unwrap_or_default();
        let known: Vec<bool> = self.pieces.iter().map(|piece| query.knows(word(piece))).collect();
        let mut length = self.pieces.len().min(usize::try_from(budget).unwrap_or(usize::MAX));
        while length > 0 {
            let run = self.pieces.get(best_run(&known, length)..)?.get(..length)?;
            let (text, tokens) = write(self.line.get(run.first()?.start..run.last()?.end)?);
            if tokens <= budget {
                return Some((text, tokens));
            }
            // In proportion to the excess, and by one word at least.
            let fitting = u64::try_from(length).ok()? * u64::from(budget) / u64::from(tokens);
            length = usize::try_from(fitting).ok()?.min(length - 1);
        }
        None
    }
}

/// The pieces of a word: itself, unless it is too long.
fn cut(word: &str) -> impl Iterator<Item = Range<usize>> {
    let is_long = word.chars().nth(LONGEST_WORD).is_some();
    let step = if is_long { PIECE } else { usize::MAX };
    let starts = word.char_indices().step_by(step).map(|(at, _)| at);
    let ends = word.char_indices().step_by(step).skip(1).map(|(at, _)| at);
    starts.zip(ends.chain([word.len()])).map(|(start, end)| start..end)
}

/// Where the first of the runs of this length begins that have the most known words.
fn best_run(known: &[bool], length: usize) -> usize {
    let mut count = known.iter().take(length).filter(|known| **known).count();
    let (mut best, mut best_at) = (count, 0);
    let leaving = known.iter();
    let entering = known.iter().skip(length);
    for (at, (leaves, enters)) in leaving.zip(entering).enumerate() {
        count = count + usize::from(*enters) - usize::from(*leaves);
        if count > best {
            (best, best_at) = (count, at + 1);
        }
    }
    best_at
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Estimate, TokenCounter as _};

    fn excerpt(text: &str, budget: u32, question: &str) -> Option<String> {
        let write = |words: &str| (words.to_owned(), Estimate.text(words));
        Some(Words::of(text).excerpt(budget, &Query::of(question), write)?.0)
    }

    #[test]
    fn what_is_asked_for_is_in_it() {
        let text = format!("{} the harbour master {}", "lorem ".repeat(500), "ipsum ".repeat(500));
        let found = excerpt(&text, 40, "Who is the harbour master?").unwrap();
        assert!(found.contains("harbour master"), "{found}");
    }

    #[test]
    fn a_text_without_spaces_is_cut_inside() {
        let text =
            format!("{}海港负责人是王小明{}", "今天天气很好".repeat(100), "明天".repeat(300));
        let found = excerpt(&text, 60, "海港负责人是谁").unwrap();
        assert!(found.contains("海港"), "{found}");
        assert!(excerpt(&"A".repeat(100_000), 40, "Who is it?").is_some());
    }

    #[test]
    fn what_does_not_fit_by_a_word_is_left_out() {
        assert_eq!(excerpt("harbour", 0, "harbour"), None);
    }
}
