//! Who is asking: the port [`TokenVerifier`], which turns a bearer token into a [`Principal`], its
//! implementations [`JwtVerifier`] for one issuer and [`Issuers`] for several, and [`TokenMinter`],
//! which makes the tokens of an installation that has no identity provider.
//!
//! A token is believed only when everything about it is right. Each key has one algorithm, fixed
//! in the configuration or, within what the configuration allows, by the issuer; a token's header
//! can choose among its issuer's keys and nothing else. Of the payload nothing is read before the
//! signature holds, but for the issuer's name where there are several, and that only to choose whose
//! keys it is checked with. Every claim that is read must have the right JSON type, and a wrong one
//! is never treated as an absent one. All refusals look the same to the caller.
//!
//! Keys come from a [`KeySource`]: a [`KeySet`] that stays as it is, or one that follows what an
//! issuer publishes, which is another crate's.
//!
//! **Invariant**: this crate knows no HTTP (not where a token came from, nor the status that a
//! refusal becomes), no list of users, and not whether a tenant exists; it opens no socket and
//! reads no file. It remembers no token, so nothing can outlive its expiry here.

mod algorithm;
mod claim_path;
mod claims;
mod clock;
mod error;
mod grants;
mod header;
mod issuer_rules;
mod issuers;
mod key;
mod key_set;
mod minter;
mod object;
mod permission;
mod permissions;
mod port;
mod rules;
mod secret;
mod token_types;
mod verifier;

pub use algorithm::{Algorithm, UnknownAlgorithm};
pub use claim_path::{ClaimPath, ClaimPathError};
pub use error::{AuthError, InvalidReason};
pub use grants::{Grants, OtherWords};
pub use issuer_rules::{IssuerRules, TenantSource};
pub use issuers::Issuers;
pub use key::{KeyComponents, KeyError, VerificationKey};
pub use key_set::{KeySet, KeySource};
pub use minter::{MintError, TokenMinter, TokenRequest};
pub use permission::{Permission, UnknownPermission};
pub use permissions::{PermissionError, Permissions};
#[cfg(feature = "mock")]
pub use port::MockTokenVerifier;
pub use port::{Principal, TokenVerifier};
pub use rules::{RulesError, TokenRules};
pub use secret::{SecretError, SigningSecret};
pub use token_types::TokenTypes;
pub use verifier::JwtVerifier;
