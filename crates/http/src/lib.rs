//! The HTTP edge of Loquat: OpenAI's Responses, Conversations, Chat Completions and Models, and
//! `/chat/stream`, the smallest thing that works.
//!
//! A handler parses a request, calls one use case of [`loquat_chat`] and renders what comes back.
//! [`configure`] mounts everything on an actix application, also on one that is not ours;
//! [`require`] gives its server the settings without which a client that leaves is not noticed,
//! and [`listen`] opens its socket.
//!
//! ```no_run
//! # async fn serve(
//! #     chat: loquat_chat::ChatService,
//! #     verifier: std::sync::Arc<dyn loquat_auth::TokenVerifier>,
//! # ) -> std::io::Result<()> {
//! use actix_web::{App, HttpServer};
//! use loquat_http::{HttpState, SocketOptions};
//!
//! let state = HttpState::new(chat, verifier);
//! let app = move || App::new().configure(loquat_http::configure(state.clone()));
//! let socket = loquat_http::listen("127.0.0.1:8080".parse().unwrap(), &SocketOptions::default())?;
//! loquat_http::require(HttpServer::new(app)).listen(socket)?.run().await
//! # }
//! ```
//!
//! **Invariant**: no SQL and no provider's wire. A request acts for the scope of its token and for
//! no other; whatever else it names is looked up within that scope. Nothing that a person or a
//! model said, and no token, is ever logged.

mod accept;
mod body;
mod caller;
mod csv;
mod cursor;
mod encode;
mod error;
mod header;
mod observe;
mod once;
mod openapi;
mod path;
mod providers;
mod query;
mod rate_limits;
mod request;
mod routes;
mod rules;
mod server;
mod state;
mod stream;
mod text_or;
mod wire;

pub use error::ErrorCode;
pub use openapi::openapi_json;
pub use providers::{ProviderFailure, ProviderHealth};
pub use routes::configure;
pub use server::{SocketOptions, listen, require};
pub use state::HttpState;
