//! Loquat inside an actix-web application of one's own: its routes beside `/hello`.
//!
//! `cargo run -p loquat-http --example embed` prints an address and a token, each on its line, and
//! serves until it is stopped. The secret and the conversations are gone then.

use std::{error::Error, io::Write as _, sync::Arc, time::Duration};

use actix_web::{App, HttpServer, web};
use loquat_auth::{
    Algorithm, JwtVerifier, Permissions, SigningSecret, TokenMinter, TokenRequest, TokenRules,
    VerificationKey,
};
use loquat_chat::{ChatService, Clock as _, Limits, Model, ModelCatalog, Ports, SystemClock};
use loquat_context::{Estimate, Policy};
use loquat_domain::{Scope, TenantId, UserId};
use loquat_http::{HttpState, SocketOptions};
use loquat_provider::EchoProvider;
use loquat_store_sqlite::{SqliteOptions, SqliteStore};

/// A route of the application's own.
async fn hello() -> &'static str {
    "Hello from the application around Loquat.\n"
}

fn main() -> Result<(), Box<dyn Error>> {
    // Turns run on a runtime of their own, with several threads; actix's workers have one each.
    let turns = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let folder = std::env::temp_dir().join(format!("loquat-embed-{}", std::process::id()));
    let store = Arc::new(SqliteStore::open(&SqliteOptions::new(folder.join("chat.db")))?);
    let ports = Ports::on(&store, models()?, turns.handle());
    let chat = ChatService::new(ports, Limits::default(), turns.handle().clone());
    let (verifier, token) = identity()?;
    let state = HttpState::new(chat.clone(), Arc::new(verifier));

    let socket = loquat_http::listen("127.0.0.1:0".parse()?, &SocketOptions::default())?;
    let mut out = std::io::stdout();
    writeln!(out, "http://{}\n{token}", socket.local_addr()?)?;
    let app = move || {
        App::new()
            .route("/hello", web::get().to(hello))
            .configure(loquat_http::configure(state.clone()))
    };
    let served = actix_web::rt::System::new().block_on(async {
        loquat_http::require(HttpServer::new(app)).workers(1).listen(socket)?.run().await
    });
    turns.block_on(chat.drain(Duration::from_secs(5)));
    std::fs::remove_dir_all(folder)?;
    Ok(served?)
}

fn models() -> Result<ModelCatalog, Box<dyn Error>> {
    let echo = Model {
        id: "echo".to_owned(),
        owner: "loquat".to_owned(),
        upstream: "echo".to_owned(),
        provider: Arc::new(EchoProvider::default()),
        context_window: 8_192,
        max_output_tokens: 1_024,
        price: loquat_domain::Price::default(),
        tenants: None,
        counter: Arc::new(Estimate),
        policy: Policy::balanced(),
        created_at: SystemClock.now(),
    };
    Ok(ModelCatalog::new(vec![echo], "echo")?)
}

/// Tokens signed with a secret that only this process knows. An application with users of its own
/// would verify the tokens of its identity provider, or implement `TokenVerifier` itself.
fn identity() -> Result<(JwtVerifier, String), Box<dyn Error>> {
    let mut secret = [0; 32];
    getrandom::fill(&mut secret)?;
    let secret = SigningSecret::new(secret)?;
    let rules = TokenRules::new(["embed"], ["embed"])?;
    let token =
        TokenMinter::new(Algorithm::Hs256, &secret, rules.clone())?.mint(&TokenRequest {
            scope: Scope { tenant: TenantId::new("home")?, user: UserId::new("me")? },
            permissions: Permissions::default(),
            lifetime: Duration::from_hours(1),
            id: None,
        })?;
    let key = VerificationKey::from_secret(Algorithm::Hs256, &secret)?;
    Ok((JwtVerifier::new([key], rules)?, token))
}
