//! The program `loquat`: reads the configuration, puts the parts together and runs them.
//!
//! **Invariant**: what it does is done by the crates beneath it. Only this crate knows which store
//! and which providers there are, and only its `config` module reads the environment.

mod access;
mod catalog;
mod cli;
mod config;
mod database;
mod identity;
mod output;
mod parts;
mod secret;
mod serve;
mod telemetry;
mod token;
mod tokenizer;

use std::process::ExitCode;

use clap::Parser as _;

use cli::{Cli, Command};
use config::{Config, Environment, Faults};
use database::Database;
use identity::Identity;
use parts::Parts;

fn main() -> ExitCode {
    match run(&Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(faults) => {
            output::complain(&faults);
            ExitCode::FAILURE
        }
    }
}

fn run(cli: &Cli) -> Result<(), Faults> {
    let environment = Environment::of_process();
    let (config, mut faults) = Config::load(&cli.flags, &environment);
    match cli.command() {
        Command::Serve => {
            let parts = Parts::check(&config, &environment, &mut faults);
            serve::run(&config, faults.or(parts)?)
        }
        // A token, a migration and an access need no provider, and must not fail for want of its key.
        Command::Token(args) => {
            let identity = Identity::check(&config.auth, &environment, &mut faults);
            let tokens = faults.or(identity)?.open(&config.server.data_dir)?;
            output::print(&format!("{}\n", token::mint(&tokens, args)?))
        }
        Command::Migrate => {
            let database = Database::check(&config, &mut faults);
            faults.or(database)?.migrate()
        }
        Command::Config => {
            // What can be read is shown, and then what is wrong with what it refers to.
            let toml = faults.take("loquat config", config.to_toml());
            output::print(&faults.clone().or(toml)?)?;
            let parts = Parts::check(&config, &environment, &mut faults);
            faults.or(parts).map(drop)
        }
        Command::Access(args) => {
            let database = Database::check(&config, &mut faults);
            output::print(&access::run(&faults.or(database)?, args)?)
        }
    }
}
