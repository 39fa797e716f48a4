//! Text as models send it, which is not always text.
//!
//! A tokenizer may cut a character in two. Sent as JSON, that gives strings with half a surrogate
//! pair, which serde refuses as text; read as bytes they come as the three bytes that UTF-8 would
//! have for the half, if it allowed it. Here the halves are put together again.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{Error, Visitor},
};

/// A JSON string whose content may be no valid Unicode.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WireText<'a>(
    /// The string's bytes, with its escapes resolved.
    pub Cow<'a, [u8]>,
);

impl WireText<'_> {
    /// True when there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The whole string as text that every store can keep.
    pub fn into_text(self) -> String {
        let mut seam = Seam::default();
        let mut text = seam.push(self);
        text.extend(seam.close());
        text
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for WireText<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_bytes(TextVisitor)
    }
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = WireText<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_borrowed_bytes<E: Error>(self, bytes: &'de [u8]) -> Result<Self::Value, E> {
        Ok(WireText(Cow::Borrowed(bytes)))
    }

    fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Self::Value, E> {
        Ok(WireText(Cow::Owned(bytes.to_vec())))
    }
}

/// Where two pieces of one text meet.
#[derive(Debug, Default)]
pub struct Seam {
    /// A high half that ended the last piece and waits for its low half.
    high: Option<u32>,
}

impl Seam {
    /// The piece as valid text, with the half that the piece before it left over. Halves that stay
    /// alone, bytes that are no UTF-8, and NUL, which no store can keep, become U+FFFD.
    pub fn push(&mut self, piece: WireText<'_>) -> String {
        if self.high.is_some() {
            return self.mend(&piece.0);
        }
        match into_utf8(piece.0) {
            Ok(text) if text.contains('\0') => text.replace('\0', "\u{FFFD}"),
            Ok(text) => text,
            Err(bytes) => self.mend(&bytes),
        }
    }

    /// The end of the text: a half that still waits stays alone.
    pub fn close(&mut self) -> Option<char> {
        self.high.take().map(|_| char::REPLACEMENT_CHARACTER)
    }

    fn mend(&mut self, bytes: &[u8]) -> String {
        let mut text = String::with_capacity(bytes.len() + char::REPLACEMENT_CHARACTER.len_utf8());
        let mut rest = bytes;
        while !rest.is_empty() {
            rest = match split_half(rest) {
                Some((half, tail)) => {
                    self.half(half, &mut text);
                    tail
                }
                None => self.valid_run(rest, &mut text),
            };
        }
        text
    }

    /// Takes the valid text at the start, or else one run of invalid bytes; returns what follows.
    fn valid_run<'a>(&mut self, bytes: &'a [u8], text: &mut String) -> &'a [u8] {
        text.extend(self.close());
        let mut runs = bytes.utf8_chunks();
        let Some(run) = runs.next() else { return &[] };
        if run.valid().is_empty() {
            text.push(char::REPLACEMENT_CHARACTER);
            return bytes.get(run.invalid().len()..).unwrap_or_default();
        }
        text.extend(run.valid().chars().map(|c| if c == '\0' { '\u{FFFD}' } else { c }));
        bytes.get(run.valid().len()..).unwrap_or_default()
    }

    fn half(&mut self, half: u32, text: &mut String) {
        if half < LOW_HALVES {
            text.extend(self.close());
            self.high = Some(half);
        } else {
            let pair = self
                .high
                .take()
                .map(|high| 0x10000 + ((high - HIGH_HALVES) << 10) + (half - LOW_HALVES));
            text.push(pair.and_then(char::from_u32).unwrap_or(char::REPLACEMENT_CHARACTER));
        }
    }
}

/// The first code points of the two kinds of halves (Unicode 16, §3.8).
const HIGH_HALVES: u32 = 0xD800;
const LOW_HALVES: u32 = 0xDC00;

/// A half of a surrogate pair at the start of the bytes, in the three bytes that it would have.
fn split_half(bytes: &[u8]) -> Option<(u32, &[u8])> {
    match bytes {
        [0xED, second @ 0xA0..=0xBF, third @ 0x80..=0xBF, tail @ ..] => {
            let half = 0xD000 | (u32::from(second & 0x3F) << 6) | u32::from(third & 0x3F);
            Some((half, tail))
        }
        _ => None,
    }
}

fn into_utf8(bytes: Cow<'_, [u8]>) -> Result<String, Cow<'_, [u8]>> {
    match bytes {
        Cow::Borrowed(bytes) => {
            std::str::from_utf8(bytes).map(str::to_owned).map_err(|_| Cow::Borrowed(bytes))
        }
        Cow::Owned(bytes) => {
            String::from_utf8(bytes).map_err(|error| Cow::Owned(error.into_bytes()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The pieces, given as JSON strings, joined; each as the seam gave it.
    fn joined(pieces: &[&str]) -> Vec<String> {
        let mut seam = Seam::default();
        let mut texts: Vec<String> =
            pieces.iter().map(|json| seam.push(serde_json::from_str(json).unwrap())).collect();
        texts.push(seam.close().map(String::from).unwrap_or_default());
        texts
    }

    #[test]
    fn a_pair_split_over_two_pieces_is_one_character() {
        assert_eq!(joined(&[r#""a\ud83d""#, r#""\ude00b""#]), ["a", "\u{1F600}b", ""]);
    }

    #[test]
    fn an_empty_piece_between_the_halves_changes_nothing() {
        assert_eq!(joined(&[r#""\ud83d""#, r#""""#, r#""\ude00""#]), ["", "", "\u{1F600}", ""]);
    }

    #[test]
    fn a_lone_half_becomes_a_replacement_character_wherever_it_stands() {
        assert_eq!(joined(&[r#""a\ud83d""#]), ["a", "\u{FFFD}"]);
        assert_eq!(joined(&[r#""\ud83dx""#]), ["\u{FFFD}x", ""]);
        assert_eq!(joined(&[r#""\ud83d""#, r#""x""#]), ["", "\u{FFFD}x", ""]);
        assert_eq!(joined(&[r#""\ude00x""#]), ["\u{FFFD}x", ""]);
        assert_eq!(joined(&[r#""\ud83d\ud83d\ude00""#]), ["\u{FFFD}\u{1F600}", ""]);
        assert_eq!(joined(&[r#""\ud83d""#, r#""\ud83d""#]), ["", "\u{FFFD}", "\u{FFFD}"]);
    }

    #[test]
    fn a_whole_pair_and_every_other_scalar_stay_as_they_are() {
        let text = "é\u{301}\u{2028}\u{FFFE}\u{202E}\u{10FFFF}";
        assert_eq!(joined(&[&serde_json::to_string(text).unwrap()]), [text, ""]);
        assert_eq!(joined(&[r#""\ud83d\ude00""#]), ["\u{1F600}", ""]);
    }

    #[test]
    fn nul_becomes_a_replacement_character() {
        assert_eq!(joined(&[r#""a\u0000b""#]), ["a\u{FFFD}b", ""]);
        assert_eq!(joined(&[r#""\ud83d""#, r#""\u0000""#]), ["", "\u{FFFD}\u{FFFD}", ""]);
    }

    #[test]
    fn bytes_that_are_no_utf8_become_replacement_characters() {
        let mut seam = Seam::default();
        let text = seam.push(WireText(Cow::Borrowed(b"a\xFFb\xE2\x82c\xF0\x9F")));
        assert_eq!(text, "a\u{FFFD}b\u{FFFD}c\u{FFFD}");
    }
}
