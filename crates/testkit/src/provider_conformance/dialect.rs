//! What a provider brings.

use std::{fmt, io::Write as _, time::Duration};

use loquat_domain::Usage;
use loquat_provider::{ChatProvider, FinishReason};
use serde_json::Value;

/// What a scenario came to: it passed, or its wire has no words for it. Where the provider is wrong
/// it panics.
pub type Verdict = Result<(), Inexpressible>;

/// The wire has no words for what a scenario says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Inexpressible;

/// How one wire says what scenarios say, and who reads it.
pub trait Dialect: Sync {
    /// The provider under test, for this endpoint.
    fn provider(&self, endpoint: &Endpoint) -> Box<dyn ChatProvider>;

    /// What writes one answer.
    fn pen(&self) -> Box<dyn Pen>;

    /// The document that says so beside a status that is not 200, with these words for people in it.
    fn error_document(&self, fault: UpstreamFault, words: &str) -> Value;

    /// The scenarios that this wire has no words for, each with the reason.
    fn inexpressible(&self) -> &'static [(&'static str, &'static str)] {
        &[]
    }
}

/// Where the provider under test asks, and how.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// The base URL; what precedes the wire's own path.
    pub base_url: String,
    /// The key to send.
    pub key: String,
    /// How long to wait and how often to try.
    pub patience: Patience,
}

/// How long a provider waits and how often it tries.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// For a connection, TLS included.
    pub connect: Duration,
    /// For the first piece of an answer, tries and pauses included.
    pub first_token: Duration,
    /// For anything at all, once the answer has begun.
    pub idle: Duration,
    /// Further tries before the first piece.
    pub retries: u32,
    /// The longest pause before the first further try.
    pub retry_delay: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            first_token: Duration::from_mins(1),
            idle: Duration::from_mins(1),
            retries: 2,
            retry_delay: Duration::from_millis(2),
        }
    }
}

/// Writes one answer as its wire's bytes.
pub trait Pen: Send {
    /// The events that say this, whole with the blank line that ends each, in data lines of the form
    /// `data: {…}`; `None` when the wire has no words for it. It remembers what it has said: what
    /// begins and ends between two words is its own affair.
    fn write(&mut self, say: &Say) -> Option<Vec<u8>>;
}

/// One step of an answer, in the words of no wire.
#[derive(Debug, Clone)]
pub enum Say {
    /// What precedes everything else. With what is known to be used at the beginning, for wires
    /// that tell it.
    Begin(Option<Usage>),
    /// A delta without anything in it.
    Nothing,
    /// A piece of the answer.
    Text(Json),
    /// A piece of a refusal.
    Refusal(Json),
    /// A piece of thoughts.
    Reasoning(Json),
    /// A piece of a part of a summary of thoughts.
    Summary(u32, Json),
    /// The sealed form of the thoughts just told.
    Sealed(String),
    /// A call begins.
    Call {
        /// Its number, from 0.
        index: u32,
        /// Its id.
        id: &'static str,
        /// Its function.
        name: &'static str,
    },
    /// A piece of a call's arguments.
    Arguments(u32, Json),
    /// Why the answer stops, and what it used.
    Finish(FinishReason, Option<Usage>),
    /// That nothing follows; nothing on a wire whose reason to stop says it.
    Done,
    /// An error instead of what should follow.
    Error(UpstreamFault),
}

impl Say {
    /// A piece of the answer.
    pub fn text(text: &str) -> Self {
        Self::Text(Json::string(text))
    }

    /// A piece of thoughts.
    pub fn reasoning(text: &str) -> Self {
        Self::Reasoning(Json::string(text))
    }

    /// A piece of a call's arguments.
    pub fn arguments(index: u32, text: &str) -> Self {
        Self::Arguments(index, Json::string(text))
    }
}

/// A JSON string as it stands on the wire, which may be no text: with halves of characters, or bytes
/// that are no UTF-8.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Json(Vec<u8>);

impl Json {
    /// A well-formed string.
    pub fn string(text: &str) -> Self {
        Self(Value::from(text).to_string().into_bytes())
    }

    /// A string's bytes between its quotation marks, as they stand.
    pub fn raw(inside: impl AsRef<[u8]>) -> Self {
        Self([b"\"", inside.as_ref(), b"\""].concat())
    }

    /// The string with its quotation marks.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// JSON with this string in place of the only `$` in it.
    pub fn within(&self, json: &str) -> Vec<u8> {
        let (before, after) = json.split_once('$').expect("a place for the string");
        [before.as_bytes(), &self.0, after.as_bytes()].concat()
    }
}

/// What an endpoint may report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum UpstreamFault {
    /// Too many requests.
    SlowDown,
    /// The prompt is too long.
    TooLong,
    /// Anything else.
    Other,
}

/// Judges a scenario by its verdict and by what its dialect declares.
///
/// # Panics
///
/// When it was inexpressible and is not declared to be, or the other way round.
pub fn settle(dialect: &dyn Dialect, scenario: &str, verdict: Verdict) {
    let reason = dialect.inexpressible().iter().find(|(declared, _)| *declared == scenario);
    match (verdict, reason) {
        (Ok(()), None) => {}
        (Err(Inexpressible), Some((_, reason))) => {
            let _ = writeln!(std::io::stderr(), "{scenario}: not on this wire: {reason}");
        }
        (Ok(()), Some(_)) => panic!("{scenario} is declared to be inexpressible, and is not"),
        (Err(Inexpressible), None) => {
            panic!("{scenario} is inexpressible on this wire: declare it, with the reason")
        }
    }
}

impl fmt::Debug for dyn Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Dialect")
    }
}
