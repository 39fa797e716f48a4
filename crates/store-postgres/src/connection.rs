//! One connection to the database.

use diesel::ConnectionError;
use diesel_async::AsyncPgConnection;
use tokio_postgres::Config;
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::error::Chain;

/// Where to connect, and whom to believe.
#[derive(Clone)]
pub(crate) struct Connector {
    config: Config,
    tls: MakeRustlsConnect,
}

/// No connection. Says all that is known of the reason, in which there is never a password.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct NoConnection(String);

impl Connector {
    pub(crate) fn new(config: Config, tls: MakeRustlsConnect) -> Self {
        Self { config, tls }
    }

    /// Connects; the connection is driven on the caller's runtime.
    pub(crate) async fn connect(self) -> Result<AsyncPgConnection, NoConnection> {
        // On the heap: it is several times as large as everything around it.
        let (client, connection) = Box::pin(self.config.connect(self.tls))
            .await
            .map_err(|error| NoConnection(Chain(&error).to_string()))?;
        AsyncPgConnection::try_from_client_and_connection(client, connection)
            .await
            .map_err(|error: ConnectionError| NoConnection(Chain(&error).to_string()))
    }
}
