//! `loquat token`: prints a token and nothing else.

use std::{fmt::Display, time::Duration};

use loquat_auth::{Permissions, TokenMinter, TokenRequest};
use loquat_domain::{NameError, Scope, TenantId, TokenId, UserId};

use crate::{cli::TokenArgs, config::Faults, identity::Tokens};

/// The tenant and the user of the development token.
const DEVELOPER: &str = "dev";

/// How long the development token is valid: a day's work.
const DEVELOPMENT_LIFETIME: Duration = Duration::from_hours(24);

/// The token that the command line asks for.
pub(crate) fn mint(tokens: &Tokens, args: &TokenArgs) -> Result<String, Faults> {
    let minter = tokens.minter.as_ref().ok_or_else(|| {
        Faults::of(
            "auth.keys",
            "only public keys are configured, so that tokens are made by whoever has the private \
             ones: ask your identity provider for a token, or configure a secret",
        )
    })?;
    let request = TokenRequest {
        scope: Scope {
            tenant: TenantId::new(&args.tenant).map_err(|error| fault("--tenant", error))?,
            user: UserId::new(&args.user).map_err(|error| fault("--user", error))?,
        },
        permissions: Permissions::new(args.scopes.iter().map(String::as_str))
            .map_err(|error| fault("--scope", error))?,
        lifetime: args.ttl,
        id: Some(new_id()?),
    };
    minter.mint(&request).map_err(|error| fault("loquat token", error))
}

/// The token that `loquat serve` prints in development; valid for a day, or as long as the rules
/// allow.
pub(crate) fn for_development(minter: &TokenMinter, longest: Duration) -> Result<String, Faults> {
    let scope = || -> Result<Scope, NameError> {
        Ok(Scope { tenant: TenantId::new(DEVELOPER)?, user: UserId::new(DEVELOPER)? })
    };
    let request = TokenRequest {
        scope: scope().map_err(|error| fault("the development token", error))?,
        permissions: Permissions::default(),
        lifetime: DEVELOPMENT_LIFETIME.min(longest),
        id: Some(new_id()?),
    };
    minter.mint(&request).map_err(|error| fault("the development token", error))
}

/// A name that no other token has, so that this one alone can be called back.
fn new_id() -> Result<TokenId, Faults> {
    let mut random = [0_u8; 16];
    getrandom::fill(&mut random).map_err(|error| fault("a random number", error))?;
    let digits = random.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
    TokenId::new(&digits).map_err(|error| fault("a random number", error))
}

fn fault(key: &str, error: impl Display) -> Faults {
    Faults::of(key, error.to_string())
}
