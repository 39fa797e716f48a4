//! What a conversation remembers for its next prompt.

use loquat_domain::ItemId;
use serde::{Deserialize, Serialize};

/// What a conversation remembers for its next prompt, so that every process builds the same one.
/// Kept in the conversation's row as JSON, and changed by compare-and-set.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct State {
    /// Position of the first item of the window; `None` before the first eviction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub anchor: Option<i64>,
    /// Tokens down to which the window was cut then.
    #[serde(default)]
    pub cut_to: u32,
    /// When the window begins in the middle of a turn: the messages that the turn began with.
    #[serde(default, skip_serializing_if = "Vec::is_empty", with = "opening")]
    pub opening: Vec<ItemId>,
    /// How our count compares with the provider's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calibration: Option<Calibration>,
}

/// How an estimate of tokens compares with what the provider has reported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Calibration {
    /// The model that this is about.
    pub model: String,
    /// Provider's tokens for each of ours, in eighths: between a half and two. Quantised, so that
    /// it moves seldom.
    pub eighths: u8,
}

/// As many of the provider's tokens as of ours.
const EVEN: u8 = 8;
/// Half as many, twice as many.
const BOUNDS: (u64, u64) = (4, 16);
/// Short prompts tell little: their framing is a large part of them.
const SMALLEST_SAMPLE: u32 = 512;

impl State {
    /// The fewest of the provider's tokens for each of ours, in eighths.
    pub(crate) const SMALLEST_EIGHTHS: u8 = 4;
    /// The most.
    const LARGEST_EIGHTHS: u8 = 16;

    /// From its JSON; the state of a new conversation when that cannot be read: a window is found
    /// again, and a count is corrected again.
    pub fn from_json(json: &str) -> Self {
        serde_json::from_str(json).unwrap_or_default()
    }

    /// As JSON.
    pub fn to_json(&self) -> String {
        // Numbers and strings in structs cannot fail to be JSON.
        serde_json::to_string(self).unwrap_or_else(|_| "{}".to_owned())
    }

    /// The same for a branch that the window is not of: what is known of the provider's count.
    #[must_use]
    pub fn without_window(&self) -> Self {
        Self { calibration: self.calibration.clone(), ..Self::default() }
    }

    /// The same, if the window may begin in a history whose newest item is there; a history that ends
    /// before the anchor is that of a branch that left the conversation before the window.
    pub(crate) fn of_history(&self, newest: Option<i64>) -> Self {
        match (self.anchor, newest) {
            (Some(anchor), Some(newest)) if newest < anchor => self.without_window(),
            _ => self.clone(),
        }
    }

    /// Provider's tokens for each of ours, in eighths.
    pub(crate) fn eighths(&self, model: &str) -> u8 {
        let known = self.calibration.as_ref().filter(|it| it.model == model);
        known.map_or(EVEN, |it| it.eighths)
    }

    /// What it says about our count that the provider found a prompt too long; `None` when it was
    /// believed to count twice as many already.
    #[must_use]
    pub fn refused(&self, model: &str) -> Option<Self> {
        let before = self.eighths(model);
        let eighths = before.saturating_add(2).min(State::LARGEST_EIGHTHS);
        (eighths > before).then(|| self.with_eighths(model, eighths))
    }

    fn with_eighths(&self, model: &str, eighths: u8) -> Self {
        let calibration = Calibration { model: model.to_owned(), eighths };
        Self { calibration: Some(calibration), ..self.clone() }
    }

    /// What an answer's usage says about our count; `None` when it is nothing new.
    #[must_use]
    pub fn calibrated(&self, model: &str, counted: u32, reported: u32) -> Option<Self> {
        if counted < SMALLEST_SAMPLE || reported == 0 {
            return None;
        }
        let before = u64::from(self.eighths(model));
        let (counted, reported) = (u64::from(counted), u64::from(reported));
        // Rounded up: a prompt that is too short does less harm than one that is refused.
        let eighths = (reported * u64::from(EVEN)).div_ceil(counted).clamp(BOUNDS.0, BOUNDS.1);
        // Down by one step is within what two prompts differ by anyway; and no further down than by
        // one, because one that is too long is refused and teaches nothing.
        if eighths == before || eighths + 1 == before {
            return None;
        }
        let eighths = eighths.max(before - 1);
        Some(self.with_eighths(model, u8::try_from(eighths).unwrap_or(EVEN)))
    }
}

mod opening {
    use loquat_domain::ItemId;
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};
    use uuid::Uuid;

    pub(super) fn serialize<S: Serializer>(ids: &[ItemId], to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(ids.iter().map(|id| id.as_uuid().simple().to_string()))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<ItemId>, D::Error> {
        let texts = Vec::<String>::deserialize(from)?;
        let ids = texts.iter().map(|text| Uuid::try_parse(text).map(ItemId::from_uuid));
        ids.collect::<Result<_, _>>().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_survives_its_json() {
        let state = State {
            anchor: Some(7),
            cut_to: 3_072,
            opening: vec![ItemId::from_uuid(uuid::Uuid::from_u128(9))],
            calibration: Some(Calibration { model: "m".to_owned(), eighths: 9 }),
        };
        assert_eq!(State::from_json(&state.to_json()), state);
    }

    #[test]
    fn what_cannot_be_read_is_forgotten() {
        for json in ["", "{", "null", r#"{"anchor":"7"}"#] {
            assert_eq!(State::from_json(json), State::default());
        }
    }

    #[test]
    fn a_provider_that_counts_more_is_believed_at_once_and_one_that_counts_a_little_less_is_not() {
        let state = State::default();
        let more = state.calibrated("m", 1_000, 1_130).unwrap();
        assert_eq!(more.eighths("m"), 10);
        assert_eq!(more.calibrated("m", 1_000, 1_100), None);
        assert_eq!(more.calibrated("m", 1_000, 700).unwrap().eighths("m"), 9, "one step at a time");
        assert_eq!(more.eighths("another"), EVEN);
    }

    #[test]
    fn a_prompt_that_was_refused_is_shorter_the_next_time_until_it_is_half_as_long() {
        let mut state = State::default();
        let mut seen = vec![state.eighths("m")];
        while let Some(next) = state.refused("m") {
            seen.push(next.eighths("m"));
            state = next;
        }
        assert_eq!(seen, [8, 10, 12, 14, 16]);
    }

    #[test]
    fn nonsense_stays_within_bounds() {
        let state = State::default();
        assert_eq!(state.calibrated("m", 1_000, u32::MAX).unwrap().eighths("m"), 16);
        let mut low = state.clone();
        for _ in 0..20 {
            low = low.calibrated("m", u32::MAX, 1).unwrap_or(low);
        }
        assert!((4..=5).contains(&low.eighths("m")), "{low:?}");
        assert_eq!(state.calibrated("m", 10, 100), None);
    }
}
