//! The models that callers may name.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::Arc,
};

use loquat_context::{Policy, TokenCounter};
use loquat_domain::{Price, TenantId, Timestamp};
use loquat_provider::ChatProvider;

/// A model as it is configured.
#[derive(Clone)]
pub struct Model {
    /// The name that callers use.
    pub id: String,
    /// The name of its provider, which is what callers see as its owner.
    pub owner: String,
    /// Its name at its provider.
    pub upstream: String,
    /// Who answers.
    pub provider: Arc<dyn ChatProvider>,
    /// Tokens of prompt and answer together.
    pub context_window: u32,
    /// The most tokens that an answer may have; kept free in the window unless a caller asks for
    /// fewer.
    pub max_output_tokens: u32,
    /// What its tokens cost. For a model that chooses among others, of each part the highest price
    /// of theirs: what an answer costs at most.
    pub price: Price,
    /// The tenants that may use it; `None` for all.
    pub tenants: Option<Arc<BTreeSet<TenantId>>>,
    /// Counts its tokens.
    pub counter: Arc<dyn TokenCounter>,
    /// How much of a conversation it sees, where a request does not say.
    pub policy: Policy,
    /// Since when it is offered.
    pub created_at: Timestamp,
}

impl Model {
    /// True when this tenant may use it.
    pub fn is_for(&self, tenant: &TenantId) -> bool {
        self.tenants.as_ref().is_none_or(|tenants| tenants.contains(tenant))
    }
}

impl fmt::Debug for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Model")
            .field("id", &self.id)
            .field("owner", &self.owner)
            .field("upstream", &self.upstream)
            .field("context_window", &self.context_window)
            .field("max_output_tokens", &self.max_output_tokens)
            .field("price", &self.price)
            .field("counter", &self.counter.id())
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}

/// The models that callers may name, and the one that they get when they name none.
#[derive(Debug, Clone)]
pub struct ModelCatalog {
    models: BTreeMap<String, Arc<Model>>,
    default: Arc<Model>,
}

/// The models cannot be a catalogue.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ModelCatalogError {
    /// There is none.
    #[error("at least one model must be configured")]
    Empty,
    /// Two have the same name.
    #[error("the model `{0}` is configured twice")]
    Duplicate(String),
    /// The default is none of them.
    #[error("the default model `{0}` is not configured")]
    UnknownDefault(String),
}

impl ModelCatalog {
    /// A catalogue of these models. `default` names the one that a caller gets who names none.
    ///
    /// # Errors
    ///
    /// [`ModelCatalogError`] says what does not fit together.
    pub fn new(models: Vec<Model>, default: &str) -> Result<Self, ModelCatalogError> {
        let mut by_id = BTreeMap::new();
        for model in models {
            let id = model.id.clone();
            if by_id.insert(id.clone(), Arc::new(model)).is_some() {
                return Err(ModelCatalogError::Duplicate(id));
            }
        }
        if by_id.is_empty() {
            return Err(ModelCatalogError::Empty);
        }
        let default = by_id
            .get(default)
            .cloned()
            .ok_or_else(|| ModelCatalogError::UnknownDefault(default.to_owned()))?;
        Ok(Self { models: by_id, default })
    }

    /// The model of that name.
    pub fn get(&self, id: &str) -> Option<&Arc<Model>> {
        self.models.get(id)
    }

    /// The model that a caller gets who names none.
    pub fn default_model(&self) -> &Arc<Model> {
        &self.default
    }

    /// All models, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Model>> {
        self.models.values()
    }
}
