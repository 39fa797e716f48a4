//! The scenarios by which this project's speed is judged, run from one command.

mod outcome;
mod postgres;
mod processes;
mod scenarios;
mod table;

use std::{fs, io::Write as _, path::PathBuf};

use anyhow::{Context as _, bail};
use clap::Args;

use outcome::{Outcome, StepOutcome};
use postgres::Policies;
use processes::{Bench, Cores, Load, Server, Tenant};
use scenarios::{SCENARIOS, Scenario, Step, Target};
use table::Results;

use crate::load::Report;

const HELP: &str = "\
Each scenario gets a fresh server with an empty database, a SQLite file unless --postgres is given, one HTTP worker and one runtime thread,
pinned with taskset to one core; the mock and the load generator share another. Every figure is the
median of the repeats, with the smallest and the largest.

  cargo build --release --workspace
  target/release/loquat-bench suite --server target/release/loquat --json figures.json";

/// Measures a server binary on every scenario, pinned to one core.
#[derive(Args)]
#[command(after_help = HELP)]
pub(crate) struct Options {
    /// The server's binary
    #[arg(long, default_value = "target/release/loquat")]
    server: PathBuf,
    /// How often each scenario is run
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    repeat: u32,
    /// Only the scenarios whose name contains this; may be given several times
    #[arg(long)]
    only: Vec<String>,
    /// File for all figures as JSON
    #[arg(long)]
    json: Option<PathBuf>,
    /// Where the server's data lies meanwhile: a real disk, else its syncs cost nothing
    #[arg(long)]
    work_dir: Option<PathBuf>,
    /// Superuser's URL of a Postgres server to measure with; each scenario gets a database of its own
    #[arg(long, value_name = "URL")]
    postgres: Option<String>,
    /// Takes row-level security off the tables, to see what it costs
    #[arg(long, requires = "postgres")]
    without_policies: bool,
    /// A file that is added to the server's configuration, such as limits whose cost is in question
    #[arg(long, value_name = "FILE")]
    append: Option<PathBuf>,
    /// The server's core
    #[arg(long, default_value_t = 0)]
    server_core: u32,
    /// The core of the mock and the load generator
    #[arg(long, default_value_t = 1)]
    load_core: u32,
    /// Leave it to the system on which cores things run
    #[arg(long)]
    no_pin: bool,
}

/// Runs the scenarios and prints the table.
///
/// # Errors
///
/// When nothing can be measured: no server, no mock, no such scenario. A scenario that fails is
/// told of in the table, and the others go on.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let scenarios: Vec<&Scenario> = SCENARIOS.iter().filter(|it| options.wants(it)).collect();
    if scenarios.is_empty() {
        let names: Vec<&str> = SCENARIOS.iter().map(|scenario| scenario.name).collect();
        bail!("no scenario has such a name; there are: {}", names.join(", "));
    }
    let cores =
        (!options.no_pin).then_some(Cores { server: options.server_core, load: options.load_core });
    let append = options.append.as_ref().map(|file| {
        fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))
    });
    let bench = Bench::new(
        &options.server,
        options.work_dir.as_deref(),
        options.postgres.as_deref().map(|url| (url, options.policies())),
        cores,
        append.transpose()?.unwrap_or_default(),
    )?;
    let mut results = Results::new(&scenarios);
    for repeat in 1..=options.repeat {
        for scenario in &scenarios {
            progress(&format!("{repeat}/{} {}", options.repeat, scenario.name))?;
            match play(&bench, scenario) {
                Ok(outcome) => results.add(scenario, &outcome),
                Err(error) => {
                    progress(&format!("  failed: {error:#}"))?;
                    results.failed(scenario, format!("{error:#}"));
                }
            }
        }
    }
    write!(std::io::stdout(), "\n{results}")?;
    if let Some(path) = &options.json {
        let text = serde_json::to_string_pretty(&results)?;
        fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

impl Options {
    fn policies(&self) -> Policies {
        if self.without_policies { Policies::Off } else { Policies::On }
    }

    fn wants(&self, scenario: &Scenario) -> bool {
        self.only.is_empty() || self.only.iter().any(|part| scenario.name.contains(part.as_str()))
    }
}

/// Runs one scenario once.
fn play(bench: &Bench, scenario: &Scenario) -> anyhow::Result<Outcome> {
    let server = bench.start_server(scenario.models, scenario.settings)?;
    let played = play_on(bench, scenario, &server);
    bench.end(server)?;
    played
}

fn play_on(bench: &Bench, scenario: &Scenario, server: &Server) -> anyhow::Result<Outcome> {
    let mut steps = Vec::new();
    for step in scenario.steps {
        bench.reset_record()?;
        let (report, neighbour) =
            load(bench, server, step).with_context(|| format!("the load `{}`", step.name))?;
        let record = bench.settled_record()?;
        steps.push(StepOutcome { name: step.name.into(), report, neighbour, record });
    }
    Ok(Outcome { steps })
}

fn load(bench: &Bench, server: &Server, step: &Step) -> anyhow::Result<(Report, Option<Report>)> {
    let neighbour = match step.target {
        Target::SharedServer(arguments) => {
            Some(bench.load_server(server, Tenant::Neighbour, arguments)?)
        }
        Target::Server | Target::Mock => None,
    };
    let load = match step.target {
        Target::Server | Target::SharedServer(_) => {
            bench.load_server(server, Tenant::Measured, step.arguments)
        }
        Target::Mock => bench.load_mock(step.arguments),
    };
    Ok((load?.report()?, neighbour.map(Load::report).transpose()?))
}

fn progress(line: &str) -> anyhow::Result<()> {
    writeln!(std::io::stderr(), "{line}").context("stderr is closed")
}
