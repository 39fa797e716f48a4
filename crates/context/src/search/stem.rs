//! English words without their endings, by the rules of Porter's second stemmer (Snowball
//! "english").
//!
//! Our own rather than a crate: stems are part of a segment's format, so that a change of rules in
//! a dependency would silently part old segments from new queries; and of the crates there are,
//! the one that is widely used has had no release since 2020, and the others bring thirty languages.

/// Removes what inflection and derivation have added.
///
/// The word is lower-case ASCII letters; anything else comes back as it is.
pub(super) fn stem(word: &str) -> String {
    if word.len() <= 2 || !word.bytes().all(|it| it.is_ascii_lowercase()) {
        return word.to_owned();
    }
    if let Some((_, stem)) = IRREGULAR.iter().find(|(whole, _)| *whole == word) {
        return (*stem).to_owned();
    }
    let mut stemmer = Stemmer::of(word);
    stemmer.plural();
    if !KEPT_AFTER_PLURAL.iter().any(|kept| stemmer.letters == kept.as_bytes()) {
        stemmer.past_and_gerund();
        stemmer.final_y();
        stemmer.long_suffixes();
        stemmer.shorter_suffixes();
        stemmer.bare_suffixes();
        stemmer.final_e_and_l();
    }
    stemmer.letters.iter().map(|it| char::from(it.to_ascii_lowercase())).collect()
}

/// Words that the rules would treat wrongly.
const IRREGULAR: [(&str, &str); 18] = [
    ("skis", "ski"),
    ("skies", "sky"),
    ("dying", "die"),
    ("lying", "lie"),
    ("tying", "tie"),
    ("idly", "idl"),
    ("gently", "gentl"),
    ("ugly", "ugli"),
    ("early", "earli"),
    ("only", "onli"),
    ("singly", "singl"),
    ("sky", "sky"),
    ("news", "news"),
    ("howe", "howe"),
    ("atlas", "atlas"),
    ("cosmos", "cosmos"),
    ("bias", "bias"),
    ("andes", "andes"),
];

const KEPT_AFTER_PLURAL: [&str; 8] =
    ["inning", "outing", "canning", "herring", "earring", "proceed", "exceed", "succeed"];

/// Beginnings after which the first region starts, though the general rule would place it earlier.
const LONG_BEGINNINGS: [&[u8]; 3] = [b"gener", b"commun", b"arsen"];

/// Suffixes with what takes their place, longest first; removed in the first region.
const LONG: [(&[u8], &[u8]); 22] = [
    (b"ational", b"ate"),
    (b"fulness", b"ful"),
    (b"iveness", b"ive"),
    (b"ization", b"ize"),
    (b"ousness", b"ous"),
    (b"biliti", b"ble"),
    (b"lessli", b"less"),
    (b"tional", b"tion"),
    (b"alism", b"al"),
    (b"aliti", b"al"),
    (b"ation", b"ate"),
    (b"entli", b"ent"),
    (b"fulli", b"ful"),
    (b"iviti", b"ive"),
    (b"ousli", b"ous"),
    (b"abli", b"able"),
    (b"alli", b"al"),
    (b"anci", b"ance"),
    (b"ator", b"ate"),
    (b"enci", b"ence"),
    (b"izer", b"ize"),
    (b"bli", b"ble"),
];

const SHORTER: [(&[u8], &[u8]); 8] = [
    (b"ational", b"ate"),
    (b"tional", b"tion"),
    (b"alize", b"al"),
    (b"icate", b"ic"),
    (b"iciti", b"ic"),
    (b"ical", b"ic"),
    (b"ness", b""),
    (b"ful", b""),
];

/// Suffixes that go from the second region, longest first.
const BARE: [&[u8]; 17] = [
    b"ement", b"able", b"ance", b"ence", b"ible", b"ment", b"ant", b"ate", b"ent", b"ism", b"iti",
    b"ive", b"ize", b"ous", b"al", b"er", b"ic",
];

/// A word on its way: a consonant `y` is small, one that is no vowel a capital.
struct Stemmer {
    letters: Vec<u8>,
    first_region: usize,
    second_region: usize,
}

const fn is_vowel(letter: u8) -> bool {
    matches!(letter, b'a' | b'e' | b'i' | b'o' | b'u' | b'y')
}

impl Stemmer {
    fn of(word: &str) -> Self {
        let mut letters = word.as_bytes().to_vec();
        let mut after_vowel = true;
        for letter in &mut letters {
            if *letter == b'y' && after_vowel {
                *letter = b'Y';
            }
            after_vowel = is_vowel(*letter);
        }
        let first_region = LONG_BEGINNINGS
            .iter()
            .find(|beginning| letters.starts_with(beginning))
            .map_or_else(|| region_from(&letters, 0), |beginning| beginning.len());
        let second_region = region_from(&letters, first_region);
        Self { letters, first_region, second_region }
    }

    fn ends_with(&self, suffix: &[u8]) -> bool {
        self.letters.ends_with(suffix)
    }

    /// The letter that many places before the end, counted from 1.
    fn letter_before_end(&self, back: usize) -> Option<u8> {
        self.letters.len().checked_sub(back).and_then(|at| self.letters.get(at)).copied()
    }

    fn stem_length(&self, suffix: &[u8]) -> usize {
        self.letters.len().saturating_sub(suffix.len())
    }

    fn has_vowel_before(&self, end: usize) -> bool {
        self.letters.iter().take(end).any(|letter| is_vowel(*letter))
    }

    fn replace(&mut self, suffix: &[u8], with: &[u8]) {
        self.letters.truncate(self.stem_length(suffix));
        self.letters.extend_from_slice(with);
    }

    fn in_first_region(&self, suffix: &[u8]) -> bool {
        self.stem_length(suffix) >= self.first_region
    }

    fn in_second_region(&self, suffix: &[u8]) -> bool {
        self.stem_length(suffix) >= self.second_region
    }

    /// Whether the first `length` letters end in a short syllable.
    fn short_syllable_at(&self, length: usize) -> bool {
        let letter =
            |back: usize| length.checked_sub(back).and_then(|at| self.letters.get(at)).copied();
        match (letter(3), letter(2), letter(1)) {
            (Some(before), Some(vowel), Some(after)) => {
                !is_vowel(before)
                    && is_vowel(vowel)
                    && !is_vowel(after)
                    && !matches!(after, b'w' | b'x' | b'Y')
            }
            (None, Some(vowel), Some(after)) => is_vowel(vowel) && !is_vowel(after),
            _ => false,
        }
    }

    fn plural(&mut self) {
        if self.ends_with(b"sses") {
            self.replace(b"es", b"");
        } else if self.ends_with(b"ied") || self.ends_with(b"ies") {
            let stays = if self.letters.len() > 4 { b"i".as_slice() } else { b"ie" };
            self.replace(b"ies", stays);
        } else if self.ends_with(b"s")
            && !self.ends_with(b"us")
            && !self.ends_with(b"ss")
            && self.has_vowel_before(self.letters.len().saturating_sub(2))
        {
            self.replace(b"s", b"");
        }
    }

    fn past_and_gerund(&mut self) {
        for suffix in [b"eedly".as_slice(), b"eed"] {
            if self.ends_with(suffix) {
                if self.in_first_region(suffix) {
                    self.replace(suffix, b"ee");
                }
                return;
            }
        }
        for suffix in [b"ingly".as_slice(), b"edly", b"ing", b"ed"] {
            if self.ends_with(suffix) {
                if self.has_vowel_before(self.stem_length(suffix)) {
                    self.replace(suffix, b"");
                    self.mend_end();
                }
                return;
            }
        }
    }

    /// Gives back the `e`, or takes the doubled consonant, that came with the removed ending.
    fn mend_end(&mut self) {
        if [b"at", b"bl", b"iz"].iter().any(|end| self.ends_with(*end)) {
            self.letters.push(b'e');
        } else if self.letter_before_end(1) == self.letter_before_end(2)
            && matches!(
                self.letter_before_end(1),
                Some(b'b' | b'd' | b'f' | b'g' | b'm' | b'n' | b'p' | b'r' | b't')
            )
        {
            self.letters.pop();
        } else if self.letters.len() <= self.first_region
            && self.short_syllable_at(self.letters.len())
        {
            self.letters.push(b'e');
        }
    }

    fn final_y(&mut self) {
        let is_y = matches!(self.letter_before_end(1), Some(b'y' | b'Y'));
        let after_consonant = self.letter_before_end(2).is_some_and(|it| !is_vowel(it));
        if is_y && after_consonant && self.letters.len() > 2 {
            self.replace(b"y", b"i");
        }
    }

    fn long_suffixes(&mut self) {
        if let Some((suffix, with)) = LONG.iter().find(|(suffix, _)| self.ends_with(suffix)) {
            if self.in_first_region(suffix) {
                self.replace(suffix, with);
            }
        } else if self.ends_with(b"ogi") {
            if self.in_first_region(b"ogi") && self.ends_with(b"logi") {
                self.replace(b"i", b"");
            }
        } else if self.ends_with(b"li")
            && self.in_first_region(b"li")
            && matches!(
                self.letter_before_end(3),
                Some(b'c' | b'd' | b'e' | b'g' | b'h' | b'k' | b'm' | b'n' | b'r' | b't')
            )
        {
            self.replace(b"li", b"");
        }
    }

    fn shorter_suffixes(&mut self) {
        if let Some((suffix, with)) = SHORTER.iter().find(|(suffix, _)| self.ends_with(suffix)) {
            if self.in_first_region(suffix) {
                self.replace(suffix, with);
            }
        } else if self.ends_with(b"ative") && self.in_second_region(b"ative") {
            self.replace(b"ative", b"");
        }
    }

    fn bare_suffixes(&mut self) {
        if let Some(suffix) = BARE.iter().find(|suffix| self.ends_with(suffix)) {
            if self.in_second_region(suffix) {
                self.replace(suffix, b"");
            }
        } else if (self.ends_with(b"sion") || self.ends_with(b"tion"))
            && self.in_second_region(b"ion")
        {
            self.replace(b"ion", b"");
        }
    }

    fn final_e_and_l(&mut self) {
        let without = self.letters.len().saturating_sub(1);
        let goes = if self.ends_with(b"e") {
            self.in_second_region(b"e")
                || self.in_first_region(b"e") && !self.short_syllable_at(without)
        } else {
            self.ends_with(b"ll") && self.in_second_region(b"l")
        };
        if goes {
            self.letters.pop();
        }
    }
}

/// Where the region begins that lies behind the first consonant after a vowel.
fn region_from(letters: &[u8], from: usize) -> usize {
    let mut after_vowel = false;
    for (at, &letter) in letters.iter().enumerate().skip(from) {
        if is_vowel(letter) {
            after_vowel = true;
        } else if after_vowel {
            return at.saturating_add(1);
        }
    }
    letters.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_of_a_word_share_a_stem() {
        for forms in [
            ["paint", "painting", "painted", "paints"],
            ["adopt", "adopted", "adopting", "adoption"],
            ["hope", "hoped", "hoping", "hopes"],
            ["hike", "hiking", "hiked", "hikes"],
            ["swim", "swimming", "swims", "swim"],
            ["party", "parties", "partying", "partied"],
            ["generous", "generously", "generous", "generous"],
            ["relate", "related", "relating", "relates"],
        ] {
            let stems = forms.map(stem);
            assert!(stems.iter().all(|it| *it == stems[0]), "{forms:?}: {stems:?}");
        }
    }

    /// Words with the stems that Snowball's published rules give them.
    #[test]
    fn stems_are_those_of_snowball() {
        for (word, expected) in [
            ("consistency", "consist"),
            ("consolation", "consol"),
            ("knavish", "knavish"),
            ("knitting", "knit"),
            ("kindness", "kind"),
            ("knocked", "knock"),
            ("dying", "die"),
            ("cries", "cri"),
            ("ties", "tie"),
            ("gas", "gas"),
            ("this", "this"),
            ("kiwis", "kiwi"),
            ("agreed", "agre"),
            ("feed", "feed"),
            ("sky", "sky"),
            ("boy", "boy"),
            ("by", "by"),
            ("sensational", "sensat"),
            ("theologically", "theolog"),
            ("generically", "generic"),
            ("communication", "communic"),
            ("roll", "roll"),
            ("controlling", "control"),
            ("outing", "outing"),
            ("luxuriating", "luxuri"),
            ("hopping", "hop"),
            ("bed", "bed"),
            ("shred", "shred"),
            ("yell", "yell"),
            ("employment", "employ"),
            ("happiness", "happi"),
            ("quickly", "quick"),
        ] {
            assert_eq!(stem(word), expected, "{word}");
        }
    }

    #[test]
    fn what_is_no_english_word_stays() {
        for word in ["", "a", "größe", "gpt4", "Loud"] {
            assert_eq!(stem(word), word);
        }
    }
}
