//! A Postgres server for measuring, as a production one syncs: prints a superuser's URL, of a socket in
//! the system's temporary directory, as a server of the same machine is reached; runs until
//! its standard input ends (Ctrl-D, or Ctrl-C), and is gone then.

use std::io::Read as _;

use loquat_testkit::{ClusterOptions, PrivateCluster};

#[expect(clippy::print_stdout, reason = "the URL is what it is for")]
#[tokio::main]
async fn main() -> std::io::Result<()> {
    let options = ClusterOptions::default()
        .with_setting("unix_socket_directories", &std::env::temp_dir().to_string_lossy())
        .with_setting("fsync", "on")
        .with_setting("full_page_writes", "on")
        .with_setting("shared_buffers", "128MB");
    let cluster = PrivateCluster::start(options).await;
    let url = cluster.admin_url();
    let (credentials, _) = url.rsplit_once('@').unwrap_or((&url, ""));
    let directory = std::env::temp_dir();
    let (port, directory) = (cluster.port(), directory.display());
    println!("{credentials}@/postgres?host={directory}&port={port}");
    let end = tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new()));
    end.await??;
    drop(cluster);
    Ok(())
}
