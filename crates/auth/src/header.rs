//! A token's header: it may choose among our keys, and nothing else.

use crate::{Algorithm, InvalidReason, TokenTypes, object::Object};

/// Members that change what the rest of the token means. None is supported, so none is allowed:
/// `crit` (RFC 7515 §4.1.11), `b64` (RFC 7797), `zip` and `enc` of an encrypted token (RFC 7516
/// §4.1), and `cty`, with which a token says that another one is inside (RFC 7519 §5.2).
const EXTENSIONS: [&str; 5] = ["crit", "b64", "zip", "enc", "cty"];

/// The part of a header that is read.
///
/// `jku`, `jwk`, `x5u` and `x5c` are ignored whatever they hold: some issuers always send them,
/// and a key that comes with the token proves nothing.
pub(crate) struct Header {
    /// Which algorithm the token claims; compared with the one that its key is pinned to.
    pub(crate) algorithm: Algorithm,
    /// Which key the token names, in the token's own words: only ever looked up.
    pub(crate) kid: Option<String>,
}

impl Header {
    pub(crate) fn decode(part: &str, types: &TokenTypes) -> Result<Self, InvalidReason> {
        let object = Object::decode(part).ok_or(InvalidReason::Header)?;
        if EXTENSIONS.iter().any(|it| object.has(it)) {
            return Err(InvalidReason::Extension);
        }
        if !types.allow(object.text("typ").map_err(|_| InvalidReason::Header)?) {
            return Err(InvalidReason::Type);
        }
        let algorithm = object.text("alg").map_err(|_| InvalidReason::Header)?;
        let kid = object.text("kid").map_err(|_| InvalidReason::Header)?;
        Ok(Self {
            algorithm: algorithm
                .ok_or(InvalidReason::Header)?
                .parse()
                .map_err(|_| InvalidReason::Algorithm)?,
            kid: kid.map(str::to_owned),
        })
    }
}
