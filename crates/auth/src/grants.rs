//! What the words that an issuer puts into its tokens allow here.

use std::collections::{BTreeMap, BTreeSet};

use crate::{ClaimPath, InvalidReason, Permission, Permissions, object::Object};

const SCOPE: InvalidReason = InvalidReason::Claim("scope");

/// What becomes of a word of the issuer's that nothing is said about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OtherWords {
    /// It grants nothing.
    Ignore,
    /// It is a permission by itself: for an issuer that knows our words.
    Pass,
}

/// Reads an issuer's scopes and roles, its *words*, and says what they allow.
///
/// A claim with words is absent, a text of words with spaces in between (`scope`, RFC 8693 §4.2), or
/// an array of texts each of which is one word (roles may have spaces). Any other type is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grants {
    claims: Vec<ClaimPath>,
    by_word: BTreeMap<String, BTreeSet<Permission>>,
    others: OtherWords,
    required: BTreeSet<String>,
}

impl Grants {
    /// Reads the words from these claims, all of them together.
    pub fn new(claims: impl IntoIterator<Item = ClaimPath>, others: OtherWords) -> Self {
        Self {
            claims: claims.into_iter().collect(),
            by_word: BTreeMap::new(),
            others,
            required: BTreeSet::new(),
        }
    }

    /// A word of the issuer's that allows these things.
    #[must_use]
    pub fn with_word(
        mut self,
        word: impl Into<String>,
        permissions: impl IntoIterator<Item = Permission>,
    ) -> Self {
        self.by_word.entry(word.into()).or_default().extend(permissions);
        self
    }

    /// Refuses tokens that have none of these words.
    #[must_use]
    pub fn requiring_one_of(mut self, words: impl IntoIterator<Item: Into<String>>) -> Self {
        self.required = words.into_iter().map(Into::into).collect();
        self
    }

    pub(crate) fn permissions(&self, claims: &Object) -> Result<Permissions, InvalidReason> {
        let mut words = BTreeSet::new();
        for claim in &self.claims {
            words.extend(claims.words(claim).map_err(|_| SCOPE)?);
        }
        if !self.required.is_empty() && !self.required.iter().any(|it| words.contains(it.as_str()))
        {
            return Err(InvalidReason::Requirement);
        }
        let mut granted = BTreeSet::new();
        for word in words {
            match (self.by_word.get(word), self.others) {
                (Some(permissions), _) => granted.extend(permissions.iter().map(|it| it.as_str())),
                (None, OtherWords::Pass) => drop(granted.insert(word)),
                (None, OtherWords::Ignore) => {}
            }
        }
        Permissions::new(granted).map_err(|_| SCOPE)
    }
}

impl Default for Grants {
    /// `scope` and `scp` (what Azure and Okta write instead), whose words are permissions by
    /// themselves.
    fn default() -> Self {
        Self::new(["scope", "scp"].map(ClaimPath::named), OtherWords::Pass)
    }
}
