//! The notebook itself.

use std::collections::BTreeMap;

use crate::{ConversationId, ItemId, ItemKind, Timestamp, check_text};

/// A tree of items with one active branch, owned by a user of a tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conversation {
    /// Its id.
    pub id: ConversationId,
    /// A name for people, if it has one.
    pub title: Option<Title>,
    /// The owner's own key-value pairs.
    pub metadata: Metadata,
    /// True when its owner has put it away.
    pub archived: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When its items or its own fields last changed.
    pub updated_at: Timestamp,
}

/// One of the lines from a conversation's root to an item that nothing follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Branch {
    /// Its last item.
    pub leaf: ItemId,
    /// The kind of its last item.
    pub leaf_kind: ItemKind,
    /// How many items there are on the way from the root to the leaf, both included.
    pub size: u64,
    /// True for the branch that the conversation shows and continues.
    pub active: bool,
    /// When its last item was made.
    pub updated_at: Timestamp,
}

/// A conversation's name: 1 to 256 characters without NUL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Title(String);

/// The text cannot be a title.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a title has 1 to 256 characters and no NUL")]
pub struct TitleError;

impl Title {
    /// Checks and wraps a title.
    ///
    /// # Errors
    ///
    /// [`TitleError`] when it is empty, longer than 256 characters or contains NUL.
    pub fn new(text: impl Into<String>) -> Result<Self, TitleError> {
        let text = text.into();
        let fits = (1..=256).contains(&text.chars().count());
        if fits && check_text(&text).is_ok() { Ok(Self(text)) } else { Err(TitleError) }
    }

    /// The title as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Key-value pairs that their owner attaches and that we only keep.
///
/// At most 16 pairs, keys of 1 to 64 and values of up to 512 characters: OpenAI's limits.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Metadata(BTreeMap<String, String>);

/// The pairs cannot be metadata.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MetadataError {
    /// More than 16 pairs.
    #[error("metadata has at most 16 pairs")]
    TooManyPairs,
    /// A key is empty or longer than 64 characters.
    #[error("a metadata key has 1 to 64 characters")]
    KeyLength,
    /// A value is longer than 512 characters.
    #[error("a metadata value has at most 512 characters")]
    ValueLength,
    /// A key or value contains NUL.
    #[error("metadata must not contain the NUL character")]
    ForbiddenCharacter,
}

impl Metadata {
    /// Checks and wraps the pairs.
    ///
    /// # Errors
    ///
    /// [`MetadataError`] names the first limit that is exceeded.
    pub fn new(pairs: BTreeMap<String, String>) -> Result<Self, MetadataError> {
        if pairs.len() > 16 {
            return Err(MetadataError::TooManyPairs);
        }
        for (key, value) in &pairs {
            if !(1..=64).contains(&key.chars().count()) {
                return Err(MetadataError::KeyLength);
            }
            if value.chars().count() > 512 {
                return Err(MetadataError::ValueLength);
            }
            if check_text(key).is_err() || check_text(value).is_err() {
                return Err(MetadataError::ForbiddenCharacter);
            }
        }
        Ok(Self(pairs))
    }

    /// The pairs, in the order of their keys.
    pub fn pairs(&self) -> &BTreeMap<String, String> {
        &self.0
    }
}
