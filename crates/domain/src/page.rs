//! Keyset pages.

/// Which end a list starts from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Oldest first.
    Ascending,
    /// Newest first.
    Descending,
}

/// How many entries a page may have: 1 to 100.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageLimit(u8);

/// The number cannot limit a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a page has 1 to 100 entries")]
pub struct PageLimitError;

impl PageLimit {
    /// The largest page, as in OpenAI's list endpoints.
    pub const MAX: Self = Self(100);
    /// The page that a caller gets who does not say, as in OpenAI's list endpoints.
    pub const DEFAULT: Self = Self(20);

    /// Checks and wraps a number of entries.
    ///
    /// # Errors
    ///
    /// [`PageLimitError`] outside 1 to 100.
    pub fn new(entries: i64) -> Result<Self, PageLimitError> {
        u8::try_from(entries)
            .ok()
            .filter(|entries| (1..=Self::MAX.0).contains(entries))
            .map(Self)
            .ok_or(PageLimitError)
    }

    /// The number of entries.
    pub const fn get(self) -> u8 {
        self.0
    }
}

/// Which page of a list is wanted: up to `limit` entries that follow `after` in the given order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageRequest<Id> {
    /// The last entry that the caller has seen; `None` asks for the first page.
    pub after: Option<Id>,
    /// Which end the list starts from.
    pub order: Order,
    /// The most entries that the page may have.
    pub limit: PageLimit,
}

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// The entries, in the order that was asked for.
    pub entries: Vec<T>,
    /// True when at least one entry follows.
    pub has_more: bool,
}

impl<T> Page<T> {
    /// Makes a page of what a store read with a limit of one more than was asked for.
    pub fn from_read_ahead(mut read: Vec<T>, limit: PageLimit) -> Self {
        let limit = usize::from(limit.get());
        let has_more = read.len() > limit;
        read.truncate(limit);
        Self { entries: read, has_more }
    }
}
