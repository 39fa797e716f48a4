//! Makes connections, within a time.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use http::Uri;
use hyper_rustls::{
    ConfigBuilderExt as _, HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream,
};
use hyper_util::{client::legacy::connect::HttpConnector, rt::TokioIo};
use rustls::{ClientConfig, RootCertStore, crypto::aws_lc_rs};
use tokio::net::TcpStream;
use tower_service::Service;

use crate::OptionsError;

type Error = Box<dyn std::error::Error + Send + Sync>;

/// Connects by TCP and, for `https`, by TLS with the system's root certificates, all of it within
/// the limit. The error of a limit that is passed is [`tokio::time::error::Elapsed`].
#[derive(Clone)]
pub(super) struct Connector {
    inner: HttpsConnector<HttpConnector>,
    limit: Duration,
}

impl Connector {
    pub(super) fn new(is_https: bool, limit: Duration) -> Result<Self, OptionsError> {
        let mut tcp = HttpConnector::new();
        tcp.set_nodelay(true);
        // It is asked for https too, and leaves TLS to the layer above.
        tcp.enforce_http(false);
        let tls = tls(is_https).map_err(|error| OptionsError::Client(error.into()))?;
        let inner = HttpsConnectorBuilder::new().with_tls_config(tls);
        let inner = inner.https_or_http().enable_http1().wrap_connector(tcp);
        Ok(Self { inner, limit })
    }
}

/// Without `https` no certificate will ever be looked at, and none has to be installed.
fn tls(is_https: bool) -> Result<ClientConfig, rustls::Error> {
    let builder = ClientConfig::builder_with_provider(aws_lc_rs::default_provider().into())
        .with_safe_default_protocol_versions()?;
    let builder = if is_https {
        builder.try_with_platform_verifier()?
    } else {
        builder.with_root_certificates(RootCertStore::empty())
    };
    Ok(builder.with_no_client_auth())
}

impl Service<Uri> for Connector {
    type Response = MaybeHttpsStream<TokioIo<TcpStream>>;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connecting = tokio::time::timeout(self.limit, self.inner.call(uri));
        Box::pin(async { connecting.await? })
    }
}
