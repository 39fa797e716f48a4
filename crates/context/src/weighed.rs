//! Items with what they cost.

use loquat_domain::{ItemContent, ItemId, StoredItem};

use crate::TokenCounter;

/// An item, and what it costs: counted once, and only if something else has counted it before.
#[derive(Debug, Clone)]
pub(crate) struct Weighed {
    pub(crate) stored: StoredItem,
    pub(crate) tokens: u32,
}

impl Weighed {
    /// Items, each weighed.
    pub(crate) fn all(items: Vec<StoredItem>, counter: &dyn TokenCounter) -> Vec<Self> {
        let weighed = items.into_iter().map(|stored| {
            let tokens = counter.stored(&stored.item);
            Self { stored, tokens }
        });
        weighed.collect()
    }

    pub(crate) const fn content(&self) -> &ItemContent {
        &self.stored.item.content
    }

    pub(crate) const fn position(&self) -> i64 {
        self.stored.position
    }

    pub(crate) const fn id(&self) -> ItemId {
        self.stored.item.id
    }

    pub(crate) fn public_id(&self) -> String {
        self.stored.item.public_id()
    }

    /// True for the operator's messages.
    pub(crate) const fn is_operators(&self) -> bool {
        self.content().is_operators()
    }
}

/// The tokens of items together.
pub(crate) fn total<'a>(items: impl IntoIterator<Item = &'a Weighed>) -> u32 {
    items.into_iter().map(|item| item.tokens).fold(0, u32::saturating_add)
}
