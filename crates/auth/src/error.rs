//! How a token is refused.

type Source = Box<dyn std::error::Error + Send + Sync>;

/// Why there is no principal. The variants are what the caller can do about it.
#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    /// The token is not believed; another one is needed.
    ///
    /// The text is the same for every reason, because a reason helps whoever forges tokens. The
    /// source is for the operator's debug log and contains nothing of the token.
    #[error("the token is not valid")]
    Invalid(#[source] InvalidReason),
    /// It could not be decided at this moment; may be tried again.
    #[error("tokens cannot be checked at this moment")]
    Unavailable(#[source] Source),
}

impl From<InvalidReason> for AuthError {
    fn from(reason: InvalidReason) -> Self {
        Self::Invalid(reason)
    }
}

/// What was wrong with a token, without anything of the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidReason {
    /// Over the limit that is checked before anything is decoded.
    #[error("it is longer than 8 KiB")]
    TooLong,
    /// Not the compact form of a signed token.
    #[error("it is not three base64url parts joined by dots")]
    Malformed,
    /// The first part is not one JSON object with unique members, or a member has the wrong type.
    #[error("its header is not a proper JSON object")]
    Header,
    /// Encrypted, compressed, nested, or with an extension that must be understood.
    #[error("its header asks for an extension that is not supported")]
    Extension,
    /// A token of another kind, for instance a logout token.
    #[error("its typ is not that of an access token")]
    Type,
    /// An algorithm that no key can have, or not the one of the key that the token names.
    #[error("its algorithm is not the one that its key is pinned to")]
    Algorithm,
    /// No key of its issuer has its key id or, where it names none, its algorithm.
    #[error("no key of its issuer has its key id or algorithm")]
    UnknownKey,
    /// Not signed by the key.
    #[error("its signature does not match")]
    Signature,
    /// The second part is not one JSON object with unique members.
    #[error("its claims are not a proper JSON object")]
    Claims,
    /// A claim, named here by what it is for, is missing or is not of the right type.
    #[error("its {0} claim is absent or not of the right type")]
    Claim(&'static str),
    /// Not a token of the kind that is asked of this issuer.
    #[error("it lacks a claim or a scope that every token of its issuer must have")]
    Requirement,
    /// Issued by somebody else.
    #[error("its issuer is not one of the configured issuers")]
    Issuer,
    /// Issued for somebody else.
    #[error("its audience is not one of the configured audiences")]
    Audience,
    /// Its time is over.
    #[error("it has expired")]
    Expired,
    /// Its time has not come.
    #[error("it is not valid yet")]
    NotYetValid,
    /// Says that it was made in the future.
    #[error("it was issued in the future")]
    IssuedInFuture,
    /// Lives longer than is allowed.
    #[error("it lives longer than the maximum lifetime")]
    LivesTooLong,
}
