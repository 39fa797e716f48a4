//! How the claims of an identity provider become a tenant, a user and permissions. The claims are
//! in the forms in which Keycloak, Auth0, Entra ID and Okta write them.

use std::sync::Arc;

use loquat_auth::{
    Algorithm, ClaimPath, Grants, InvalidReason, IssuerRules, JwtVerifier, KeySet, OtherWords,
    Permission, RulesError, TenantSource, TokenTypes,
};
use loquat_domain::TenantId;
use serde_json::{Value, json};

use crate::forge::{
    AUDIENCE, ISSUER, NOW, Signer, at, believed, good_claims, key, refused, with_claims,
};

fn path(text: &str) -> ClaimPath {
    text.parse().unwrap()
}

fn rules() -> IssuerRules {
    let tenant = TenantSource::Claim(path("tenant"));
    IssuerRules::new(ISSUER, [AUDIENCE], tenant).unwrap()
}

fn verifier(rules: IssuerRules) -> JwtVerifier {
    let keys = Arc::new(KeySet::new([key(Algorithm::Hs256)]).unwrap());
    JwtVerifier::of_issuer(keys, rules).with_clock(|| at(NOW))
}

/// A token with these claims besides the usual ones.
fn token(members: &Value) -> String {
    let mut claims = good_claims();
    claims.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    with_claims(&claims)
}

fn with_tenant(claim: &str) -> JwtVerifier {
    let tenant = TenantSource::Claim(path(claim));
    verifier(IssuerRules::new(ISSUER, [AUDIENCE], tenant).unwrap())
}

#[tokio::test]
async fn a_tenant_is_found_wherever_the_provider_puts_it() {
    let table = [
        ("org_id", json!({"org_id": "org_9ybsU1dN2dKfDkBi"}), "org_9ybsU1dN2dKfDkBi"),
        (
            "tid",
            json!({"tid": "aaaabbbb-0000-cccc-1111-dddd2222eeee"}),
            "aaaabbbb-0000-cccc-1111-dddd2222eeee",
        ),
        (
            "https://acme.example/tenant",
            json!({"https://acme.example/tenant": "umbrella"}),
            "umbrella",
        ),
        ("/organization/id", json!({"organization": {"id": "umbrella"}}), "umbrella"),
        ("/acme.tenant", json!({"acme.tenant": "umbrella"}), "umbrella"),
        ("/a~1b/c~0d", json!({"a/b": {"c~d": "umbrella"}}), "umbrella"),
        ("sub", json!({}), "ada"),
    ];
    for (claim, members, tenant) in table {
        let principal = believed(&with_tenant(claim), &token(&members), claim).await;
        assert_eq!(principal.scope.tenant.as_str(), tenant, "{claim}");
    }
}

#[tokio::test]
async fn a_tenant_that_is_not_one_name_is_refused() {
    let table = [
        ("/organization/id", json!({})),
        ("/organization/id", json!({"organization": null})),
        ("/organization/id", json!({"organization": "umbrella"})),
        ("/organization/id", json!({"organization": ["umbrella"]})),
        ("/organization/id", json!({"organization": [{"id": "umbrella"}]})),
        ("/organization/id", json!({"organization": {"id": ["umbrella"]}})),
        ("/organization/id", json!({"organization": {"id": 7}})),
        ("/organization/id", json!({"organization": {"id": "two words"}})),
        ("/organization/0", json!({"organization": ["umbrella"]})),
        ("/organization/id", json!({"organization/id": "umbrella"})),
        ("organization", json!({"organization": {"umbrella": {}}})),
        ("organization", json!({"organization": ["umbrella"]})),
        ("org_id", json!({"org_id": ""})),
    ];
    for (claim, members) in table {
        let row = format!("{claim}: {members}");
        let reason = InvalidReason::Claim("tenant");
        refused(&with_tenant(claim), &token(&members), reason, &row).await;
    }
}

#[tokio::test]
async fn a_member_that_comes_twice_at_any_depth_is_refused() {
    let claims = good_claims().to_string();
    let twice = claims.replacen('{', r#"{"organization":{"id":"a","id":"b"},"#, 1);
    let token = Signer::new(Algorithm::Hs256).sign(r#"{"alg":"HS256"}"#, &twice);
    refused(&with_tenant("/organization/id"), &token, InvalidReason::Claims, "twice").await;
}

#[tokio::test]
async fn user_and_token_id_come_from_their_claims_and_the_tenant_may_be_fixed() {
    let tenant = TenantSource::Fixed(TenantId::new("umbrella").unwrap());
    let rules = IssuerRules::new(ISSUER, [AUDIENCE], tenant).unwrap();
    let rules = rules.with_user_claim(path("oid")).unwrap().with_token_id_claim(path("uti"));
    let verifier = verifier(rules);
    let entra = json!({"oid": "u-1", "uti": "5ZkQ", "jti": 7, "tenant": ["not read"]});
    let principal = believed(&verifier, &token(&entra), "entra").await;
    assert_eq!(principal.scope.tenant.as_str(), "umbrella");
    assert_eq!(principal.scope.user.as_str(), "u-1");
    assert_eq!(principal.token_id.unwrap().as_str(), "5ZkQ");
    for (members, purpose) in [
        (json!({}), "user"),
        (json!({"oid": 7}), "user"),
        (json!({"oid": "u-1", "sub": 7}), "subject"),
        (json!({"oid": "u-1", "uti": 7}), "token id"),
        (json!({"oid": "u-1", "uti": "two words"}), "token id"),
    ] {
        let reason = InvalidReason::Claim(purpose);
        refused(&verifier, &token(&members), reason, &members.to_string()).await;
    }
}

#[test]
fn a_claim_with_a_meaning_of_its_own_names_no_tenant_and_no_user() {
    for name in ["exp", "/exp", "aud", "iss", "scope"] {
        let tenant = TenantSource::Claim(path(name));
        let refused = IssuerRules::new(ISSUER, [AUDIENCE], tenant).err();
        assert!(matches!(refused, Some(RulesError::ClaimName(_))), "{name}");
        assert!(rules().with_user_claim(path(name)).is_err(), "{name}");
    }
}

/// Reads the words of three claims; two of them mean something.
fn grants(others: OtherWords) -> Grants {
    let claims = ["scope", "scp", "permissions", "/realm_access/roles"].map(path);
    Grants::new(claims, others)
        .with_word("loquat-admin", [Permission::LimitsWrite, Permission::AccessWrite])
        .with_word("Usage Reader", [Permission::UsageRead])
}

#[tokio::test]
async fn the_issuers_words_allow_what_is_said_of_them_and_nothing_else() {
    let roles = |roles: Value| json!({"realm_access": {"roles": roles}});
    let table = [
        (json!({}), ""),
        (json!({"scope": "openid email loquat-admin"}), "access:write limits:write"),
        (json!({"scp": ["loquat-admin"]}), "access:write limits:write"),
        (json!({"permissions": ["Usage Reader"]}), "usage:read"),
        (roles(json!(["Usage Reader", "offline_access"])), "usage:read"),
        (json!({"scope": "Usage Reader"}), ""),
        (json!({"scope": "usage:read limits:write"}), ""),
        (
            json!({"scope": "loquat-admin", "permissions": ["Usage Reader"]}),
            "access:write limits:write usage:read",
        ),
        (json!({"scope": "LOQUAT-ADMIN loquat-admin2"}), ""),
        (roles(json!(["Übersicht", "a\"b", ""])), ""),
        (json!({"resource_access": {"x": {"roles": ["loquat-admin"]}}}), ""),
        (json!({"realm_access": {}}), ""),
    ];
    for (members, expected) in table {
        let verifier = verifier(rules().with_grants(grants(OtherWords::Ignore)));
        let principal = believed(&verifier, &token(&members), &members.to_string()).await;
        assert_eq!(principal.permissions.to_string(), expected, "{members}");
    }
}

#[tokio::test]
async fn other_words_pass_only_where_that_is_configured() {
    let verifier = verifier(rules().with_grants(grants(OtherWords::Pass)));
    let members = json!({"scope": "openid usage:read loquat-admin"});
    let principal = believed(&verifier, &token(&members), "passed").await;
    let granted = principal.permissions;
    assert_eq!(granted.to_string(), "access:write limits:write openid usage:read");
    assert!(granted.allow(Permission::UsageRead) && !granted.allow(Permission::AuditRead));
    let no_word = json!({"permissions": ["Übersicht"]});
    refused(&verifier, &token(&no_word), InvalidReason::Claim("scope"), "no word").await;
}

#[tokio::test]
async fn words_of_the_wrong_type_are_refused_and_never_taken_for_absent() {
    for members in [
        json!({"scope": null}),
        json!({"scope": 7}),
        json!({"scope": {"a": 1}}),
        json!({"scope": ["a", 7]}),
        json!({"realm_access": null}),
        json!({"realm_access": ["loquat-admin"]}),
        json!({"realm_access": {"roles": {"loquat-admin": true}}}),
    ] {
        let verifier = verifier(rules().with_grants(grants(OtherWords::Ignore)));
        let row = members.to_string();
        refused(&verifier, &token(&members), InvalidReason::Claim("scope"), &row).await;
    }
}

#[tokio::test]
async fn a_token_without_a_required_word_or_claim_is_refused() {
    let grants = Grants::new(["scp", "roles"].map(path), OtherWords::Ignore)
        .requiring_one_of(["Chat.Use", "Chat.Use.All"]);
    let rules = rules()
        .with_grants(grants)
        .with_required_claim(path("typ"), ["Bearer"])
        .with_required_claim(path("/client/id"), ["web", "app"]);
    let verifier = verifier(rules);
    let good = json!({"scp": "openid Chat.Use", "typ": "Bearer", "client": {"id": "web"}});
    believed(&verifier, &token(&good), "good").await;
    let changes =
        [json!({"scp": null, "roles": ["Chat.Use.All"]}), json!({"client": {"id": ["x", "app"]}})];
    for change in changes {
        let mut members = good.clone();
        members.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        members.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        believed(&verifier, &token(&members), &change.to_string()).await;
    }
    let changes = [
        json!({"scp": "openid"}),
        json!({"scp": ""}),
        json!({"scp": "chat.use"}),
        json!({"scp": ["openid Chat.Use"]}),
        json!({"typ": "ID"}),
        json!({"typ": "Refresh"}),
        json!({"typ": 7}),
        json!({"typ": "Bearer x"}),
        json!({"client": {}}),
        json!({"client": "web"}),
        json!({"client": {"id": "webapp"}}),
    ];
    for change in changes {
        let mut members = good.clone();
        members.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let row = change.to_string();
        refused(&verifier, &token(&members), InvalidReason::Requirement, &row).await;
    }
}

#[tokio::test]
async fn only_the_configured_types_are_believed() {
    let signed = |header: Value| Signer::new(Algorithm::Hs256).with_header(&header);
    let strict = verifier(rules().with_types(TokenTypes::new(["at+jwt"])));
    believed(&strict, &signed(json!({"alg": "HS256", "typ": "at+jwt"})), "at+jwt").await;
    for header in [json!({"alg": "HS256", "typ": "JWT"}), json!({"alg": "HS256"})] {
        refused(&strict, &signed(header.clone()), InvalidReason::Type, &header.to_string()).await;
    }
    let okta = verifier(rules().with_types(TokenTypes::new(["JWT", ""])));
    believed(&okta, &signed(json!({"alg": "HS256"})), "none").await;
}
