//! `loquat-bench`: a mock provider, a load generator, and the two run together against a server.
//!
//! **Invariant:** it knows the server by its public surface only: HTTP, the command line, the
//! configuration's names and what the kernel says of its process. It links none of the server's
//! crates, so it measures any build of it, and any other server that speaks the same formats.

mod clock;
mod http1;
mod load;
mod mock;
mod proc;
mod stats;
mod suite;
mod units;

use anyhow::Context as _;
use clap::{Parser, Subcommand};

/// Measures a chat backend: a mock model, a load generator, and a suite that runs both.
#[derive(Parser)]
#[command(version, about)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serves a mock OpenAI-compatible provider on 127.0.0.1
    Mock(mock::Options),
    /// Loads a server and reports rates, latencies, CPU and memory
    Load(Box<load::Options>),
    /// Measures a server binary on every scenario, pinned to one core
    Suite(suite::Options),
}

fn main() -> anyhow::Result<()> {
    match Arguments::parse().command {
        Command::Mock(options) => runtime()?.block_on(mock::run(options)),
        Command::Load(options) => runtime()?.block_on(load::run(*options)),
        Command::Suite(options) => suite::run(&options),
    }
}

/// One thread: on a machine with few cores, the mock and the load generator must leave the rest
/// to the server, and neither needs a second thread to keep one core of it busy.
fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("the runtime does not start")
}
