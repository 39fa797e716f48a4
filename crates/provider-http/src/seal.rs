//! Whose a sealed thought is.

use loquat_outbound::BaseUrl;

/// Marks what an endpoint has sealed, so that it is sent back to this endpoint and to no other: what
/// another has sealed is noise to it, or an error.
///
/// The mark is `kind/hash:` with the hash of the endpoint's address. It protects nothing; the seal
/// beneath it does. Whoever forges a mark gets his noise refused.
#[derive(Debug, Clone)]
pub struct Seal {
    mark: String,
}

impl Seal {
    /// The mark of the endpoint at `base` that speaks the wire `kind`.
    pub fn new(kind: &str, base: &BaseUrl) -> Self {
        Self { mark: format!("{kind}/{:016x}:", fnv1a(base.as_str())) }
    }

    /// Marks what the endpoint has sealed.
    pub fn mark(&self, sealed: &str) -> String {
        format!("{}{sealed}", self.mark)
    }

    /// What the endpoint sealed, if it was this one.
    pub fn own<'a>(&self, marked: &'a str) -> Option<&'a str> {
        marked.strip_prefix(&*self.mark)
    }
}

/// FNV-1a of 64 bits: the same in every version and on every machine, because marks are stored.
fn fnv1a(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seal(kind: &str, base: &str) -> Seal {
        Seal::new(kind, &BaseUrl::new(base).unwrap())
    }

    #[test]
    fn an_endpoint_knows_its_own_and_nobody_else_s() {
        let mine = seal("wire", "https://example.org/v1");
        let marked = mine.mark("abc:def");
        assert_eq!(mine.own(&marked), Some("abc:def"));
        for other in [seal("wire", "https://example.org/v2"), seal("w", "https://example.org/v1")] {
            assert_eq!(other.own(&marked), None);
        }
        assert_eq!(mine.own("abc:def"), None);
    }

    #[test]
    fn a_mark_never_changes_because_it_is_stored() {
        // The hash's published values.
        assert_eq!(fnv1a(""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a("a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(fnv1a("foobar"), 0x8594_4171_f739_67e8);
        let marked = seal("wire", "https://example.org/v1").mark("x");
        assert_eq!(marked.len(), "wire/:x".len() + 16);
    }
}
