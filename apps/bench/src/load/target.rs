//! Where the server is, and how a request to it is written.

use std::net::SocketAddr;

use anyhow::Context as _;

/// A server, and the token with which it is asked.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    address: SocketAddr,
    /// Host and port as the URL has them.
    authority: String,
    /// Path before every other, without a slash at its end.
    prefix: String,
    token: Option<String>,
}

impl Target {
    /// Looks up a URL such as `http://127.0.0.1:8080` or `http://host:8080/prefix`.
    ///
    /// # Errors
    ///
    /// When it is not such a URL or its host has no address.
    pub(crate) async fn resolve(url: &str, token: Option<String>) -> anyhow::Result<Self> {
        let rest = url.strip_prefix("http://").with_context(|| {
            format!("`{url}` does not begin with http://; the load generator speaks no TLS")
        })?;
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let with_port =
            if authority.contains(':') { authority.to_owned() } else { format!("{authority}:80") };
        let address = tokio::net::lookup_host(&with_port)
            .await
            .with_context(|| format!("`{authority}` is not a host"))?
            .next()
            .with_context(|| format!("`{authority}` has no address"))?;
        let path = path.trim_end_matches('/');
        let prefix = if path.is_empty() { String::new() } else { format!("/{path}") };
        Ok(Self { address, authority: authority.to_owned(), prefix, token })
    }

    /// The address to connect to.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The bytes of a request. A `body` is JSON.
    pub(crate) fn request(&self, method: &str, path: &str, accept: &str, body: &str) -> Vec<u8> {
        let Self { authority, prefix, .. } = self;
        let mut head = format!(
            "{method} {prefix}{path} HTTP/1.1\r\nhost: {authority}\r\naccept: {accept}\r\n\
             content-length: {}\r\n",
            body.len(),
        );
        if !body.is_empty() {
            head.push_str("content-type: application/json\r\n");
        }
        if let Some(token) = &self.token {
            head.push_str("authorization: Bearer ");
            head.push_str(token);
            head.push_str("\r\n");
        }
        head.push_str("\r\n");
        head.push_str(body);
        head.into_bytes()
    }
}
