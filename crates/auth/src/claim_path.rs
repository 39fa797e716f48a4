//! Where in a token's claims something stands.

use std::{fmt, str::FromStr};

/// A text that does not say where a claim is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ClaimPathError {
    /// There is nothing to look up.
    #[error("a claim has a name: give it as it stands in the token")]
    Empty,
    /// Could be a name with a dot in it, or one claim within another.
    #[error(
        "a name with a dot can be read in two ways: write `/realm_access/roles` for the member \
         `roles` of the claim `realm_access`, and `/realm_access.roles` for one claim with a dot \
         in its name"
    )]
    Dotted,
    /// A tilde of a pointer that begins neither `~0` nor `~1`.
    #[error("in a path that begins with a slash, write `~0` for a tilde and `~1` for a slash")]
    Tilde,
}

/// The place of a claim: its name, or the way to it through objects.
///
/// A text that begins with a slash is a JSON pointer (RFC 6901): `/realm_access/roles` is the member
/// `roles` of the claim `realm_access`; within a name `~1` stands for a slash and `~0` for a tilde.
/// Members of arrays have no place. Any other text is the name of one claim as it stands, so that
/// `https://acme.example/tenant` needs no care.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClaimPath(Vec<String>);

impl ClaimPath {
    /// One claim at the top, whatever characters its name has.
    pub(crate) fn named(name: &str) -> Self {
        Self(vec![name.to_owned()])
    }

    /// The names on the way, from the top; at least one.
    pub(crate) fn names(&self) -> &[String] {
        &self.0
    }

    /// The name, if it is a claim at the top.
    pub(crate) fn top(&self) -> Option<&str> {
        match self.0.as_slice() {
            [name] => Some(name),
            _ => None,
        }
    }
}

impl FromStr for ClaimPath {
    type Err = ClaimPathError;

    fn from_str(text: &str) -> Result<Self, ClaimPathError> {
        let Some(pointer) = text.strip_prefix('/') else {
            return match text {
                "" => Err(ClaimPathError::Empty),
                // A URL is nobody's way through objects.
                _ if text.contains('.') && !text.contains('/') => Err(ClaimPathError::Dotted),
                _ => Ok(Self::named(text)),
            };
        };
        let names: Result<Vec<_>, _> = pointer.split('/').map(unescaped).collect();
        let names = names?;
        if names.iter().any(String::is_empty) {
            Err(ClaimPathError::Empty)
        } else {
            Ok(Self(names))
        }
    }
}

impl fmt::Display for ClaimPath {
    /// The form of a pointer.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .iter()
            .try_for_each(|name| write!(f, "/{}", name.replace('~', "~0").replace('/', "~1")))
    }
}

/// A name without the pointer's escapes.
fn unescaped(name: &str) -> Result<String, ClaimPathError> {
    let mut pieces = name.split('~');
    let mut plain = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (escaped, rest) = match (piece.strip_prefix('0'), piece.strip_prefix('1')) {
            (Some(rest), _) => ('~', rest),
            (_, Some(rest)) => ('/', rest),
            _ => return Err(ClaimPathError::Tilde),
        };
        plain.push(escaped);
        plain.push_str(rest);
    }
    Ok(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_the_name_of_a_claim_or_a_pointer_to_one() {
        let table: [(&str, &[&str]); 8] = [
            ("tenant", &["tenant"]),
            ("https://acme.example/tenant", &["https://acme.example/tenant"]),
            ("urn:acme:tenant", &["urn:acme:tenant"]),
            ("/tenant", &["tenant"]),
            ("/realm_access/roles", &["realm_access", "roles"]),
            ("/realm_access.roles", &["realm_access.roles"]),
            ("/https:~1~1acme.example~1tenant/id", &["https://acme.example/tenant", "id"]),
            ("/a~0b/~01", &["a~b", "~1"]),
        ];
        for (text, names) in table {
            let path: ClaimPath = text.parse().unwrap();
            assert_eq!(path.names(), names, "{text}");
            assert_eq!(path.to_string().parse(), Ok(path), "{text}");
        }
    }

    #[test]
    fn a_text_that_can_be_read_in_two_ways_is_refused() {
        let table = [
            ("", ClaimPathError::Empty),
            ("/", ClaimPathError::Empty),
            ("/a/", ClaimPathError::Empty),
            ("/a//b", ClaimPathError::Empty),
            ("realm_access.roles", ClaimPathError::Dotted),
            ("/a~", ClaimPathError::Tilde),
            ("/a~2b", ClaimPathError::Tilde),
        ];
        for (text, error) in table {
            assert_eq!(text.parse::<ClaimPath>(), Err(error), "{text}");
        }
    }
}
