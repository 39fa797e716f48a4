//! An owner's own key-value pairs.

use std::{borrow::Cow, collections::BTreeMap};

use loquat_domain::Metadata;
use serde::{Deserialize, Serialize};

use super::{V1, read, write};
use crate::StoreError;

const COLUMN: &str = "metadata";

/// Writes key-value pairs.
pub fn encode_metadata(metadata: &Metadata) -> String {
    write(&MetadataJson { v: V1, pairs: Cow::Borrowed(metadata.pairs()) })
}

/// Reads what [`encode_metadata`] wrote.
///
/// # Errors
///
/// [`StoreError::Corrupt`] when this version cannot read it.
pub fn decode_metadata(json: &str) -> Result<Metadata, StoreError> {
    let MetadataJson { pairs, .. } = read(COLUMN, json)?;
    Metadata::new(pairs.into_owned()).map_err(|_| StoreError::Corrupt { column: COLUMN })
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct MetadataJson<'a> {
    v: V1,
    pairs: Cow<'a, BTreeMap<String, String>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_is_written_like_this() {
        let pairs = [("topic", "fruit"), ("a", "ü")].map(|(k, v)| (k.to_owned(), v.to_owned()));
        let metadata = Metadata::new(pairs.into()).unwrap();
        let json = r#"{"v":1,"pairs":{"a":"ü","topic":"fruit"}}"#;
        assert_eq!(encode_metadata(&metadata), json);
        assert_eq!(decode_metadata(json).unwrap(), metadata);
    }

    #[test]
    fn pairs_beyond_the_limits_are_corrupt() {
        let read = decode_metadata(r#"{"v":1,"pairs":{"":"no key is empty"}}"#);
        assert!(matches!(read, Err(StoreError::Corrupt { column: "metadata" })), "{read:?}");
    }
}
