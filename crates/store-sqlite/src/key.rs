//! Ids in columns.

use diesel::{
    deserialize::{self, FromSql, FromSqlRow},
    expression::AsExpression,
    serialize::{self, IsNull, Output, ToSql},
    sql_types::Binary,
    sqlite::{Sqlite, SqliteValue},
};
use loquat_domain::{ConversationId, ItemId, ResponseId};
use uuid::Uuid;

/// An id as its 16 bytes, whose order is that of the ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, AsExpression, FromSqlRow)]
#[diesel(sql_type = Binary)]
pub(crate) struct Key(Uuid);

impl Key {
    /// Before every other.
    pub(crate) const FIRST: Self = Self(Uuid::nil());
    /// After every other.
    pub(crate) const LAST: Self = Self(Uuid::max());

    pub(crate) const fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }

    /// Keys that were written one after another; `None` when these are not such bytes.
    pub(crate) fn split(bytes: &[u8]) -> Option<Vec<Self>> {
        let (keys, rest) = bytes.as_chunks();
        let keys = keys.iter().map(|key| Self(Uuid::from_bytes(*key)));
        rest.is_empty().then(|| keys.collect())
    }
}

impl ToSql<Binary, Sqlite> for Key {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        out.set_value(self.0.as_bytes().as_slice());
        Ok(IsNull::No)
    }
}

impl FromSql<Binary, Sqlite> for Key {
    fn from_sql(mut value: SqliteValue<'_, '_, '_>) -> deserialize::Result<Self> {
        Ok(Self(Uuid::from_slice(value.read_blob())?))
    }
}

macro_rules! keys {
    ($($id:ty),+) => {$(
        impl From<$id> for Key {
            fn from(id: $id) -> Self {
                Self(id.as_uuid())
            }
        }

        impl From<Key> for $id {
            fn from(key: Key) -> Self {
                Self::from_uuid(key.0)
            }
        }
    )+};
}

keys!(ConversationId, ItemId, ResponseId);

impl From<Uuid> for Key {
    fn from(id: Uuid) -> Self {
        Self(id)
    }
}

impl From<Key> for Uuid {
    fn from(key: Key) -> Self {
        key.0
    }
}
