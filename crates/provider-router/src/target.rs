//! Who may be asked.

use std::{fmt, sync::Arc};

use loquat_domain::{Price, TenantId};

use crate::Upstream;

/// A configured model at its provider.
#[derive(Clone)]
pub struct Target {
    /// Its configured name, by which rules, receipts and the memory know it.
    pub model: String,
    /// Who runs it.
    pub upstream: Arc<Upstream>,
    /// Its name at its provider.
    pub upstream_model: String,
    /// Prompt and answer together, in tokens.
    pub context_window: u32,
    /// The longest answer, in tokens.
    pub max_output_tokens: u32,
    /// What it costs.
    pub price: Price,
    /// Who may use it; `None` for everybody.
    pub tenants: Option<Vec<TenantId>>,
    /// What it can do.
    pub capabilities: Capabilities,
}

impl Target {
    /// Whether it may be asked on behalf of this tenant, or of nobody.
    pub(crate) fn is_for(&self, tenant: Option<&TenantId>) -> bool {
        let tenants = self.tenants.as_ref();
        tenants.is_none_or(|tenants| tenant.is_some_and(|tenant| tenants.contains(tenant)))
    }
}

/// What a model can do beside answering in text. A request that asks for what a model cannot do is
/// never sent to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a line of the configuration")]
pub struct Capabilities {
    /// Ask for functions.
    pub tools: bool,
    /// See images.
    pub images: bool,
    /// Answer in JSON that follows a schema.
    pub json_schema: bool,
    /// Think for as long as it is told to.
    pub reasoning: bool,
}

impl Default for Capabilities {
    /// Everything: a model of which nothing is said is asked for everything.
    fn default() -> Self {
        Self { tools: true, images: true, json_schema: true, reasoning: true }
    }
}

/// One place in a chain: a model, or several that stand for one and share its conversations by
/// weight.
///
/// Every process finds the same order for a conversation, so that it stays where its beginning is
/// cached; when a replica goes, only its own conversations move.
#[derive(Debug, Clone)]
pub struct Replicas {
    pub(crate) targets: Vec<(Arc<Target>, u32)>,
}

impl Replicas {
    /// Several, each with its weight. One of weight 0 is asked only when no other answers.
    pub const fn weighted(targets: Vec<(Arc<Target>, u32)>) -> Self {
        Self { targets }
    }
}

impl From<Arc<Target>> for Replicas {
    fn from(target: Arc<Target>) -> Self {
        Self { targets: vec![(target, 1)] }
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Target")
            .field("model", &self.model)
            .field("provider", &self.upstream.name())
            .finish_non_exhaustive()
    }
}
