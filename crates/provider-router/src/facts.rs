//! What rules can know of a request, each worked out at most once and only when asked for.

use std::cell::OnceCell;

use loquat_domain::{ItemContent, Part, ReasoningEffort, TenantId, TextFormat};
use loquat_provider::ChatRequest;

use crate::{Capabilities, Complexity, MetadataCondition};

/// Bytes of text a token, for prompts that nobody has counted: the middle of what languages have.
const BYTES_PER_TOKEN: usize = 4;

pub(crate) struct Facts<'a> {
    request: &'a ChatRequest,
    input_tokens: OnceCell<u32>,
    images: OnceCell<bool>,
    complexity: OnceCell<Complexity>,
}

impl<'a> Facts<'a> {
    pub(crate) const fn of(request: &'a ChatRequest) -> Self {
        Self {
            request,
            input_tokens: OnceCell::new(),
            images: OnceCell::new(),
            complexity: OnceCell::new(),
        }
    }

    pub(crate) const fn request(&self) -> &'a ChatRequest {
        self.request
    }

    pub(crate) fn tenant(&self) -> Option<&'a TenantId> {
        self.request.about.scope.as_ref().map(|scope| &scope.tenant)
    }

    pub(crate) fn input_tokens(&self) -> u32 {
        match self.request.about.input_tokens {
            0 => *self.input_tokens.get_or_init(|| estimate(&self.request.input)),
            counted => counted,
        }
    }

    pub(crate) const fn tools(&self) -> bool {
        !self.request.settings.tools.is_empty()
    }

    pub(crate) fn images(&self) -> bool {
        *self.images.get_or_init(|| {
            self.request.input.iter().any(|content| match content {
                ItemContent::Message(message) => {
                    message.parts.iter().any(|part| matches!(part, Part::Image { .. }))
                }
                _ => false,
            })
        })
    }

    pub(crate) const fn json_schema(&self) -> bool {
        matches!(self.request.settings.text_format, TextFormat::JsonSchema { .. })
    }

    pub(crate) fn thinks_at_least(&self, least: ReasoningEffort) -> bool {
        self.request.settings.reasoning_effort.is_some_and(|asked| rank(asked) >= rank(least))
    }

    pub(crate) fn carries(&self, condition: &MetadataCondition) -> bool {
        let found = self.request.about.metadata.pairs().get(&condition.key);
        found.is_some_and(|found| condition.value.as_ref().is_none_or(|value| value == found))
    }

    pub(crate) fn is_of_one_of(&self, tenants: &[TenantId]) -> bool {
        self.tenant().is_some_and(|tenant| tenants.contains(tenant))
    }

    pub(crate) fn complexity(&self) -> &Complexity {
        self.complexity.get_or_init(|| Complexity::of(self.request))
    }

    /// The complexity, if somebody has asked for it.
    pub(crate) fn known_complexity(&self) -> Option<&Complexity> {
        self.complexity.get()
    }

    /// What the request asks for that the model does not have.
    pub(crate) fn lacks(&self, can: Capabilities) -> Option<&'static str> {
        if !can.tools && self.tools() {
            Some("tools")
        } else if !can.json_schema && self.json_schema() {
            Some("json_schema")
        } else if !can.reasoning && self.thinks_at_least(ReasoningEffort::Minimal) {
            Some("reasoning")
        } else if !can.images && self.images() {
            Some("images")
        } else {
            None
        }
    }
}

/// Higher is harder.
pub(crate) const fn rank(effort: ReasoningEffort) -> u8 {
    match effort {
        ReasoningEffort::None => 0,
        ReasoningEffort::Minimal => 1,
        ReasoningEffort::Low => 2,
        ReasoningEffort::Medium => 3,
        ReasoningEffort::High => 4,
        ReasoningEffort::ExtraHigh => 5,
    }
}

fn estimate(input: &[ItemContent]) -> u32 {
    let bytes: usize = input.iter().flat_map(ItemContent::texts).map(str::len).sum();
    u32::try_from(bytes / BYTES_PER_TOKEN).unwrap_or(u32::MAX)
}
