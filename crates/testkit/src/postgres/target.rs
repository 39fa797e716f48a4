//! A server that test databases are made on, and what has to be there before the first of them.

use tokio::sync::OnceCell;
use tokio_postgres::{Client, Error};
use url::Url;

use super::{
    APP_ROLE, DATABASE_PREFIX, OWNER_ROLE, TEMPLATE_PREFIX, admin, place::Presence, server,
};

/// All administration goes through this database: advisory locks hold within one database only.
const MAINTENANCE: &str = "postgres";

/// The roles may do nothing but log in, so their passwords need not be secret.
const PASSWORD: &str = "loquat";

#[derive(Debug)]
pub(super) struct Target {
    admin: Url,
    is_own: bool,
    prepared: OnceCell<()>,
    _presence: Option<Presence>,
}

impl Target {
    /// A cluster that we have started.
    pub(super) fn own(url: &str, presence: Option<Presence>) -> Self {
        let admin = parse(url).unwrap_or_else(|fault| panic!("{fault}"));
        Self { admin, is_own: true, prepared: OnceCell::new(), _presence: presence }
    }

    /// Somebody else's server, by its superuser's URL.
    pub(super) fn given(url: &str) -> Self {
        let admin = parse(url).unwrap_or_else(|fault| panic!("LOQUAT_TEST_POSTGRES_URL: {fault}"));
        Self { admin, is_own: false, prepared: OnceCell::new(), _presence: None }
    }

    /// Whether our own cluster still runs; a given server is believed to.
    pub(super) fn is_running(&self) -> bool {
        !self.is_own || self.admin.port().is_some_and(server::is_listening)
    }

    pub(super) fn admin_url(&self, database: &str) -> String {
        let mut url = self.admin.clone();
        url.set_path(database);
        url.into()
    }

    pub(super) fn maintenance_url(&self) -> String {
        self.admin_url(MAINTENANCE)
    }

    pub(super) fn role_url(&self, role: &str, database: &str) -> String {
        let mut url = self.admin.clone();
        // `parse` has seen that the URL can have both.
        let _ = url.set_username(role);
        let _ = url.set_password(Some(PASSWORD));
        url.set_path(database);
        url.into()
    }

    /// Connects as the superuser, and sees to it that the roles are there and that databases of
    /// tests which were killed are not.
    pub(super) async fn connect(&self) -> Client {
        let connected = async {
            let client = admin::connect(&self.maintenance_url()).await?;
            self.prepared.get_or_try_init(|| self.prepare(&client)).await?;
            Ok::<_, Error>(client)
        };
        connected.await.unwrap_or_else(|error| panic!("the tests' Postgres fails: {error}"))
    }

    async fn prepare(&self, client: &Client) -> Result<(), Error> {
        self.make_roles(client).await?;
        sweep(client).await
    }

    async fn make_roles(&self, client: &Client) -> Result<(), Error> {
        const LOCK: &str = "loquat_test_roles";
        admin::lock(client, LOCK).await?;
        for role in [OWNER_ROLE, APP_ROLE] {
            let exists = "SELECT FROM pg_roles WHERE rolname = $1";
            let verb = match client.query_opt(exists, &[&role]).await? {
                Some(_) if self.is_own => continue,
                // Who made it may have chosen another password.
                Some(_) => "ALTER",
                None => "CREATE",
            };
            let statement = format!(
                "{verb} ROLE {role} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION \
                 NOBYPASSRLS PASSWORD '{PASSWORD}'"
            );
            client.batch_execute(&statement).await?;
        }
        admin::unlock(client, LOCK).await
    }
}

fn parse(url: &str) -> Result<Url, &'static str> {
    let url = Url::parse(url).map_err(|_| "this is no URL")?;
    if !matches!(url.scheme(), "postgres" | "postgresql") || !url.has_host() {
        return Err("this is no URL of the form postgres://superuser:password@host:port/");
    }
    Ok(url)
}

/// Drops databases that no living test holds, and templates that have not been in use for a day.
async fn sweep(client: &Client) -> Result<(), Error> {
    let candidates = format!(
        "SELECT datname FROM pg_database
         WHERE starts_with(datname, '{DATABASE_PREFIX}')
            OR starts_with(datname, '{TEMPLATE_PREFIX}')
           AND (pg_stat_file('base/' || oid || '/PG_VERSION', true)).modification
               < now() - interval '1 day'"
    );
    for row in client.query(&candidates, &[]).await? {
        let name: &str = row.get(0);
        if admin::try_lock(client, name).await? {
            // What cannot be dropped now, because somebody else is at it, is swept another time.
            let _ = client.batch_execute(&admin::drop_statement(name)).await;
            admin::unlock(client, name).await?;
        }
    }
    Ok(())
}
