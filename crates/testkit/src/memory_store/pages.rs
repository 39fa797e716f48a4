//! Pages of lists.

use loquat_domain::{Order, PageRequest};
use loquat_store::StoreError;

/// What comes after the page's cursor, in the page's order, of a list that is oldest first.
pub(super) fn following<T, Id: PartialEq>(
    mut list: Vec<&T>,
    id: impl Fn(&T) -> Id,
    page: PageRequest<Id>,
) -> Result<impl Iterator<Item = &T>, StoreError> {
    if page.order == Order::Descending {
        list.reverse();
    }
    let seen = match page.after {
        None => 0,
        Some(after) => {
            let cursor = list.iter().position(|entry| id(entry) == after);
            cursor.ok_or(StoreError::CursorNotFound)? + 1
        }
    };
    Ok(list.into_iter().skip(seen))
}
