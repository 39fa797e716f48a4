//! In what Anthropic's models differ on the wire.

/// What a model understands of thinking and sampling (Anthropic's model and migration pages,
/// read in November 2026).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Generation {
    /// Up to 4.5: thinks within a budget of tokens, and takes sampling when it does not think.
    Budget,
    /// 4.6: thinks as much as it finds right, guided by an effort, and takes sampling when it does
    /// not think.
    Effort,
    /// From 4.7: thinks like [`Generation::Effort`], and refuses all sampling.
    EffortOnly,
}

impl Generation {
    /// The generation of the model with this name, as Anthropic and those who resell it write names.
    /// A name that tells nothing is taken for one of the newest.
    pub fn of(model: &str) -> Self {
        const BUDGET: [&str; 12] = [
            "claude-2",
            "claude-3",
            "claude-instant",
            // The fourth generation's dated names have no second number.
            "claude-opus-4-2",
            "claude-sonnet-4-2",
            "claude-opus-4-0",
            "claude-sonnet-4-0",
            "claude-opus-4-1",
            "claude-opus-4-5",
            "claude-sonnet-4-5",
            "claude-haiku-4-5",
            "claude-v2",
        ];
        const EFFORT: [&str; 2] = ["claude-opus-4-6", "claude-sonnet-4-6"];
        let model = model.to_ascii_lowercase().replace('.', "-");
        let is_of = |names: &[&str]| names.iter().any(|name| model.contains(name));
        if is_of(&BUDGET) {
            Self::Budget
        } else if is_of(&EFFORT) {
            Self::Effort
        } else {
            Self::EffortOnly
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_s_name_tells_its_generation() {
        for (model, generation) in [
            ("claude-3-5-haiku-20241022", Generation::Budget),
            ("claude-opus-4-20250514", Generation::Budget),
            ("claude-sonnet-4-5-20250929", Generation::Budget),
            ("anthropic/claude-opus-4.5", Generation::Budget),
            ("us.anthropic.claude-haiku-4-5-20251001-v1:0", Generation::Budget),
            ("claude-opus-4-6", Generation::Effort),
            ("anthropic/claude-sonnet-4.6", Generation::Effort),
            ("claude-opus-4-7", Generation::EffortOnly),
            ("claude-opus-4-8", Generation::EffortOnly),
            ("claude-opus-5", Generation::EffortOnly),
            ("claude-sonnet-5", Generation::EffortOnly),
            ("whatever", Generation::EffortOnly),
        ] {
            assert_eq!(Generation::of(model), generation, "{model}");
        }
    }
}
