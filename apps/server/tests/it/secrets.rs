//! Secrets: weak ones are refused, good ones are never told.

use std::fs;

use crate::program::{Home, Request};

/// A secret that nobody would guess, in a form that is easily found in a text.
const SECRET: &str = "canary-7f1c0b9e5a3d48628e04c7b1f6a2d95e";

fn refused(secret: &str) {
    let done = Home::new().with("LOQUAT_AUTH_SECRET", secret).run(&[]);
    assert_eq!((done.code, done.stdout.as_str()), (Some(1), ""), "{secret:?}");
    let told = &done.stderr;
    assert!(told.starts_with("loquat: LOQUAT_AUTH_SECRET (auth.keys[0].secret_env): "), "{told}");
    assert_eq!(told.lines().count(), 1, "{told}");
    assert!(secret.len() < 8 || !told.contains(secret), "{told}");
}

#[test]
fn an_empty_secret_is_refused() {
    refused("");
}

#[test]
fn a_secret_that_everybody_knows_is_refused() {
    refused("secret");
    refused("changeme");
    refused("your-256-bit-secret");
    refused("a-string-secret-at-least-256-bits-long");
    refused("super-secret-jwt-token-with-at-least-32-characters-long");
}

#[test]
fn a_secret_of_31_bytes_is_refused() {
    refused("7f1c0b9e5a3d48628e04c7b1f6a2d95");
}

#[test]
fn a_secret_that_repeats_itself_is_refused() {
    refused("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
    refused("abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz");
}

#[test]
fn a_secret_that_is_too_short_for_its_algorithm_is_refused() {
    let key = "[[auth.keys]]\nalgorithm = \"HS512\"\nsecret_env = \"S\"\n";
    let done = Home::new().with_file(key).with("S", SECRET).run(&[]);
    assert_eq!(
        done.stderr,
        "loquat: auth.keys[0].secret_env: HS512 needs a secret of 64 bytes: make one with \
         `openssl rand -hex 64`\n"
    );
    assert_eq!(done.code, Some(1));
}

#[test]
fn a_secret_may_lie_in_a_file_that_ends_with_a_line_end() {
    let key = "[[auth.keys]]\nalgorithm = \"HS256\"\nsecret_file = \"secret.txt\"\n";
    let of_file = Home::new().with_file(key);
    fs::write(of_file.path("secret.txt"), format!("{SECRET}\n")).unwrap();
    let server = of_file.serve();
    let of_variable = Home::new().with("LOQUAT_AUTH_SECRET", SECRET);
    let token = of_variable.token(&["--tenant", "acme", "--user", "ada"]);
    assert_eq!(server.answer(&Request::get("GET /v1/models", &token)).status, 200);
}

#[test]
fn no_secret_token_or_text_is_ever_logged() {
    // A port of this machine that nobody listens on: the provider fails, and says why.
    let file = "[providers.gone]\nkind = \"openai\"\nbase_url = \"http://127.0.0.1:1/v1\"\n\
                api_key_env = \"P_KEY\"\nretries = 0\n\
                [models.gone]\nprovider = \"gone\"\ncontext_window = 4096\nmax_output_tokens = 64\n";
    let home = Home::new()
        .with_file(file)
        .with("P_KEY", "canary-key")
        .with("LOQUAT_AUTH_SECRET", SECRET)
        .with("LOQUAT_LOG", "trace");
    let server = home.serve();
    let token = home.token(&["--tenant", "canary-tenant", "--user", "canary-user"]);
    let say = |model: &str, token: &str| {
        let body = format!("{{\"model\": \"{model}\", \"message\": \"canary of the prompt\"}}");
        server.answer(&Request::post("POST /chat/stream", token, &body))
    };
    assert_eq!(say("echo", &token).status, 200);
    assert_eq!(say("gone", &token).status, 502);
    assert_eq!(say("echo", &format!("{token}x")).status, 401);
    let path = format!("GET /v1/canary?access_token={token}");
    assert_eq!(server.answer(&Request::get(&path, &token)).status, 404);
    assert!(!server.banner.contains("canary"), "{}", server.banner);
    let said = server.stopped();
    assert!(said.contains("loquat_http"), "it logs nothing at all: {said}");
    assert!(!said.contains("canary"), "{said}");
    let (_, claims) = token.split_once('.').unwrap();
    assert!(!said.contains(claims), "{said}");
}

#[test]
fn a_log_for_programs_is_an_object_a_line() {
    let home = Home::new().with("LOQUAT_LOG_FORMAT", "json");
    let server = home.serve();
    assert_eq!(server.answer(&Request::get("GET /v1/models", &server.token())).status, 200);
    let said = server.stopped();
    let lines = said.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let requests = lines.filter(|line| line["route"] == "/v1/models" && line["status"] == 200);
    assert_eq!(requests.count(), 1, "{said}");
}
