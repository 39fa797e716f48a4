//! `[auth.providers.NAME]`: the program and an identity provider.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::time::{Duration, Instant};

use loquat_testkit::{IdentityAlgorithm, IdentityAnswer, IdentityServer};
use serde_json::json;

use crate::program::{Done, Home, Request, Server};

/// Longer than anything takes on a busy machine.
const SOON: Duration = Duration::from_secs(30);

/// A provider in a thread of its own, since these tests are not asynchronous.
struct Provider {
    server: IdentityServer,
    _runtime: tokio::runtime::Runtime,
}

impl Provider {
    fn start(algorithm: IdentityAlgorithm) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let server = runtime.block_on(IdentityServer::start(algorithm)).unwrap();
        Self { server, _runtime: runtime }
    }

    /// Its section in the file, with more keys.
    fn section(&self, name: &str, more: &str) -> String {
        let issuer = self.server.issuer();
        format!(
            "[auth.providers.{name}]\nissuer = \"{issuer}\"\naudiences = [\"loquat\"]\n{more}\n"
        )
    }
}

fn status(server: &Server, token: &str) -> u16 {
    server.answer(&Request::get("GET /v1/models", token)).status
}

/// Asks until the answer is no 503 any more.
fn settled(server: &Server, token: &str) -> u16 {
    let until = Instant::now() + SOON;
    loop {
        let status = status(server, token);
        if status != 503 || Instant::now() > until {
            return status;
        }
    }
}

fn ready(server: &Server) -> u16 {
    server.answer(&Request::get("GET /readyz", "")).status
}

#[test]
fn tokens_of_a_provider_that_publishes_its_keys_are_believed() {
    let keycloak = Provider::start(IdentityAlgorithm::Rs256);
    let home = Home::new().with_file(&keycloak.section("keycloak", "tenant_claim = \"tenant\""));
    let server = home.serve();
    assert!(server.told("Token:").contains("identity provider"));
    let idp = &keycloak.server;
    assert_eq!(settled(&server, &idp.token(&json!({}))), 200);
    assert_eq!(ready(&server), 200);
    let body = r#"{"message":"Hello"}"#;
    let token = idp.token(&json!({}));
    let answer = server.answer(&Request::post("POST /chat/stream", &token, body));
    assert!(answer.status == 200 && answer.body.contains("Hello"), "{}", answer.body);
    let stranger = Provider::start(IdentityAlgorithm::Rs256);
    for forged in [
        "a.b.c".to_owned(),
        idp.token(&json!({"aud": "another"})),
        idp.token(&json!({"tenant": null})),
        idp.token(&json!({"iss": stranger.server.issuer()})),
        stranger.server.token(&json!({})),
        stranger.server.token(&json!({"iss": idp.issuer()})),
        idp.token_with(&json!({"typ": null}), &idp.claims(&json!({}))),
    ] {
        assert_eq!(status(&server, &forged), 401);
    }
    assert_eq!((idp.discovery_requests(), idp.key_requests()), (1, 1));
    let said = server.stopped();
    assert!(said.contains("an issuer's keys are there"), "{said}");
    assert!(!said.contains(&token), "{said}");
}

#[test]
fn providers_and_a_secret_of_ones_own_are_believed_side_by_side() {
    let [one, two] = [IdentityAlgorithm::EdDsa, IdentityAlgorithm::Es256].map(Provider::start);
    let file = [
        one.section("one", "algorithms = [\"EdDSA\"]\ntenant = \"first\""),
        two.section("two", "algorithms = [\"ES256\"]\ntenant = \"second\""),
    ];
    let home = Home::new()
        .with_file(&file.concat())
        .with("LOQUAT_AUTH_SECRET", "b2c7f0a98d1e46537f9c2ab04e6d8135");
    let own = home.token(&["--tenant", "acme", "--user", "ada"]);
    let server = home.serve();
    assert_eq!(status(&server, &own), 200);
    for provider in [&one, &two] {
        assert_eq!(settled(&server, &provider.server.token(&json!({}))), 200);
    }
    let confused = one.server.token(&json!({"iss": two.server.issuer()}));
    assert_eq!(status(&server, &confused), 401);
    // The same user of the same name is another one at another provider's tenant.
    let body = r#"{"metadata":{}}"#;
    let token = one.server.token(&json!({}));
    let made = server.answer(&Request::post("POST /v1/conversations", &token, body));
    let (_, rest) = made.body.split_once("conv_").unwrap();
    let line = format!("GET /v1/conversations/conv_{}", rest.split('"').next().unwrap());
    assert_eq!(server.answer(&Request::get(&line, &token)).status, 200);
    let stranger = two.server.token(&json!({}));
    assert_eq!(server.answer(&Request::get(&line, &stranger)).status, 404);
}

#[test]
fn a_provider_that_is_down_at_the_start_is_waited_for_and_one_that_goes_down_is_not_missed() {
    let provider = Provider::start(IdentityAlgorithm::Es256);
    let idp = &provider.server;
    idp.answer_discovery(IdentityAnswer::Status(503));
    let more = "algorithms = [\"ES256\"]\ntenant = \"acme\"";
    let server = Home::new().with_file(&provider.section("idp", more)).serve();
    let token = idp.token(&json!({}));
    assert_eq!((status(&server, &token), ready(&server)), (503, 503));
    assert_eq!(server.answer(&Request::get("GET /healthz", "")).status, 200);
    idp.answer_discovery(IdentityAnswer::Right);
    assert_eq!((settled(&server, &token), ready(&server)), (200, 200));
    idp.answer_keys(IdentityAnswer::Status(500));
    let unknown = idp.token_with(&json!({"kid": "made-up"}), &idp.claims(&json!({})));
    assert_eq!((status(&server, &unknown), status(&server, &token)), (401, 200));
    assert_eq!(ready(&server), 200);
}

#[test]
fn everything_that_is_wrong_with_a_provider_is_told_before_anybody_is_asked() {
    let file = r#"
        [auth.providers.empty]

        [auth.providers.bad]
        issuer = "http://id.example/canary"
        audiences = []
        tenant = "two words"
        tenant_claim = "exp"
        user_claim = "realm.user"
        algorithms = ["RS256", "HS256"]
        scope_claims = ["/a~b"]
        permissions = { admin = ["usage:canary"] }
        required_claims = { typ = [] }
        secret = "canary"

        [auth.providers.keys]
        issuer = "https://id.example/keys"
        audiences = ["loquat"]
        tenant_claim = "exp"
        jwks_url = "https://user:canary@id.example/keys"

        [auth.providers.same]
        issuer = "https://id.example/keys"
        audiences = ["loquat"]
        tenant = "acme"
    "#;
    let Done { code, stderr, .. } = Home::new().with_file(file).run(&[]);
    assert_eq!(code, Some(1));
    for expected in [
        "auth.providers.empty.issuer: is missing",
        "auth.providers.empty.tenant: name either",
        "auth.providers.bad.issuer: keys must come by https://",
        "auth.providers.bad.audiences: no audience",
        "auth.providers.bad.tenant: name either",
        "auth.providers.bad.user_claim: a name with a dot",
        "auth.providers.bad.algorithms: HS256 takes a secret",
        "auth.providers.bad.scope_claims: in a path",
        "auth.providers.bad.permissions: there is no such permission",
        "auth.providers.bad.required_claims: name at least one value",
        "auth.providers.bad.secret: there is no such key",
        "auth.providers.keys.tenant_claim: `exp` cannot be",
        "auth.providers.keys.jwks_url: give a URL",
        "auth.providers.same.issuer: another provider",
    ] {
        assert!(stderr.contains(&format!("loquat: {expected}")), "{expected}: {stderr}");
    }
    assert!(!stderr.contains("canary"), "{stderr}");
}

#[test]
fn the_configuration_is_shown_as_it_can_be_read_again() {
    let provider = "[auth.providers.idp]\nissuer = \"https://id.example\"\naudiences = [\"a\"]\n\
                    tenant_claim = \"/org/id\"\npermissions = { admin = [\"audit:read\"] }\n\
                    required_claims = { typ = [\"Bearer\"] }\n";
    let shown = Home::new().with_file(provider).run(&["config"]);
    assert_eq!((shown.code, shown.stderr.as_str()), (Some(0), ""));
    let again = Home::new().with_file(&shown.stdout).run(&["config"]);
    assert_eq!(again.stdout, shown.stdout);
    assert!(shown.stdout.contains("[auth.providers.idp.permissions]"), "{}", shown.stdout);
}

#[test]
fn the_examples_of_the_documentation_are_configurations() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/how-to/identity.md");
    let page = std::fs::read_to_string(page).unwrap();
    let examples: Vec<&str> =
        page.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert_eq!(examples.len(), 5);
    for example in examples {
        let home = Home::new();
        std::fs::write(home.path("key.pem"), PUBLIC_KEY).unwrap();
        let example = example.replace("/etc/loquat/partner.pem", "key.pem");
        let done = home.with_file(&example).run(&["config"]);
        assert_eq!((done.code, done.stderr.as_str()), (Some(0), ""), "{example}");
    }
}

/// A key of the kind that the last example names.
const PUBLIC_KEY: &str = include_str!("../../../../crates/auth/tests/it/keys/p256.public.pem");
