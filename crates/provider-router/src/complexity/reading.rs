//! What can be seen in a text at one reading.

use std::{borrow::Cow, sync::LazyLock};

use aho_corasick::AhoCorasick;

use super::words::{Cue, WORDS};

/// How much of a text is read: its first and its last bytes. What is asked stands at the beginning or
/// at the end; what is in between is material.
const FIRST: usize = 4 * 1_024;
const LAST: usize = 2 * 1_024;

/// How far the opening of a text goes, in letters, where it says what kind of thing it asks for.
const OPENING: usize = 90;

/// A Chinese or Japanese character says as much as so many letters.
const LETTERS_PER_IDEOGRAPH: usize = 3;

/// What a text shows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Reading {
    /// Its length in letters, of which an ideograph counts three; code is left out.
    pub(super) letters: usize,
    /// Bytes of code in fences.
    pub(super) code: usize,
    /// Signs of code outside of fences.
    pub(super) code_signs: usize,
    /// Signs that mathematics uses and other texts do not.
    pub(super) maths_signs: usize,
    /// Marks of a question.
    pub(super) questions: usize,
    /// Numbered or marked items of a list.
    pub(super) items: usize,
    /// Numbers.
    pub(super) numbers: usize,
    /// Different words of each cue.
    cues: [usize; CUES],
    /// Of those, in the opening.
    opening: [usize; CUES],
}

const CUES: usize = WORDS.len();

impl Reading {
    pub(super) fn of(text: &str) -> Self {
        let mut reading = Self::default();
        let text = text.trim();
        if let Some((first, last)) = ends(text) {
            reading.read(first);
            let opening = reading.opening;
            reading.read(last);
            reading.opening = opening;
            reading.letters = reading.letters.max(text.len() / 2);
        } else {
            reading.read(text);
        }
        reading
    }

    pub(super) fn cues(&self, cue: Cue) -> usize {
        index(cue).and_then(|at| self.cues.get(at)).copied().unwrap_or_default()
    }

    /// Different words of a cue in the opening.
    pub(super) fn opening(&self, cue: Cue) -> usize {
        index(cue).and_then(|at| self.opening.get(at)).copied().unwrap_or_default()
    }

    fn read(&mut self, text: &str) {
        // Every second piece is code.
        for (at, piece) in text.split("```").enumerate() {
            if at % 2 == 1 { self.code += piece.len().max(1) } else { self.read_prose(piece) }
        }
        self.find_words(&without_quotations(text).to_lowercase());
    }

    fn read_prose(&mut self, text: &str) {
        let mut before = '\n';
        let mut line_start = true;
        let mut chars = text.chars().peekable();
        while let Some(char) = chars.next() {
            let next = chars.peek().copied().unwrap_or('\n');
            self.letters += if is_ideograph(char) { LETTERS_PER_IDEOGRAPH } else { 1 };
            match char {
                '?' | '？' | '؟' => self.questions += 1,
                '`' => self.code_signs += 1,
                '{' | '}' | ';' if next == '\n' => self.code_signs += 1,
                '-' | '=' if next == '>' => self.code_signs += 1,
                ':' if next == ':' => self.code_signs += 1,
                '(' if next == ')' => self.code_signs += 1,
                '-' | '*' | '•' if line_start && next == ' ' => self.items += 1,
                '.' | ')' | '、' if before.is_ascii_digit() && (next == ' ' || char == '、') => {
                    self.items += 1;
                }
                '^' | '√' | '∫' | '∑' | '∏' | '≤' | '≥' | '≠' | '∞' | '∈' | '∀' | '∃' | '→'
                | '²' | '³' | '×' | '…' | 'ℝ' | '\\' => self.maths_signs += 1,
                '=' if next != '=' && before != '=' => self.maths_signs += 1,
                '\'' if next == '\'' => self.maths_signs += 1,
                _ => {}
            }
            if char.is_ascii_digit() && !before.is_ascii_digit() {
                self.numbers += 1;
            }
            line_start = char == '\n' || (line_start && char == ' ');
            before = char;
        }
    }

    fn find_words(&mut self, text: &str) {
        let mut seen = Vec::with_capacity(16);
        let opening = opening(text);
        for found in MATCHER.words.find_overlapping_iter(text) {
            let Some(word) = MATCHER.kinds.get(found.pattern().as_usize()) else { continue };
            let is_whole = (word.is_anywhere || starts_word(text, found.start()))
                && (word.is_open || ends_word(text, found.end()));
            if !is_whole || seen.contains(&found.pattern()) {
                continue;
            }
            seen.push(found.pattern());
            if let Some(count) = self.cues.get_mut(word.cue) {
                *count += 1;
            }
            if let Some(count) = self.opening.get_mut(word.cue)
                && found.start() < opening
            {
                *count += 1;
            }
        }
    }
}

/// Quotations are what is spoken about, not what is asked.
fn without_quotations(text: &str) -> Cow<'_, str> {
    if !text.contains(['"', '“', '„', '«', '「', '”']) {
        return Cow::Borrowed(text);
    }
    let mut asked = String::with_capacity(text.len());
    let mut until = None;
    for char in text.chars() {
        match (until, char) {
            (Some(end), _) if char == end || char == '\n' => until = None,
            (Some(_), _) => continue,
            (None, '"') => until = Some('"'),
            (None, '“') => until = Some('”'),
            (None, '„') => until = Some('“'),
            (None, '«') => until = Some('»'),
            (None, '「') => until = Some('」'),
            (None, _) => {}
        }
        asked.push(char);
    }
    Cow::Owned(asked)
}

fn index(cue: Cue) -> Option<usize> {
    WORDS.iter().position(|(other, _)| *other == cue)
}

/// The parts of a text that are read, when that is not the whole.
fn ends(text: &str) -> Option<(&str, &str)> {
    if text.len() <= FIRST + LAST {
        return None;
    }
    let first = text.get(..text.floor_char_boundary(FIRST))?;
    let last = text.get(text.ceil_char_boundary(text.len() - LAST)..)?;
    Some((first, last))
}

/// Where a text's opening ends, in bytes.
fn opening(text: &str) -> usize {
    let mut letters = 0;
    for (at, char) in text.char_indices() {
        letters += if is_ideograph(char) { LETTERS_PER_IDEOGRAPH } else { 1 };
        if letters > OPENING {
            return at;
        }
    }
    text.len()
}

/// Of languages that do not part words, and Hangul, whose syllables say as much.
const fn is_ideograph(char: char) -> bool {
    matches!(char, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{ac00}'..='\u{d7af}')
}

fn starts_word(text: &str, at: usize) -> bool {
    let before = text.get(..at).and_then(|text| text.chars().next_back());
    before.is_none_or(|char| !char.is_alphanumeric())
}

fn ends_word(text: &str, at: usize) -> bool {
    let after = text.get(at..).and_then(|text| text.chars().next());
    after.is_none_or(|char| !char.is_alphanumeric())
}

struct Matcher {
    words: AhoCorasick,
    kinds: Vec<Word>,
}

struct Word {
    /// Where its cue stands in [`WORDS`].
    cue: usize,
    /// It may begin within other characters.
    is_anywhere: bool,
    /// More letters may follow.
    is_open: bool,
}

/// Made at the first look; takes about a millisecond.
static MATCHER: LazyLock<Matcher> = LazyLock::new(|| {
    let (mut patterns, mut kinds) = (Vec::new(), Vec::new());
    for (cue, (_, lines)) in WORDS.iter().enumerate() {
        for word in lines.iter().flat_map(|line| line.split('|')) {
            let stem = word.trim_end_matches('*');
            let is_anywhere = stem.chars().next().is_none_or(is_ideograph);
            let is_open = is_anywhere || stem.len() < word.len();
            patterns.push(stem);
            kinds.push(Word { cue, is_anywhere, is_open });
        }
    }
    // Plain words of this crate, far below any limit of the matcher: it can always be built, and the
    // empty one finds nothing.
    let words = AhoCorasick::new(patterns).or_else(|_| AhoCorasick::new([""; 0]));
    #[expect(clippy::expect_used, reason = "an empty list of words has no limit to exceed")]
    let words = words.expect("a matcher of no words");
    Matcher { words, kinds }
});
