//! What a token's header may say that the token is.

/// What `typ` may say unless something else is configured (RFC 7519 §5.1, RFC 9068 §2.1).
const USUAL: [&str; 2] = ["jwt", "at+jwt"];

/// The types of token that are believed. Without regard to case and to the prefix `application/`,
/// which may be left out (RFC 7515 §4.1.9).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenTypes {
    /// In lower case, without the prefix.
    names: Vec<String>,
    allows_none: bool,
}

impl TokenTypes {
    /// These types; an empty name stands for a token that names no type. Without any name no token
    /// is believed.
    pub fn new<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        let (none, names): (Vec<_>, Vec<_>) = names.into_iter().partition(|it| it.is_empty());
        let names = names.into_iter().map(|it| plain(it).unwrap_or_else(|| it.to_owned()));
        Self { names: names.collect(), allows_none: !none.is_empty() }
    }

    pub(crate) fn allow(&self, typ: Option<&str>) -> bool {
        match typ {
            None => self.allows_none,
            Some(typ) => plain(typ).is_some_and(|it| self.names.contains(&it)),
        }
    }
}

impl Default for TokenTypes {
    /// `JWT`, `at+jwt`, or none.
    fn default() -> Self {
        Self { names: USUAL.map(str::to_owned).to_vec(), allows_none: true }
    }
}

/// A media type's name in lower case, if it is one of `application/`.
fn plain(typ: &str) -> Option<String> {
    let (prefix, name) = typ.rsplit_once('/').unwrap_or(("application", typ));
    let is_ours = prefix.eq_ignore_ascii_case("application") && !name.is_empty();
    is_ours.then(|| name.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_is_known_in_both_spellings() {
        let types = TokenTypes::new(["AT+JWT", "application/okta-internal-at+jwt"]);
        for typ in ["at+jwt", "application/at+jwt", "okta-internal-AT+jwt"] {
            assert!(types.allow(Some(typ)), "{typ}");
        }
        for typ in [None, Some(""), Some("JWT"), Some("application/"), Some("text/at+jwt")] {
            assert!(!types.allow(typ), "{typ:?}");
        }
        assert!(TokenTypes::new([""]).allow(None) && !TokenTypes::new([""]).allow(Some("")));
    }
}
