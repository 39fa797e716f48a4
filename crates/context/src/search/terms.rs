//! What a text is about, word by word.
//!
//! A word is a run of letters and digits of any script; it is made lower case and loses its
//! diacritics (*Café*, *café* and *cafe* are one) and, in ASCII, its English endings. Scripts that
//! do not part their words (Han, kana, Hangul, Thai and its neighbours) give pairs of characters
//! instead. Numbers stay, without leading zeros, ordinal endings and separators of thousands.
//! A term is kept as a hash of 32 bits: no words are at rest in an index, and two of ten thousand
//! terms of a vocabulary are the same once in a hundred conversations, which costs a wrong match.

use unicode_normalization::{UnicodeNormalization as _, char::is_combining_mark};

use super::{
    stem::stem,
    stop_words::{is_also_a_name, is_stop_word},
};

/// A term, as it is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Term(pub(super) u32);

/// Keeps what was said and who said it apart.
const SAID: u8 = 0;
const AUTHOR: u8 = 1;

impl Term {
    /// The term of a word that was made lower case.
    pub(super) fn said(word: &str) -> Self {
        Self(hash(SAID, &stem(word)))
    }

    fn author(word: &str) -> Self {
        Self(hash(AUTHOR, word))
    }
}

/// A word that a text has, with what it would be as an author's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Spoken {
    pub(super) term: Term,
    pub(super) as_author: Term,
}

/// Calls `each` with the words of a text, in order, stop words left out.
pub(super) fn spoken(text: &str, mut each: impl FnMut(Spoken)) {
    words(text, |word| {
        if word.is_meaningful() {
            let term = Term::said(&word.folded);
            each(Spoken { term, as_author: Term::author(&word.folded) });
        }
    });
}

/// The terms of an author's name, stop words among them (*Will* is a name).
pub(super) fn authors(name: &str, mut each: impl FnMut(Term)) {
    words(name, |word| each(Term::author(&word.folded)));
}

/// Whether a text asks something, in whatever script.
pub(super) fn has_question_mark(text: &str) -> bool {
    // The Greek question mark U+037E; its look-alike, the semicolon, asks nothing elsewhere.
    text.contains(['?', '？', '؟', '\u{37E}', '⁇', '⁈'])
}

/// A word as it was found.
#[derive(Debug)]
pub(super) struct Word {
    /// Lower case, without diacritics.
    pub(super) folded: String,
    /// Written like a name: a capital inside a sentence.
    name_like: bool,
    /// It stands at the beginning of the text or of a sentence.
    pub(super) starts_sentence: bool,
}

impl Word {
    fn is_meaningful(&self) -> bool {
        !is_stop_word(&self.folded) || self.name_like && is_also_a_name(&self.folded)
    }
}

/// Calls `each` with all words of a text, in order.
pub(super) fn words(text: &str, each: impl FnMut(Word)) {
    let mut reader = Reader { each, run: String::new(), starts_sentence: true };
    let mut unspaced: Option<char> = None;
    let mut alone = false;
    let mut chars = text.chars().peekable();
    while let Some(char) = chars.next() {
        if is_unspaced(char) {
            reader.end_run();
            if let Some(before) = unspaced {
                reader.pair(&[before, char]);
                alone = false;
            } else {
                alone = true;
            }
            unspaced = Some(char);
            continue;
        }
        if let Some(single) = unspaced.take()
            && alone
        {
            reader.pair(&[single]);
        }
        let in_number = matches!(char, '.' | ',' | ':')
            && reader.run.ends_with(|it: char| it.is_ascii_digit())
            && reader.run.starts_with(|it: char| it.is_ascii_digit())
            && chars.peek().is_some_and(char::is_ascii_digit);
        if char.is_alphanumeric() || is_combining_mark(char) {
            reader.run.push(char);
        } else if matches!(char, '\'' | '’' | 'ʼ' | '`') && !reader.run.is_empty() {
            reader.run.push('\'');
        } else if in_number {
            if char != ',' {
                reader.run.push(char);
            }
        } else {
            reader.end_run();
            if matches!(char, '.' | '!' | '?' | '\n' | '。' | '！' | '？' | '…' | '¿' | '¡')
            {
                reader.starts_sentence = true;
            }
        }
    }
    if let Some(single) = unspaced
        && alone
    {
        reader.pair(&[single]);
    }
    reader.end_run();
}

struct Reader<F> {
    each: F,
    run: String,
    starts_sentence: bool,
}

impl<F: FnMut(Word)> Reader<F> {
    fn end_run(&mut self) {
        if self.run.is_empty() {
            return;
        }
        let run = std::mem::take(&mut self.run);
        let bare = run.trim_end_matches('\'');
        // "don't", "isn't": all of them are function words.
        if bare.len() > 3 && (bare.ends_with("n't") || bare.ends_with("N'T")) {
            self.starts_sentence = false;
        } else {
            for (at, part) in bare.split('\'').enumerate() {
                let clitic = at > 0
                    && ["s", "m", "d", "re", "ve", "ll", "em"]
                        .iter()
                        .any(|ending| part.eq_ignore_ascii_case(ending));
                if !clitic && !part.is_empty() {
                    self.word(part);
                }
            }
        }
        self.run = run;
        self.run.clear();
    }

    fn word(&mut self, raw: &str) {
        let starts_sentence = std::mem::replace(&mut self.starts_sentence, false);
        let name_like = raw == "US"
            || !starts_sentence
                && raw.chars().next().is_some_and(char::is_uppercase)
                && raw.chars().nth(1).is_some_and(char::is_lowercase)
                && raw != "Us";
        let folded = fold(raw);
        if !folded.is_empty() {
            (self.each)(Word { folded, name_like, starts_sentence });
        }
    }

    fn pair(&mut self, chars: &[char]) {
        let starts_sentence = std::mem::replace(&mut self.starts_sentence, false);
        let folded = chars.iter().collect::<String>().nfkc().collect();
        (self.each)(Word { folded, name_like: false, starts_sentence });
    }
}

/// Lower case, without diacritics and, in numbers, without what does not change their value.
pub(super) fn fold(raw: &str) -> String {
    let folded: String = if raw.is_ascii() {
        raw.to_ascii_lowercase()
    } else {
        let lower = raw.to_lowercase();
        lower.nfkd().filter(|it| !is_diacritic(*it)).nfc().map(Letter::of).fold(
            String::with_capacity(raw.len()),
            |mut folded, letter| {
                match letter {
                    Letter::One(char) => folded.push(char),
                    Letter::Two(chars) => folded.push_str(chars),
                }
                folded
            },
        )
    };
    if folded.starts_with(|it: char| it.is_ascii_digit()) { plain_number(folded) } else { folded }
}

/// A letter, or what is written for it where it is not to be had.
enum Letter {
    One(char),
    Two(&'static str),
}

impl Letter {
    /// Letters whose stroke or form is no diacritic to Unicode.
    const fn of(char: char) -> Self {
        match char {
            'ß' => Self::Two("ss"),
            'æ' => Self::Two("ae"),
            'œ' => Self::Two("oe"),
            'þ' => Self::Two("th"),
            'ø' => Self::One('o'),
            'ł' => Self::One('l'),
            'đ' | 'ð' => Self::One('d'),
            'ħ' => Self::One('h'),
            'ı' => Self::One('i'),
            'ς' => Self::One('σ'),
            char => Self::One(char),
        }
    }
}

fn plain_number(number: String) -> String {
    let digits = number.trim_end_matches(|it: char| it.is_ascii_lowercase());
    let ending = number.strip_prefix(digits).unwrap_or_default();
    let kept = if matches!(ending, "st" | "nd" | "rd" | "th") { digits } else { number.as_str() };
    let significant = kept.trim_start_matches('0');
    if significant.starts_with(|it: char| it.is_ascii_digit()) {
        significant.to_owned()
    } else if significant.len() < kept.len() {
        format!("0{significant}")
    } else {
        number
    }
}

/// Marks that leave the word the same word without them: those of Latin, Greek and Cyrillic, and
/// the points of Hebrew and Arabic. Vowel signs of Indian scripts are letters to a reader.
const fn is_diacritic(char: char) -> bool {
    matches!(char,
        '\u{300}'..='\u{36F}'
        | '\u{591}'..='\u{5C7}'
        | '\u{610}'..='\u{61A}'
        | '\u{640}'
        | '\u{64B}'..='\u{65F}'
        | '\u{670}')
}

/// Scripts that put no spaces between words, and Hangul, whose words end in particles.
const fn is_unspaced(char: char) -> bool {
    matches!(char,
        '\u{E00}'..='\u{EFF}'
        | '\u{1000}'..='\u{109F}'
        | '\u{1100}'..='\u{11FF}'
        | '\u{1780}'..='\u{17FF}'
        | '\u{3005}'..='\u{3007}'
        | '\u{3041}'..='\u{309F}'
        | '\u{30A1}'..='\u{30FA}'
        | '\u{30FC}'..='\u{318F}'
        | '\u{3400}'..='\u{4DBF}'
        | '\u{4E00}'..='\u{9FFF}'
        | '\u{AC00}'..='\u{D7AF}'
        | '\u{F900}'..='\u{FAFF}'
        | '\u{FF66}'..='\u{FF9F}'
        | '\u{20000}'..='\u{3134F}')
}

/// FNV-1a with the finaliser of `MurmurHash3`. Part of a segment's format.
fn hash(kind: u8, text: &str) -> u32 {
    let mut hash = 0x811C_9DC5_u32;
    for byte in std::iter::once(kind).chain(text.bytes()) {
        hash = (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
    }
    hash = (hash ^ (hash >> 16)).wrapping_mul(0x85EB_CA6B);
    hash = (hash ^ (hash >> 13)).wrapping_mul(0xC2B2_AE35);
    hash ^ (hash >> 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folded(text: &str) -> Vec<String> {
        let mut found = Vec::new();
        words(text, |word| {
            if word.is_meaningful() {
                found.push(word.folded);
            }
        });
        found
    }

    #[test]
    fn stop_words_and_contractions_are_left_out() {
        assert_eq!(
            folded("I don't think she's been to Caroline's house, has she?"),
            ["think", "caroline", "house"]
        );
    }

    #[test]
    fn case_and_diacritics_make_no_difference() {
        assert_eq!(
            folded("CAFÉ Größe Łódź İstanbul ﬁne"),
            ["cafe", "grosse", "lodz", "istanbul", "fine"]
        );
        assert_eq!(folded("Ёлка λόγος"), ["елка", "λογοσ"]);
    }

    #[test]
    fn numbers_and_dates_are_terms() {
        assert_eq!(
            folded("On the 3rd of May 2023 at 10:30 I paid 1,500.50 for 007"),
            ["3", "may", "2023", "10:30", "paid", "1500.50", "7"]
        );
        assert_eq!(folded("2023-05-07, 0 and 0.5"), ["2023", "5", "7", "0", "0.5"]);
    }

    #[test]
    fn a_function_word_that_is_written_like_a_name_stays() {
        assert_eq!(folded("May I? Will you ask Will about the US"), ["ask", "will", "us"]);
    }

    #[test]
    fn scripts_without_spaces_give_pairs() {
        assert_eq!(folded("今天天气 GPT4 猫"), ["今天", "天天", "天气", "gpt4", "猫"]);
        assert_eq!(folded("한국어"), ["한국", "국어"]);
    }

    #[test]
    fn elisions_are_parted() {
        assert_eq!(folded("l’école aujourd'hui"), ["ecole", "aujourd", "hui"]);
    }

    #[test]
    fn authors_and_words_are_different_terms() {
        let mut author = Vec::new();
        authors("Will Smith", |term| author.push(term));
        assert_eq!(author.len(), 2);
        assert_ne!(author[1], Term::said("smith"));
        assert_eq!(author[1], Term::author("smith"));
    }

    #[test]
    fn hashes_never_change() {
        assert_eq!(Term::said("painting"), Term::said("paint"));
        assert_eq!(Term::said("paint"), Term(hash(SAID, "paint")));
        assert_eq!((hash(SAID, "paint"), hash(AUTHOR, "paint")), (3_879_186_590, 1_949_766_321));
    }
}
