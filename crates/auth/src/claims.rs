//! A token's claims, read only after its signature held.

use loquat_domain::{Scope, TenantId, Timestamp, TokenId, UserId};

use crate::{InvalidReason, Permissions, Principal, TokenRules, object::Object};

/// Checks every rule at one moment and says who the token speaks for.
pub(crate) fn principal(
    claims: &Object,
    rules: &TokenRules,
    now: Timestamp,
) -> Result<Principal, InvalidReason> {
    let expires_at = check_times(claims, rules, now)?;
    let issuer = text(claims, "iss", "issuer")?;
    if !rules.issuers.iter().any(|it| it == issuer) {
        return Err(InvalidReason::Issuer);
    }
    let audiences = claims.texts("aud").ok().flatten().ok_or(InvalidReason::Claim("audience"))?;
    if !rules.audiences.iter().any(|it| audiences.contains(&it.as_str())) {
        return Err(InvalidReason::Audience);
    }
    Ok(Principal {
        scope: scope(claims, rules)?,
        permissions: permissions(claims)?,
        token_id: token_id(claims)?,
        expires_at,
    })
}

/// Checks the times against one reading of the clock and returns the expiry.
fn check_times(
    claims: &Object,
    rules: &TokenRules,
    now: Timestamp,
) -> Result<Timestamp, InvalidReason> {
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
fn scope(claims: &Object, rules: &TokenRules) -> Result<Scope, InvalidReason> {
    const TENANT: InvalidReason = InvalidReason::Claim("tenant");
    const USER: InvalidReason = InvalidReason::Claim("user");
    const SUBJECT: InvalidReason = InvalidReason::Claim("subject");
    UserId::new(text(claims, "sub", "subject")?).map_err(|_| SUBJECT)?;
    let tenant = text(claims, &rules.tenant_claim, "tenant")?;
    let user = text(claims, &rules.user_claim, "user")?;
    Ok(Scope {
        tenant: TenantId::new(tenant).map_err(|_| TENANT)?,
        user: UserId::new(user).map_err(|_| USER)?,
    })
}

/// What names the token itself. One that names it in a way that no list could hold is refused: it
/// could never be called back.
fn token_id(claims: &Object) -> Result<Option<TokenId>, InvalidReason> {
    const TOKEN_ID: InvalidReason = InvalidReason::Claim("token id");
    let id = claims.text("jti").map_err(|_| TOKEN_ID)?;
    id.map(TokenId::new).transpose().map_err(|_| TOKEN_ID)
}

/// What `scope` (RFC 8693 §4.2) and `scp` (what Azure and Okta write instead) grant together: each
/// absent, a string of words, or an array of strings.
fn permissions(claims: &Object) -> Result<Permissions, InvalidReason> {
    const SCOPE: InvalidReason = InvalidReason::Claim("scope");
    let mut granted = Permissions::default();
    for claim in ["scope", "scp"] {
        let texts = claims.texts(claim).map_err(|_| SCOPE)?.unwrap_or_default();
        let words = texts.iter().flat_map(|it| it.split(' ')).filter(|it| !it.is_empty());
        granted.extend(Permissions::new(words).map_err(|_| SCOPE)?);
    }
    Ok(granted)
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
