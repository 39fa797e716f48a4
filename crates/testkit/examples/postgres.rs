//! A Postgres server for measuring, as a production one syncs: prints a superuser's URL, runs until
//! its standard input ends (Ctrl-D, or Ctrl-C), and is gone then.

use std::io::Read as _;

use loquat_testkit::{ClusterOptions, PrivateCluster};

#[expect(clippy::print_stdout, reason = "the URL is what it is for")]
#[tokio::main]
async fn main() -> std::io::Result<()> {
    let options = ClusterOptions::default()
        .with_setting("fsync", "on")
        .with_setting("full_page_writes", "on")
        .with_setting("shared_buffers", "128MB");
    let cluster = PrivateCluster::start(options).await;
    println!("{}", cluster.admin_url());
    let end = tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new()));
    end.await??;
    drop(cluster);
    Ok(())
}
