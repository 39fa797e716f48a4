//! `loquat token`.

use crate::program::{Done, Home, Request};

const ADA: [&str; 5] = ["token", "--tenant", "acme", "--user", "ada"];

/// The public half of a key that was made for this test, with `openssl genpkey -algorithm ed25519`.
const PUBLIC_KEY: &str = "-----BEGIN PUBLIC KEY-----\n\
                          MCowBQYDK2VwAyEAFICSZHCcqitjdOEjpzqe8n0MsjoSZnZXqri6o3FqCxg=\n\
                          -----END PUBLIC KEY-----\n";

fn refused(done: &Done, expected: &str) {
    assert_eq!(done.stderr, format!("loquat: {expected}\n"));
    assert_eq!((done.code, done.stdout.as_str()), (Some(1), ""));
}

#[test]
fn a_token_is_printed_and_nothing_else() {
    let done = Home::new().run(&ADA);
    assert_eq!((done.code, done.stderr.as_str()), (Some(0), ""));
    let token = done.stdout.strip_suffix('\n').unwrap();
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    assert!(token.bytes().all(allowed), "{token}");
    assert_eq!(token.split('.').count(), 3);
}

#[test]
fn a_token_made_before_the_first_start_or_during_it_is_believed() {
    let home = Home::new();
    let before = home.token(&["--tenant", "acme", "--user", "ada"]);
    let server = home.serve();
    let during = home.token(&["--tenant", "acme", "--user", "ada", "--ttl", "5m"]);
    for token in [before, during] {
        assert_eq!(server.answer(&Request::get("GET /v1/models", &token)).status, 200);
    }
    assert_eq!(server.answer(&Request::get("GET /v1/models", "a.b.c")).status, 401);
}

#[test]
fn a_token_of_another_home_is_not_believed() {
    let server = Home::new().serve();
    let stranger = Home::new().token(&["--tenant", "dev", "--user", "dev"]);
    assert_eq!(server.answer(&Request::get("GET /v1/models", &stranger)).status, 401);
}

#[test]
fn with_public_keys_only_there_is_nothing_to_sign_with() {
    let home = Home::new()
        .with_file("[[auth.keys]]\nalgorithm = \"EdDSA\"\npublic_key_file = \"key.pem\"\n");
    std::fs::write(home.path("key.pem"), PUBLIC_KEY).unwrap();
    refused(
        &home.run(&ADA),
        "auth.keys: only public keys are configured, so that tokens are made by whoever has the \
         private ones: ask your identity provider for a token, or configure a secret",
    );
    let server = home.serve();
    assert!(server.told("Token:").contains("identity provider"));
}

#[test]
fn a_token_that_no_server_would_believe_is_not_made() {
    let home = Home::new();
    refused(
        &home.run(&[&ADA[..], &["--ttl", "25h"]].concat()),
        "loquat token: a token lives from 1 to 86400 seconds: ask for a lifetime in between",
    );
    refused(
        &home.run(&["token", "--tenant", "a b", "--user", "ada"]),
        "--tenant: a tenant, user or token is named by 1 to 255 printable ASCII characters without spaces",
    );
    refused(
        &home.run(&[&ADA[..], &["--scope", "a b"]].concat()),
        "--scope: a scope is printable ASCII without spaces, quotes and backslashes",
    );
}

#[test]
fn a_lifetime_without_a_unit_is_told_the_form() {
    let done = Home::new().run(&[&ADA[..], &["--ttl", "90"]].concat());
    assert!(done.stderr.contains("such as 90s, 15m, 1h or 7d"), "{}", done.stderr);
    assert_eq!(done.code, Some(2));
}

#[test]
fn a_token_needs_no_key_of_any_provider() {
    let home =
        Home::new().with_file("[providers.p]\nkind = \"openai\"\napi_key_env = \"ABSENT\"\n");
    assert_eq!(home.run(&ADA).code, Some(0));
}
