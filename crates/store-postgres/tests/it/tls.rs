//! Who is believed to be the database.

use std::error::Error;

use loquat_store::Upkeep as _;
use loquat_store_postgres::{ConnectError, PostgresOptions, PostgresStore};
use loquat_testkit::{ClusterOptions, PrivateCluster, TestDatabase};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tempfile::TempDir;

use crate::database::{client, database_on};

/// An authority, and a server with a certificate of its for `localhost`.
struct Secured {
    cluster: PrivateCluster,
    database: TestDatabase,
    files: TempDir,
}

fn authority(name: &str) -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(rcgen::DnType::CommonName, name);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

impl Secured {
    /// A server that takes the roles of the store by TLS only when `only` says so.
    async fn start(only: bool) -> Self {
        let trusted = authority("trusted");
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &trusted).unwrap();
        let kind = if only { "hostssl" } else { "host" };
        let options = ClusterOptions::default()
            .with_setting("ssl", "on")
            .with_file("server.crt", certificate.pem())
            .with_file("server.key", key.serialize_pem())
            .with_hba(&format!(
                "host all postgres 127.0.0.1/32 scram-sha-256\n\
                 host all loquat_owner 127.0.0.1/32 scram-sha-256\n\
                 {kind} all loquat_app all scram-sha-256\n"
            ));
        let cluster = PrivateCluster::start(options).await;
        let database = database_on(&cluster).await;
        let files = TempDir::new().unwrap();
        std::fs::write(files.path().join("trusted.pem"), trusted.pem()).unwrap();
        std::fs::write(files.path().join("other.pem"), authority("other").pem()).unwrap();
        std::fs::write(files.path().join("empty.pem"), "").unwrap();
        Self { cluster, database, files }
    }

    /// Connects to this host with these settings; certificates are named without their folder.
    async fn connect(&self, host: &str, settings: &str) -> Result<PostgresStore, ConnectError> {
        let folder = format!("sslrootcert={}/", self.files.path().display());
        let settings = settings.replace("sslrootcert=", &folder);
        let url = self.database.app_url().replace("127.0.0.1", host);
        PostgresStore::connect(&PostgresOptions::new(&format!("{url}?{settings}")).unwrap()).await
    }

    /// Whether the store's sessions are encrypted.
    async fn is_encrypted(&self) -> bool {
        let admin = client(&self.database.admin_url()).await;
        let encrypted = "SELECT bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
            WHERE application_name = 'loquat' AND datname = current_database()";
        admin.query_one(encrypted, &[]).await.unwrap().get(0)
    }
}

fn whole(error: &(dyn Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| (*error).source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

#[tokio::test]
async fn a_connection_is_encrypted_where_the_server_offers_it_unless_that_is_not_wanted() {
    let secured = Secured::start(false).await;
    for (settings, encrypted) in [
        ("", true),
        ("sslmode=disable", false),
        ("sslmode=prefer", true),
        ("sslmode=require", true),
        ("sslmode=require&channel_binding=require", true),
    ] {
        let store = secured.connect("127.0.0.1", settings).await.unwrap();
        store.ping().await.unwrap();
        assert_eq!(secured.is_encrypted().await, encrypted, "{settings}");
        drop(store);
        let admin = client(&secured.database.admin_url()).await;
        let left = "SELECT count(*) FROM pg_stat_activity
            WHERE application_name = 'loquat' AND datname = current_database()";
        while admin.query_one(left, &[]).await.unwrap().get::<_, i64>(0) > 0 {}
    }
    drop(secured.cluster);
}

#[tokio::test]
async fn a_server_is_verified_by_its_authority_and_its_name() {
    let secured = Secured::start(true).await;
    for (host, settings) in [
        ("localhost", "sslmode=verify-full&sslrootcert=trusted.pem&channel_binding=require"),
        ("127.0.0.1", "sslmode=verify-ca&sslrootcert=trusted.pem"),
        ("127.0.0.1", "sslmode=require&sslrootcert=trusted.pem"),
    ] {
        let store = secured.connect(host, settings).await.unwrap();
        store.ping().await.unwrap();
        assert!(secured.is_encrypted().await);
    }
    for (host, settings, why) in [
        // Another name than the certificate's.
        ("127.0.0.1", "sslmode=verify-full&sslrootcert=trusted.pem", "not valid for name"),
        // Another authority, also where the name does not count.
        ("localhost", "sslmode=verify-full&sslrootcert=other.pem", "UnknownIssuer"),
        ("localhost", "sslmode=verify-ca&sslrootcert=other.pem", "UnknownIssuer"),
        ("localhost", "sslmode=require&sslrootcert=other.pem", "UnknownIssuer"),
        // The system's authorities do not know ours.
        ("localhost", "sslmode=verify-full", "UnknownIssuer"),
        // The server lets nobody in without.
        ("127.0.0.1", "sslmode=disable", "no encryption"),
    ] {
        let refused = secured.connect(host, settings).await.unwrap_err();
        assert!(matches!(refused, ConnectError::Unavailable(_)), "{settings}: {refused:?}");
        let text = whole(&refused);
        assert!(text.contains(why), "{settings}: {text}");
        assert!(!format!("{text} {refused:?}").contains("loquat:loquat"), "{text}");
    }
    for missing in ["nothing.pem", "empty.pem"] {
        let settings = format!("sslmode=verify-ca&sslrootcert={missing}");
        let refused = secured.connect("localhost", &settings).await.unwrap_err();
        assert!(matches!(refused, ConnectError::Certificates(_)), "{refused:?}");
        assert!(whole(&refused).contains(missing), "{}", whole(&refused));
    }
    drop(secured.cluster);
}

#[tokio::test]
async fn a_server_without_tls_is_used_only_where_none_is_demanded() {
    let cluster = PrivateCluster::start(ClusterOptions::default()).await;
    let database = database_on(&cluster).await;
    let connect = |settings: &str| {
        let url = format!("{}?{settings}", database.app_url());
        async move { PostgresStore::connect(&PostgresOptions::new(&url).unwrap()).await }
    };
    for settings in ["", "sslmode=disable", "sslmode=prefer"] {
        connect(settings).await.unwrap().ping().await.unwrap();
    }
    for settings in ["sslmode=require", "sslmode=verify-full"] {
        let refused = connect(settings).await.unwrap_err();
        assert!(whole(&refused).contains("TLS"), "{settings}: {}", whole(&refused));
    }
}

#[tokio::test]
async fn a_wrong_password_and_a_port_where_nobody_listens_are_unavailable() {
    let cluster = PrivateCluster::start(ClusterOptions::default()).await;
    let database = database_on(&cluster).await;
    let wrong = database.app_url().replace(":loquat@", ":canary@");
    let nobody = database.app_url().replace(&format!(":{}", cluster.port()), ":1");
    for url in [wrong, nobody] {
        let options = PostgresOptions::new(&url).unwrap();
        let refused = PostgresStore::connect(&options).await.unwrap_err();
        assert!(matches!(refused, ConnectError::Unavailable(_)), "{refused:?}");
        let said = format!("{} {refused:?}", whole(&refused));
        assert!(!said.contains("canary"), "{said}");
    }
}
