//! Lists, a page at a time.

use loquat_domain::Page;
use serde::Serialize;
use utoipa::ToSchema;

/// What is in a list: it has an id by which the next page is asked for.
pub(crate) trait Entry {
    fn id(&self) -> &str;
}

/// One page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ListBody<T> {
    object: &'static str,
    data: Vec<T>,
    /// True when at least one entry follows.
    has_more: bool,
    #[schema(required)]
    first_id: Option<String>,
    /// The `after` of the next page.
    #[schema(required)]
    last_id: Option<String>,
}

impl<T> ListBody<T> {
    /// A list that always comes whole, so that nothing in it is asked for by an id.
    pub(crate) fn whole(data: Vec<T>) -> Self {
        Self { object: "list", data, has_more: false, first_id: None, last_id: None }
    }
}

impl<T: Entry> ListBody<T> {
    pub(crate) fn new(data: Vec<T>, has_more: bool) -> Self {
        Self {
            object: "list",
            has_more,
            first_id: data.first().map(|entry| entry.id().to_owned()),
            last_id: data.last().map(|entry| entry.id().to_owned()),
            data,
        }
    }

    /// A page of what a use case found.
    pub(crate) fn page<'a, D>(page: &'a Page<D>, body: impl Fn(&'a D) -> T) -> Self {
        Self::new(page.entries.iter().map(body).collect(), page.has_more)
    }
}
