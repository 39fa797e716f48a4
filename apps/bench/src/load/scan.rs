//! Finds the mock's tokens in an answer's text.

/// Digits of a timestamp in microseconds since 1970.
const STAMP_DIGITS: u32 = 16;

/// What came with one read from the socket.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Arrived {
    /// Tokens whose end came.
    pub(super) tokens: u64,
    /// Events, of whatever kind.
    pub(super) events: u64,
    /// Whether any text came.
    pub(super) text: bool,
    /// The timestamps of those tokens that have one.
    pub(super) stamps: Vec<u64>,
}

impl Arrived {
    /// Forgets it, and keeps the memory.
    pub(super) fn clear(&mut self) {
        let mut stamps = std::mem::take(&mut self.stamps);
        stamps.clear();
        *self = Self { stamps, ..Self::default() };
    }
}

/// Reads tokens out of text that may be cut anywhere: each ends in its only space, and a timestamp
/// is 16 digits at its beginning.
#[derive(Debug, Default)]
pub(super) struct TokenScanner {
    value: u64,
    digits: u32,
    /// The digits have ended and the rest of the token is filling.
    filling: bool,
}

impl TokenScanner {
    pub(super) fn feed(&mut self, text: &[u8], arrived: &mut Arrived) {
        arrived.text |= !text.is_empty();
        for &byte in text {
            match byte {
                b' ' => {
                    arrived.tokens += 1;
                    if self.digits == STAMP_DIGITS {
                        arrived.stamps.push(self.value);
                    }
                    *self = Self::default();
                }
                b'0'..=b'9' if !self.filling && self.digits <= STAMP_DIGITS => {
                    self.value = self.value * 10 + u64::from(byte - b'0');
                    self.digits += 1;
                }
                _ => self.filling = true,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_found_wherever_the_text_is_cut() {
        let text = b"1790000000123456 1790000000123457xx 00042 17900000001234561 ";
        for at in 0..=text.len() {
            let (front, back) = text.split_at(at);
            let (mut scanner, mut arrived) = (TokenScanner::default(), Arrived::default());
            scanner.feed(front, &mut arrived);
            scanner.feed(back, &mut arrived);
            assert_eq!(arrived.tokens, 4, "cut at {at}");
            assert_eq!(arrived.stamps, [1_790_000_000_123_456, 1_790_000_000_123_457]);
        }
    }

    #[test]
    fn a_token_counts_when_it_has_ended() {
        let (mut scanner, mut arrived) = (TokenScanner::default(), Arrived::default());
        scanner.feed(b"0004", &mut arrived);
        assert_eq!((arrived.tokens, arrived.text), (0, true));
        arrived.clear();
        assert_eq!(arrived, Arrived::default());
    }
}
