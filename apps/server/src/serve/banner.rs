//! What a newcomer reads first.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

/// Where the server is, and how to say the first word to it.
pub(super) struct Banner {
    pub(super) address: SocketAddr,
    /// There is one only when the secret was generated, which implies that nobody outside this
    /// machine is served.
    pub(super) development_token: Option<String>,
    pub(super) can_mint: bool,
    pub(super) database: String,
    pub(super) models: Vec<String>,
    pub(super) default_model: String,
}

impl fmt::Display for Banner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url = format!("http://{}", reachable(self.address));
        let version = env!("CARGO_PKG_VERSION");
        writeln!(f, "Loquat {version} serves on {url}\n")?;
        writeln!(f, "Say something to it:\n")?;
        if self.development_token.is_none() && self.can_mint {
            writeln!(f, "  TOKEN=$(loquat token --tenant TENANT --user USER)")?;
        }
        let token = self.development_token.as_deref().unwrap_or("$TOKEN");
        writeln!(f, "  curl -N {url}/chat/stream -H \"Authorization: Bearer {token}\" \\")?;
        writeln!(
            f,
            "    -H 'Content-Type: application/json' -d '{{\"message\": \"Hello, Loquat!\"}}'\n"
        )?;
        match (&self.development_token, self.can_mint) {
            (Some(_), _) => writeln!(
                f,
                "Token:   the one above is for development and valid for a day at most; `loquat \
                 token` makes others"
            )?,
            (None, true) => {}
            (None, false) => writeln!(f, "Token:   one of your identity provider, in $TOKEN")?,
        }
        writeln!(f, "Docs:    {url}/docs")?;
        writeln!(f, "Data:    {}", self.database)?;
        writeln!(f, "Models:  {}", self.models())
    }
}

impl Banner {
    /// The default first.
    fn models(&self) -> String {
        let others = self.models.iter().filter(|model| **model != self.default_model);
        let names: Vec<_> = others.map(String::as_str).collect();
        if names.is_empty() {
            self.default_model.clone()
        } else {
            format!("{} (default), {}", self.default_model, names.join(", "))
        }
    }
}

/// Who listens everywhere is found here too, and no client can call "everywhere".
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn banner() -> Banner {
        Banner {
            address: "127.0.0.1:8080".parse().unwrap(),
            development_token: None,
            can_mint: false,
            database: "/data/loquat.db".to_owned(),
            models: vec!["echo".to_owned(), "gpt".to_owned()],
            default_model: "gpt".to_owned(),
        }
    }

    #[test]
    fn a_development_token_stands_in_the_line_to_paste() {
        let told = Banner { development_token: Some("a.b.c".to_owned()), ..banner() }.to_string();
        let line = "curl -N http://127.0.0.1:8080/chat/stream -H \"Authorization: Bearer a.b.c\"";
        assert!(told.contains(line), "{told}");
    }

    #[test]
    fn without_one_the_way_to_a_token_is_told() {
        let told = Banner { can_mint: true, ..banner() }.to_string();
        assert!(told.contains("TOKEN=$(loquat token "), "{told}");
        let told = banner().to_string();
        assert!(told.contains("one of your identity provider"), "{told}");
        assert!(told.contains("Bearer $TOKEN\""), "{told}");
    }

    #[test]
    fn where_everything_is_is_told() {
        let told = Banner { address: "0.0.0.0:80".parse().unwrap(), ..banner() }.to_string();
        for text in
            ["http://127.0.0.1:80/docs", "Data:    /data/loquat.db", "Models:  gpt (default), echo"]
        {
            assert!(told.contains(text), "{text}: {told}");
        }
    }
}
