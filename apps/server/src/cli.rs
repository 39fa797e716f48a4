//! The command line.

use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use crate::config::Flags;

/// The command line.
#[derive(Debug, Parser)]
#[command(name = "loquat", version, about = "Loquat: the backend for your own ChatGPT")]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) flags: Flags,
    #[command(subcommand)]
    command: Option<Command>,
}

impl Cli {
    /// What to do; without a word, to serve.
    pub(crate) fn command(&self) -> &Command {
        self.command.as_ref().unwrap_or(&Command::Serve)
    }
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve until told to stop (the default)
    Serve,
    /// Print a token, and nothing else
    Token(TokenArgs),
    /// Bring the database to this version's schema
    Migrate,
    /// Print the effective configuration, without secrets
    Config,
    /// Revoke access to a tenant's data, or give it back
    Access(AccessArgs),
}

/// Whose access, and what becomes of it.
#[derive(Debug, Args)]
pub(crate) struct AccessArgs {
    /// What becomes of it
    #[arg(value_enum)]
    pub(crate) act: AccessAct,
    /// Customer whose data it is
    #[arg(long)]
    pub(crate) tenant: String,
    /// The access of this user of the tenant; without --user and --token, everybody's
    #[arg(long, conflicts_with = "token")]
    pub(crate) user: Option<String>,
    /// The access of whoever shows the token of this name (its claim `jti`)
    #[arg(long)]
    pub(crate) token: Option<String>,
    /// Forget the revocation after this time, such as 24h; without it, never
    #[arg(long = "for", value_name = "TIME", value_parser = duration)]
    pub(crate) lasts: Option<Duration>,
}

/// What becomes of an access.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum AccessAct {
    /// New requests are refused, and running answers end
    Revoke,
    /// It is as if it had never been revoked
    Restore,
    /// Print what is revoked, a line each
    List,
}

/// What a token shall say.
#[derive(Debug, Args)]
pub(crate) struct TokenArgs {
    /// Customer whose data it opens
    #[arg(long)]
    pub(crate) tenant: String,
    /// Person or program within the customer
    #[arg(long)]
    pub(crate) user: String,
    /// What its bearer may do; may be given several times
    #[arg(long = "scope", value_name = "SCOPE")]
    pub(crate) scopes: Vec<String>,
    /// How long it is valid, such as 90s, 15m, 1h or 7d
    #[arg(long, default_value = "1h", value_parser = duration)]
    pub(crate) ttl: Duration,
}

/// A whole number and its unit.
fn duration(text: &str) -> Result<Duration, &'static str> {
    const FORM: &str = "give a whole number and a unit, such as 90s, 15m, 1h or 7d";
    let unit = text.chars().last().ok_or(FORM)?;
    let seconds: u64 = match unit {
        's' => 1,
        'm' => 60,
        'h' => 60 * 60,
        'd' => 24 * 60 * 60,
        _ => return Err(FORM),
    };
    let number: u64 = text.strip_suffix(unit).and_then(|it| it.parse().ok()).ok_or(FORM)?;
    number.checked_mul(seconds).map(Duration::from_secs).ok_or(FORM)
}

#[cfg(test)]
mod tests {

    use super::*;

    #[test]
    fn the_command_line_has_no_contradictions() {
        <Cli as clap::CommandFactory>::command().debug_assert();
    }

    #[test]
    fn without_a_word_it_serves() {
        let cli = Cli::try_parse_from(["loquat", "--listen", "127.0.0.1:0"]).unwrap();
        assert!(matches!(cli.command(), Command::Serve));
        assert_eq!(cli.flags.listen.as_deref(), Some("127.0.0.1:0"));
    }

    #[test]
    fn a_flag_may_stand_before_or_after_the_word() {
        for words in [["loquat", "--log", "warn", "config"], ["loquat", "config", "--log", "warn"]]
        {
            let cli = Cli::try_parse_from(words).unwrap();
            assert!(matches!(cli.command(), Command::Config));
            assert_eq!(cli.flags.log.as_deref(), Some("warn"));
        }
    }

    #[test]
    fn a_duration_is_a_whole_number_and_a_unit() {
        let table = [("90s", 90), ("15m", 900), ("1h", 3_600), ("7d", 604_800), ("0s", 0)];
        for (text, seconds) in table {
            assert_eq!(duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in ["", "h", "90", "-1s", "1.5h", "1 h", "1hh", "99999999999999999999d"] {
            assert!(duration(text).is_err(), "{text:?}");
        }
        assert!(duration("999999999999999999d").is_err(), "too long to count");
    }
}
