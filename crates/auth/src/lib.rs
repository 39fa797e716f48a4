//! Who is asking: the port [`TokenVerifier`], which turns a bearer token into a [`Principal`], its
//! implementation [`JwtVerifier`], and [`TokenMinter`], which makes the tokens of an installation
//! that has no identity provider.
//!
//! A token is believed only when everything about it is right. Each key has one algorithm, fixed
//! in the configuration; a token's header can choose among the configured keys and nothing else.
//! Nothing of the payload is read before the signature holds. Every claim that is read must have
//! the right JSON type, and a wrong one is never treated as an absent one. All refusals look the
//! same to the caller.
//!
//! **Invariant**: this crate knows no HTTP (not where a token came from, nor the status that a
//! refusal becomes), no list of users, and not whether a tenant exists; it opens no socket and
//! reads no file. It remembers no token, so nothing can outlive its expiry here.

mod algorithm;
mod claims;
mod clock;
mod error;
mod header;
mod key;
mod minter;
mod object;
mod permissions;
mod port;
mod rules;
mod secret;
mod verifier;

pub use algorithm::{Algorithm, UnknownAlgorithm};
pub use error::{AuthError, InvalidReason};
pub use key::{KeyError, VerificationKey};
pub use minter::{MintError, TokenMinter, TokenRequest};
pub use permissions::{PermissionError, Permissions};
#[cfg(feature = "mock")]
pub use port::MockTokenVerifier;
pub use port::{Principal, TokenVerifier};
pub use rules::{RulesError, TokenRules};
pub use secret::{SecretError, SigningSecret};
pub use verifier::JwtVerifier;
