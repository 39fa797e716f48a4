//! Texts that are too long.

use crate::TokenCounter;

/// The beginning of a text that has at most so many tokens, up to the end of a line or sentence.
pub fn shortened<'a>(text: &'a str, most: u32, counter: &dyn TokenCounter) -> &'a str {
    let mut text = text;
    loop {
        let tokens = counter.text(text);
        if tokens <= most || text.is_empty() {
            return text;
        }
        let share = u64::try_from(text.len()).unwrap_or(u64::MAX) * u64::from(most)
            / u64::from(tokens.max(1));
        let mut end = usize::try_from(share).unwrap_or(0).min(text.len().saturating_sub(1));
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let cut = text.get(..end).unwrap_or_default();
        let sentence = cut
            .rfind(['\n', '.', '。'])
            .map(|at| at + cut.get(at..).map_or(1, first_len))
            // Better half a sentence than nothing but a short one.
            .filter(|end| end * 2 >= cut.len());
        text = cut.get(..sentence.unwrap_or(end)).unwrap_or_default().trim_end();
    }
}

fn first_len(text: &str) -> usize {
    text.chars().next().map_or(0, char::len_utf8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Estimate;

    #[test]
    fn what_is_too_long_ends_with_a_sentence() {
        let text = "One is first. Two is second. Three is third.";
        assert_eq!(shortened(text, 9, &Estimate), "One is first. Two is second.");
        assert_eq!(shortened(text, 100, &Estimate), text);
        assert_eq!(shortened(text, 0, &Estimate), "");
        assert!(Estimate.text(shortened(&"é".repeat(500), 7, &Estimate)) <= 7);
    }
}
