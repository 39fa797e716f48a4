//! The load generator's options, and the checked plan that is made of them.

use std::{fs, time::Duration};

use anyhow::{Context as _, bail};
use clap::{Args, ValueEnum};

use super::{meters::Until, target::Target};
use crate::units;

const HELP: &str = "\
Each client has a connection of its own and sends its next request when the last answer has ended.
Against `loquat-bench mock`, tokens are counted by the one space that each of them ends with, and
the relay delay is the time from a token's timestamp (`stamp`) to when it was read.

  loquat-bench load --url http://127.0.0.1:8080 --token-file token --format responses \\
      --model m --clients 500 --duration 10s --ramp 2s --history 20 --pid $(pidof loquat)
  loquat-bench load --url http://127.0.0.1:18090 --format completions --model 'mock;tokens=200'

Clients that leave or stop reading send one request each. In the first case the report says when
each of them left, with the text of its message, by which the mock's record can be matched.";

/// Loads a server and reports rates, latencies, CPU and memory.
#[derive(Args)]
#[command(after_help = HELP)]
pub(crate) struct Options {
    /// Where the server is, without the `/v1`
    #[arg(long, default_value = "http://127.0.0.1:8080")]
    url: String,
    /// Bearer token
    #[arg(long, conflicts_with = "token_file")]
    token: Option<String>,
    /// File that holds the bearer token, which then does not show in the list of processes
    #[arg(long)]
    token_file: Option<String>,
    /// What is asked and how the answer is read
    #[arg(long, value_enum, default_value_t = Format::Responses)]
    format: Format,
    /// Model to ask for; without it the server's default
    #[arg(long)]
    model: Option<String>,
    /// Text of the user's message
    #[arg(long, default_value = "Tell me something that I do not know yet.")]
    prompt: String,
    /// How many clients ask at the same time
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    clients: u32,
    /// How long is measured
    #[arg(long, value_parser = units::duration, default_value = "10s", conflicts_with = "requests")]
    duration: Duration,
    /// Measure until so many answers have ended instead of for a time
    #[arg(long)]
    requests: Option<u64>,
    /// Load before the measurement begins
    #[arg(long, value_parser = units::duration, default_value = "1s")]
    warmup: Duration,
    /// The clients' first requests are spread over this time, before the warm-up
    #[arg(long, value_parser = units::duration, default_value = "0s")]
    ramp: Duration,
    /// After the measurement, how long running answers may take to end
    #[arg(long, value_parser = units::duration, default_value = "30s")]
    drain: Duration,
    /// Longest time for one request
    #[arg(long, value_parser = units::duration, default_value = "2m")]
    timeout: Duration,
    /// Messages that are stored for each client before the measurement
    #[arg(long, default_value_t = 0)]
    history: usize,
    /// Bytes of each of these messages
    #[arg(long, default_value_t = 200)]
    history_bytes: usize,
    /// How requests continue what is stored
    #[arg(long, value_enum, default_value_t = HistoryMode::Fresh)]
    history_mode: HistoryMode,
    /// Model that answers while a `fresh` history is stored; without it, `--model`
    #[arg(long)]
    history_model: Option<String>,
    /// Process whose CPU and memory are reported: the server's
    #[arg(long)]
    pid: Option<u32>,
    /// Clients close their connection: `before-first`, `first-byte` or after a number of tokens
    #[arg(long, value_parser = leave, conflicts_with = "stop_reading_after")]
    leave_after: Option<Leave>,
    /// Time from that point to the close; with `before-first`, from the request
    #[arg(long, value_parser = units::duration, default_value = "0s")]
    leave_delay: Duration,
    /// Clients stop reading after so many tokens and keep their connection
    #[arg(long)]
    stop_reading_after: Option<u64>,
    /// For how long they keep it
    #[arg(long, value_parser = units::duration, default_value = "12s")]
    hold: Duration,
    /// Tokens that every answer must have; another number makes it a wrong one
    #[arg(long)]
    expect_tokens: Option<u64>,
    /// File for the report as JSON; `-` prints it instead of the table
    #[arg(long)]
    pub(super) json: Option<String>,
}

/// What is asked and how the answer is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// `POST /v1/responses`, its events
    Responses,
    /// `POST /chat/stream`, server-sent events
    ChatStreamSse,
    /// `POST /chat/stream`, lines of JSON
    ChatStreamNdjson,
    /// `POST /chat/stream`, the answer's text and nothing else
    ChatStreamText,
    /// `POST /v1/chat/completions`, its chunks; the mock and most providers speak this
    Completions,
}

/// How requests continue what is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum HistoryMode {
    /// Each from the same stored response (`previous_response_id`), so that no history grows
    Fresh,
    /// Each in its client's conversation, which grows by two messages a request
    Conversation,
}

/// When a client leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Leave {
    BeforeFirst,
    FirstByte,
    Tokens(u64),
}

fn leave(text: &str) -> Result<Leave, String> {
    match text {
        "before-first" => Ok(Leave::BeforeFirst),
        "first-byte" => Ok(Leave::FirstByte),
        _ => text
            .parse()
            .map(Leave::Tokens)
            .map_err(|_| format!("`{text}` is not before-first, first-byte or a number of tokens")),
    }
}

/// What the clients do with their answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Behaviour {
    /// Read them, one after the other.
    Read,
    /// Leave in the middle of one.
    Leave { when: Leave, delay: Duration },
    /// Stop reading in the middle of one.
    Stall { after_tokens: u64, hold: Duration },
}

/// Options that fit together.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) target: Target,
    pub(super) format: Format,
    pub(super) model: Option<String>,
    pub(super) prompt: String,
    pub(super) clients: u32,
    pub(super) until: Until,
    pub(super) warmup: Duration,
    pub(super) ramp: Duration,
    pub(super) drain: Duration,
    pub(super) timeout: Duration,
    pub(super) history: usize,
    pub(super) history_bytes: usize,
    pub(super) history_mode: HistoryMode,
    pub(super) history_model: Option<String>,
    pub(super) pid: Option<u32>,
    pub(super) behaviour: Behaviour,
    pub(super) expect_tokens: Option<u64>,
}

impl Plan {
    /// Checks the options, reads the token's file and looks the server's address up.
    ///
    /// # Errors
    ///
    /// What does not fit, in a sentence.
    pub(super) async fn new(options: Options) -> anyhow::Result<Self> {
        let token = match &options.token_file {
            Some(path) => {
                let text =
                    fs::read_to_string(path).with_context(|| format!("cannot read {path}"))?;
                Some(text.trim().to_owned())
            }
            None => options.token.clone(),
        };
        let fresh = options.history > 0 && options.history_mode == HistoryMode::Fresh;
        match options.format {
            Format::Responses if fresh && options.history == 1 => {
                bail!("a fresh history is at least a question and its answer: --history 2");
            }
            Format::ChatStreamSse | Format::ChatStreamNdjson | Format::ChatStreamText if fresh => {
                bail!("/chat/stream knows conversations only: --history-mode conversation");
            }
            _ => {}
        }
        Ok(Self {
            behaviour: options.behaviour(),
            until: options.requests.map_or(Until::Elapsed(options.duration), Until::Answers),
            target: Target::resolve(&options.url, token).await?,
            history_model: options.history_model.or_else(|| options.model.clone()),
            format: options.format,
            model: options.model,
            prompt: options.prompt,
            clients: options.clients,
            warmup: options.warmup,
            ramp: options.ramp,
            drain: options.drain,
            timeout: options.timeout,
            history: options.history,
            history_bytes: options.history_bytes,
            history_mode: options.history_mode,
            pid: options.pid,
            expect_tokens: options.expect_tokens,
        })
    }
}

impl Options {
    fn behaviour(&self) -> Behaviour {
        match (self.leave_after, self.stop_reading_after) {
            (Some(when), _) => Behaviour::Leave { when, delay: self.leave_delay },
            (None, Some(after_tokens)) => Behaviour::Stall { after_tokens, hold: self.hold },
            (None, None) => Behaviour::Read,
        }
    }
}
