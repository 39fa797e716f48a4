//! A branch by its end.

use diesel::{
    QueryableByName,
    sql_types::{BigInt, Bool, Text},
};
use loquat_domain::{Branch, ItemId, ItemKind, Timestamp};
use loquat_store::StoreError;
use uuid::Uuid;

use super::{Part, count};

/// The last item of a branch, and what leads to it.
#[derive(Debug, QueryableByName)]
pub(crate) struct BranchRow {
    #[diesel(sql_type = diesel::sql_types::Uuid)]
    leaf: Uuid,
    #[diesel(sql_type = Text)]
    kind: String,
    #[diesel(sql_type = BigInt)]
    size: i64,
    #[diesel(sql_type = Bool)]
    active: bool,
    #[diesel(sql_type = BigInt)]
    created_at: i64,
}

impl Part for BranchRow {
    const COLUMN: &'static str = "leaf";
}

impl TryFrom<BranchRow> for Branch {
    type Error = StoreError;

    fn try_from(row: BranchRow) -> Result<Self, StoreError> {
        let kind = ItemKind::ALL.into_iter().find(|kind| kind.as_str() == row.kind);
        Ok(Self {
            leaf: ItemId::from_uuid(row.leaf),
            leaf_kind: kind.ok_or(StoreError::Corrupt { column: "kind" })?,
            size: count(row.size, "size")?,
            active: row.active,
            updated_at: Timestamp::from_micros(row.created_at),
        })
    }
}
