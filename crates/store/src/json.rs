//! The one JSON form of what both stores keep in a column: an item's content, a response's settings,
//! usage and the details of its status, metadata, and the checkpointed events.
//!
//! Every value has its version as key `v`, so that a later version can read what an earlier one
//! wrote. A value of another version, or of another shape, is [`StoreError::Corrupt`]: nothing is
//! guessed, and nothing that somebody stored is dropped unseen. Keep the values in columns of text:
//! a database's own JSON type may reorder a tool's schema, and the order steers a model's answer.

mod content;
mod decoder;
mod events;
mod item;
mod metadata;
mod settings;
mod status;
mod usage;

pub use content::{decode_content, encode_content};
pub use decoder::EventDecoder;
pub use events::{EventEncoder, encode_events};
pub use metadata::{decode_metadata, encode_metadata};
pub use settings::{decode_settings, encode_settings};
pub use status::{decode_status, encode_status_details};
pub use usage::{decode_usage, encode_usage};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::StoreError;

/// The version of every form so far. Reading refuses any other.
#[derive(Debug, Clone, Copy)]
struct V1;

impl Serialize for V1 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(1)
    }
}

impl<'de> Deserialize<'de> for V1 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match u64::deserialize(deserializer)? {
            1 => Ok(Self),
            _ => Err(de::Error::custom("a later version's form")),
        }
    }
}

/// Writes a form that is made of text, numbers and lists of such.
#[expect(clippy::expect_used, reason = "without maps and foreign code in it, nothing can fail")]
fn write(form: &impl Serialize) -> String {
    serde_json::to_string(form).expect("text and numbers can be written")
}

/// Reads a form from the column of that name.
fn read<'a, T: Deserialize<'a>>(column: &'static str, json: &'a str) -> Result<T, StoreError> {
    serde_json::from_str(json).map_err(|_| StoreError::Corrupt { column })
}

/// An enum without payload whose variants are written by name: the mirror of a domain type.
macro_rules! names {
    ($($form:ident = $domain:ident { $($variant:ident = $name:literal,)+ })+) => {$(
        #[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
        pub(super) enum $form {
            $(#[serde(rename = $name)] $variant,)+
        }

        impl From<$domain> for $form {
            fn from(value: $domain) -> Self {
                match value { $($domain::$variant => Self::$variant,)+ }
            }
        }

        impl From<$form> for $domain {
            fn from(form: $form) -> Self {
                match form { $($form::$variant => Self::$variant,)+ }
            }
        }
    )+};
}
use names;

#[cfg(test)]
mod properties;
