//! How much of a conversation a model shall see.

/// How much of a conversation a model shall see. Plain data: it is named in configuration and
/// requests, and any two of its parts can be combined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// The most tokens that a prompt may have, where that is less than the model's own limit.
    pub max_input: Option<u32>,
    /// Which part of the conversation is sent as it is.
    pub window: Window,
    /// What is fetched back of the part that is not.
    pub recall: Option<Recall>,
    /// The most tokens of a summary of the part that is not; `None` for no summary.
    pub summary: Option<u32>,
}

/// Which part of a conversation is sent as it is: always its newest turns, whole and without a gap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Window {
    /// It grows until it has more than `high` tokens; then its oldest turns leave, down to `low`.
    /// In between, each prompt continues the one before byte for byte, which is what a provider's
    /// cache asks for.
    Marks {
        /// The most tokens that it may have.
        high: u32,
        /// The most tokens that it has afterwards. Where there is no room for `high`, both are less
        /// in proportion.
        low: u32,
    },
    /// The last messages, this many at most.
    Last(u32),
}

/// What is fetched back of the part of a conversation that has left the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recall {
    /// The most tokens that it may have.
    pub max_tokens: u32,
    /// The most that it may have of the room for a conversation, in percent.
    pub max_share: u8,
    /// What scores less than this part of the best, in percent, stays out.
    pub min_share: u8,
    /// The most tokens of one message; of a longer one the part that matches best is quoted.
    pub max_message: u32,
    /// True to say on which day each was said, which costs some 7 tokens a day.
    pub dated: bool,
    /// When to look for something.
    pub gate: Gate,
}

/// When to look for something in what has left the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gate {
    /// When the new message asks for something or refers to what was, with at least two words that
    /// the conversation knows.
    Asking,
    /// Whenever the new message has a word that the conversation knows.
    Known,
}

/// On long dialogues of two people, what scores at least 0.4 of the best has 89 of the 92 points of
/// recall that all of it has, for 42 % of its tokens.
const MIN_SHARE: u8 = 40;

impl Policy {
    /// Cheap: a window of 3,072 tokens at most, half of it after an eviction, and up to 1,024 tokens
    /// fetched back.
    pub const fn economy() -> Self {
        Self {
            max_input: None,
            window: Window::Marks { high: 3_072, low: 1_536 },
            recall: Some(Recall::of(1_024)),
            summary: Some(512),
        }
    }

    /// The default: a window of 6,144 tokens at most, half of it after an eviction, and up to 2,048
    /// tokens fetched back.
    pub const fn balanced() -> Self {
        Self {
            max_input: None,
            window: Window::Marks { high: 6_144, low: 3_072 },
            recall: Some(Recall::of(2_048)),
            summary: Some(512),
        }
    }

    /// Everything, as long as the model can take it.
    pub const fn full() -> Self {
        Self {
            max_input: None,
            window: Window::Marks { high: u32::MAX, low: u32::MAX / 2 },
            recall: Some(Recall::of(2_048)),
            summary: Some(512),
        }
    }

    /// The last messages and nothing else.
    pub const fn last(messages: u32) -> Self {
        Self { max_input: None, window: Window::Last(messages), recall: None, summary: None }
    }

    /// The preset of that name: `economy`, `balanced` or `full`.
    pub fn preset(name: &str) -> Option<Self> {
        match name {
            "economy" => Some(Self::economy()),
            "balanced" => Some(Self::balanced()),
            "full" => Some(Self::full()),
            _ => None,
        }
    }

    /// The tokens down to which a window is cut with a model of this size. What was cut for less is
    /// no window of this policy.
    pub(crate) fn cut_to(&self, context_window: u32) -> u32 {
        match self.window {
            Window::Marks { low, .. } => low.min(context_window / 2),
            Window::Last(_) => 0,
        }
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self::balanced()
    }
}

impl Recall {
    /// Up to this many tokens, a quarter of the room at most, when the new message asks for it.
    pub const fn of(max_tokens: u32) -> Self {
        Self {
            max_tokens,
            max_share: 25,
            min_share: MIN_SHARE,
            max_message: 384,
            dated: true,
            gate: Gate::Asking,
        }
    }
}
