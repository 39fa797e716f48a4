//! Whatever cannot work is told before the port is opened: one line a fault, and nothing starts.

use std::{fs, net::TcpListener, os::unix::fs::PermissionsExt as _};

use crate::program::{Home, taken_port};

/// A home whose port is taken, so that a server that gets as far as opening it says something else.
struct Refused {
    home: Home,
    port: TcpListener,
}

impl Refused {
    fn new() -> Self {
        let (port, address) = taken_port();
        Self { home: Home::new().with("LOQUAT_LISTEN", address), port }
    }

    fn with(self, variable: &'static str, value: &str) -> Self {
        Self { home: self.home.with(variable, value), ..self }
    }

    fn with_file(self, text: &str) -> Self {
        Self { home: self.home.with_file(text), ..self }
    }

    /// The server refuses with exactly this on standard error.
    fn says(self, expected: &str) {
        let done = self.home.run(&[]);
        assert_eq!(done.stderr, format!("loquat: {expected}\n"));
        assert_eq!((done.code, done.stdout.as_str()), (Some(1), ""));
        assert!(!self.home.path("loquat-data").exists(), "it has made something");
        drop(self.port);
    }
}

#[test]
fn an_address_that_is_none() {
    Refused::new().with("LOQUAT_LISTEN", "localhost").says(
        "LOQUAT_LISTEN (server.listen): must be an IP address and a port, such as 127.0.0.1:8080 \
         or 0.0.0.0:8080",
    );
}

#[test]
fn the_generated_secret_beyond_this_machine() {
    Refused::new().with("LOQUAT_LISTEN", "0.0.0.0:0").says(
        "LOQUAT_LISTEN (server.listen): would serve other machines, but tokens are signed with the \
         generated development secret: put a secret of your own into LOQUAT_AUTH_SECRET, configure \
         [[auth.keys]] or [auth.providers.NAME], or listen on 127.0.0.1",
    );
}

#[test]
fn a_number_that_is_none_or_out_of_bounds() {
    Refused::new().with("LOQUAT_HTTP_WORKERS", "two").says(
        "LOQUAT_HTTP_WORKERS (server.http_workers): must be a whole number that is not negative",
    );
    Refused::new()
        .with("LOQUAT_RUNTIME_THREADS", "0")
        .says("LOQUAT_RUNTIME_THREADS (server.runtime_threads): must be from 1 to 1024");
}

#[test]
fn a_log_that_cannot_be() {
    Refused::new().with("LOQUAT_LOG", "=loud=").says(
        "LOQUAT_LOG (log.filter): must be levels by module, such as info or \
         warn,loquat_http=debug",
    );
    Refused::new()
        .with("LOQUAT_LOG_FORMAT", "xml")
        .says("LOQUAT_LOG_FORMAT (log.format): must be \"text\" or \"json\"");
}

#[test]
fn a_database_url_that_cannot_be_one() {
    Refused::new()
        .with("LOQUAT_DATABASE_URL", "postgres://loquat:canary@db/loquat?sslmode=maybe")
        .says(
            "LOQUAT_DATABASE_URL (database.url): `sslmode` in the database URL must be disable, prefer, \
         require, verify-ca or verify-full",
    );
}

#[test]
fn a_postgres_that_is_not_there() {
    let home =
        Home::new().with("LOQUAT_DATABASE_URL", "postgres://loquat:canary@127.0.0.1:1/loquat");
    for command in [&[][..], &["migrate"]] {
        let done = home.run(command);
        assert_eq!(done.code, Some(1), "{}", done.stderr);
        assert!(
            done.stderr.contains("postgres://loquat:***@127.0.0.1:1/loquat cannot be used"),
            "{}",
            done.stderr
        );
        assert!(!done.stderr.contains("canary"), "{}", done.stderr);
    }
}

#[test]
fn a_default_model_that_is_not_there() {
    Refused::new().with("LOQUAT_DEFAULT_MODEL", "gpt-9").says(
        "LOQUAT_DEFAULT_MODEL (default_model): there is no model of that name: configure \
         [models.NAME], or name another",
    );
}

#[test]
fn a_summariser_that_is_not_there() {
    Refused::new().with_file("[context]\nsummariser = \"gpt-9\"\n").says(
        "context.summariser: there is no model of that name: configure [models.NAME], or name \
         another",
    );
}

#[test]
fn a_policy_that_cannot_be() {
    Refused::new()
        .with_file("[context]\npolicy = { high = 1000, low = 2000 }\n")
        .says("context.policy.low: must not be more than `high`");
}

#[test]
fn a_file_that_is_named_and_not_there() {
    Refused::new().with("LOQUAT_CONFIG", "other.toml").says(
        "LOQUAT_CONFIG: the file other.toml cannot be read: No such file or directory (os error 2)",
    );
}

#[test]
fn a_provider_whose_key_is_not_there() {
    Refused::new().with_file("[providers.p]\nkind = \"openai\"\napi_key_env = \"P_KEY\"\n").says(
        "providers.p.api_key_env: there is no environment variable of that name: put the \
             secret there",
    );
}

#[test]
fn a_key_in_the_place_of_its_variable() {
    Refused::new()
        .with_file("[providers.p]\nkind = \"openai\"\napi_key_env = \"sk-canary\"\n")
        .says(
            "providers.p.api_key_env: must be the name of an environment variable, in capital \
             letters",
        );
}

#[test]
fn a_key_that_no_header_can_carry() {
    Refused::new()
        .with("P_KEY", "canary\ncanary")
        .with_file("[providers.p]\nkind = \"openai\"\napi_key_env = \"P_KEY\"\n")
        .says("providers.p.api_key_env: the key must be visible ASCII characters");
}

#[test]
fn an_address_of_a_provider_that_is_none() {
    Refused::new().with("OPENAI_BASE_URL", "ftp://canary/v1").with("OPENAI_MODEL", "m").says(
        "OPENAI_BASE_URL (providers.openai.base_url): the base URL must begin with http:// or \
             https://",
    );
}

#[test]
fn a_provider_without_a_model() {
    Refused::new().with("OPENAI_BASE_URL", "http://127.0.0.1:9/v1").says(
        "OPENAI_BASE_URL: no model of that server is known: name one in OPENAI_MODEL, for example \
         OPENAI_MODEL=llama3.2, or configure [models.NAME] with provider = \"openai\"",
    );
}

#[test]
fn a_public_key_file_that_is_not_there() {
    Refused::new()
        .with_file("[[auth.keys]]\nalgorithm = \"ES256\"\npublic_key_file = \"no.pem\"\n")
        .says(
            "auth.keys[0].public_key_file: the file cannot be read: No such file or directory (os \
             error 2)",
        );
}

#[test]
fn a_key_without_a_place_or_an_algorithm() {
    Refused::new()
        .with_file("[[auth.keys]]\nalgorithm = \"HS256\"\n")
        .says("auth.keys[0]: name exactly one of secret_env, secret_file and public_key_file");
    Refused::new().with("S", "7f1c0b9e5a3d48628e04c7b1f6a2d95e").with_file("[[auth.keys]]\nsecret_env = \"S\"\n").says(
        "auth.keys[0].algorithm: the algorithm is not supported: name one of HS256, HS384, HS512, \
         RS256, RS384, RS512, PS256, ES256, ES384, EdDSA",
    );
}

#[test]
fn rules_of_tokens_that_no_token_can_follow() {
    Refused::new().with_file("[auth]\nissuers = []\n").says(
        "auth.issuers: no issuer to expect: name at least one, as it stands in the `iss` claim",
    );
    Refused::new().with_file("[auth]\ntenant_claim = \"exp\"\n").says(
        "auth.tenant_claim: `exp` cannot be the claim of the tenant or the user: name a claim that \
         has no other meaning",
    );
    Refused::new().with_file("[auth]\nmax_lifetime_seconds = 0\n").says(
        "auth.max_lifetime_seconds: the maximum lifetime of a token is too short: allow at least \
         one second",
    );
}

#[test]
fn several_faults_are_told_at_once() {
    Refused::new()
        .with("LOQUAT_AUTH_SECRET", "changeme")
        .with("LOQUAT_DATABASE_URL", "mysql://canary")
        .with_file(
            "[server]\nhttp_workers = 0\n[providers.p]\nkind = \"openai\"\napi_key_env = \"K\"\n",
        )
        .says(
            "server.http_workers: must be from 1 to 1024\n\
             loquat: LOQUAT_DATABASE_URL (database.url): must begin with sqlite:// or \
             postgres://, such as sqlite://loquat.db or postgres://loquat_app@localhost/loquat\n\
             loquat: LOQUAT_AUTH_SECRET (auth.keys[0].secret_env): the secret is a published \
             example or a placeholder: make one with `openssl rand -hex 32`\n\
             loquat: providers.p.api_key_env: there is no environment variable of that name: put \
             the secret there",
        );
}

#[test]
fn a_port_that_is_taken() {
    let (_port, address) = taken_port();
    let home = Home::new().with("LOQUAT_LISTEN", &address);
    let done = home.run(&[]);
    assert_eq!(
        done.stderr,
        format!(
            "loquat: server.listen: {address} is in use: stop the program that listens there, or \
             choose another address with LOQUAT_LISTEN or --listen\n"
        )
    );
    assert_eq!((done.code, done.stdout.as_str()), (Some(1), ""));
    assert!(!home.path("loquat-data/loquat.db").exists(), "it has touched the data");
}

#[test]
fn a_second_server_on_the_same_port() {
    let home = Home::new();
    let server = home.serve();
    let address = server.address().to_string();
    let done = home.run(&["--listen", &address]);
    assert!(done.stderr.starts_with(&format!("loquat: server.listen: {address} is in use:")));
    assert_eq!(done.code, Some(1));
}

#[test]
fn a_database_that_is_none() {
    let home = Home::new().with("LOQUAT_DATABASE_URL", "sqlite://notes.txt");
    fs::write(home.path("notes.txt"), "not a database, and long enough to be told from one")
        .unwrap();
    let done = home.run(&[]);
    assert_eq!(
        done.stderr,
        "loquat: database.url: the database notes.txt cannot be opened: file is not a database\n"
    );
    assert_eq!((done.code, done.stdout.as_str()), (Some(1), ""));
}

#[test]
fn a_data_directory_that_is_a_file() {
    let home = Home::new().with("LOQUAT_DATA_DIR", "data");
    fs::write(home.path("data"), "").unwrap();
    let done = home.run(&[]);
    assert!(
        done.stderr
            .starts_with("loquat: server.data_dir: making the data directory in data failed:"),
        "{}",
        done.stderr
    );
    assert_eq!((done.stderr.lines().count(), done.code), (1, Some(1)));
}

#[test]
fn a_generated_secret_that_others_can_open() {
    let home = Home::new();
    home.serve().stopped();
    let secret = home.path("loquat-data/secret");
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o644)).unwrap();
    let done = home.run(&[]);
    assert!(
        done.stderr.starts_with("loquat: server.data_dir: others can open the file "),
        "{}",
        done.stderr
    );
    assert_eq!((done.stderr.lines().count(), done.code), (1, Some(1)));
}
