//! Ids. All are UUIDv7, so their order is roughly creation order; all are unique per tenant.

use std::{fmt, str::FromStr};

use uuid::Uuid;

use crate::ItemKind;

/// The text is not an id of the kind that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an id of the form `{prefix}_…`")]
pub struct ParseIdError {
    /// The prefix that the id should have had.
    pub prefix: &'static str,
}

macro_rules! uuid_newtype {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl $name {
            /// Wraps a UUID that is already known to identify this kind.
            pub const fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// The UUID inside, for storage columns.
            pub const fn as_uuid(self) -> Uuid {
                self.0
            }
        }
    };
}

macro_rules! prefixed_ids {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal;)+) => {$(
        uuid_newtype!($(#[$doc])* $name);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "_{}"), self.0.simple())
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;

            fn from_str(text: &str) -> Result<Self, ParseIdError> {
                text.strip_prefix(concat!($prefix, "_"))
                    .and_then(simple_uuid)
                    .map(Self)
                    .ok_or(ParseIdError { prefix: $prefix })
            }
        }
    )+};
}

prefixed_ids! {
    /// One conversation.
    ConversationId = "conv";
    /// One response: one answer of a model.
    ResponseId = "resp";
}

uuid_newtype! {
    /// One item of a conversation.
    ///
    /// Its text form names the item's kind (`msg_…`, `fc_…`), which the bare id does not know:
    /// see [`ItemId::of_kind`].
    ItemId
}

impl ItemId {
    /// The text form of this id, for an item of the given kind.
    pub fn of_kind(self, kind: ItemKind) -> impl fmt::Display {
        ItemIdText { kind, id: self }
    }
}

struct ItemIdText {
    kind: ItemKind,
    id: ItemId,
}

impl fmt::Display for ItemIdText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{}", self.kind.prefix(), self.id.0.simple())
    }
}

impl FromStr for ItemId {
    type Err = ParseIdError;

    /// Accepts the text form of any kind of item.
    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        text.split_once('_')
            .filter(|(prefix, _)| ItemKind::ALL.iter().any(|kind| kind.prefix() == *prefix))
            .and_then(|(_, hex)| simple_uuid(hex))
            .map(Self)
            .ok_or(ParseIdError { prefix: ItemKind::Message.prefix() })
    }
}

/// Only the one form that we write: 32 lower-case hexadecimal digits, so that an id has one text.
fn simple_uuid(hex: &str) -> Option<Uuid> {
    let canonical = hex.len() == 32 && hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    canonical.then(|| Uuid::try_parse(hex).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "0198c0de00007000800000000000002a";

    #[test]
    fn an_id_survives_its_text_form() {
        let id: ConversationId = format!("conv_{HEX}").parse().unwrap();
        assert_eq!(id.to_string(), format!("conv_{HEX}"));
    }

    #[test]
    fn an_id_of_another_kind_is_refused() {
        assert!(format!("resp_{HEX}").parse::<ConversationId>().is_err());
        assert!(format!("conv_{HEX}").parse::<ItemId>().is_err());
    }

    #[test]
    fn an_id_has_exactly_one_text_form() {
        for text in [
            format!("conv_{}", HEX.to_uppercase()),
            "conv_0198c0de-0000-7000-8000-00000000002a".to_owned(),
            format!("conv_{HEX} "),
            "conv_".to_owned(),
        ] {
            assert!(text.parse::<ConversationId>().is_err(), "{text}");
        }
    }

    #[test]
    fn an_item_id_names_its_kind() {
        let id: ItemId = format!("fc_{HEX}").parse().unwrap();
        assert_eq!(id.of_kind(ItemKind::FunctionCall).to_string(), format!("fc_{HEX}"));
        assert_eq!(id.of_kind(ItemKind::Message).to_string(), format!("msg_{HEX}"));
    }
}
