//! A token's claims, read only after its signature held.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use loquat_domain::{Scope, TenantId, Timestamp, TokenId, UserId};
use serde::Deserialize;

use crate::{
    ClaimPath, InvalidReason, IssuerRules, Principal, TenantSource, object::Object, rules::Times,
};

/// Checks every rule at one moment and says who the token speaks for.
pub(crate) fn principal(
    claims: &Object,
    rules: &IssuerRules,
    now: Timestamp,
) -> Result<Principal, InvalidReason> {
    let expires_at = check_times(claims, rules.times, now)?;
    let issuer = text(claims, "iss", "issuer")?;
    if !rules.issuers.iter().any(|it| it == issuer) {
        return Err(InvalidReason::Issuer);
    }
    let audiences = claims.texts("aud").ok().flatten().ok_or(InvalidReason::Claim("audience"))?;
    if !rules.audiences.iter().any(|it| audiences.contains(&it.as_str())) {
        return Err(InvalidReason::Audience);
    }
    check_required(claims, rules)?;
    Ok(Principal {
        scope: scope(claims, rules)?,
        permissions: rules.grants.permissions(claims)?,
        token_id: token_id(claims, rules)?,
        expires_at,
    })
}

/// Checks the times against one reading of the clock and returns the expiry.
fn check_times(claims: &Object, rules: Times, now: Timestamp) -> Result<Timestamp, InvalidReason> {
    let expires_at = time(claims, "exp", "expiry")?.ok_or(InvalidReason::Claim("expiry"))?;
    let not_before = time(claims, "nbf", "not-before")?;
    let issued_at = time(claims, "iat", "issued-at")?;
    let latest = now.plus(rules.leeway);
    if expires_at.plus(rules.leeway) <= now {
        return Err(InvalidReason::Expired);
    }
    if not_before.is_some_and(|it| it > latest) {
        return Err(InvalidReason::NotYetValid);
    }
    if issued_at.is_some_and(|it| it > latest) {
        return Err(InvalidReason::IssuedInFuture);
    }
    // Also from the time of issue: a token that is too long on its first day would else become
    // acceptable on its last.
    let from_issue = issued_at.is_some_and(|it| expires_at > it.plus(rules.max_lifetime));
    if from_issue || expires_at > latest.plus(rules.max_lifetime) {
        return Err(InvalidReason::LivesTooLong);
    }
    Ok(expires_at)
}

/// The tenant and the user. `sub` is required also when the user is in another claim.
fn scope(claims: &Object, rules: &IssuerRules) -> Result<Scope, InvalidReason> {
    const TENANT: InvalidReason = InvalidReason::Claim("tenant");
    const USER: InvalidReason = InvalidReason::Claim("user");
    const SUBJECT: InvalidReason = InvalidReason::Claim("subject");
    UserId::new(text(claims, "sub", "subject")?).map_err(|_| SUBJECT)?;
    let tenant = match &rules.tenant {
        TenantSource::Fixed(tenant) => tenant.clone(),
        TenantSource::Claim(claim) => {
            let tenant = claims.text_at(claim).ok().flatten().ok_or(TENANT)?;
            TenantId::new(tenant).map_err(|_| TENANT)?
        }
    };
    let user = claims.text_at(&rules.user).ok().flatten().ok_or(USER)?;
    Ok(Scope { tenant, user: UserId::new(user).map_err(|_| USER)? })
}

/// What names the token itself. One that names it in a way that no list could hold is refused: it
/// could never be called back.
fn token_id(claims: &Object, rules: &IssuerRules) -> Result<Option<TokenId>, InvalidReason> {
    const TOKEN_ID: InvalidReason = InvalidReason::Claim("token id");
    let id = claims.text_at(&rules.token_id).map_err(|_| TOKEN_ID)?;
    id.map(TokenId::new).transpose().map_err(|_| TOKEN_ID)
}

/// Checks the claims that tell this kind of token from others of its issuer.
fn check_required(claims: &Object, rules: &IssuerRules) -> Result<(), InvalidReason> {
    let holds = |(claim, values): &(ClaimPath, Vec<String>)| {
        let texts = claims.texts_at(claim).ok().flatten().unwrap_or_default();
        values.iter().any(|value| texts.contains(&value.as_str()))
    };
    if rules.required.iter().all(holds) { Ok(()) } else { Err(InvalidReason::Requirement) }
}

/// The issuer that a token names, before anything is proven: only to choose who looks at it. None
/// when the payload is not one object with exactly one issuer.
pub(crate) fn unproven_issuer(payload: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Claims {
        iss: String,
    }
    let json = URL_SAFE_NO_PAD.decode(payload).ok()?;
    serde_json::from_slice(&json).ok().map(|Claims { iss }| iss)
}

/// A required string. `what` is the claim's purpose, which may be reported; its name and its
/// value may not.
fn text<'a>(claims: &'a Object, claim: &str, what: &'static str) -> Result<&'a str, InvalidReason> {
    claims.text(claim).ok().flatten().ok_or(InvalidReason::Claim(what))
}

fn time(
    claims: &Object,
    claim: &str,
    what: &'static str,
) -> Result<Option<Timestamp>, InvalidReason> {
    claims.time(claim).map_err(|_| InvalidReason::Claim(what))
}
