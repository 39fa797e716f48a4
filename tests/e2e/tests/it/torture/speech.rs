//! A provider that says what the message asks it to: so many unique words, at such a pace.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use loquat_testkit::{ScriptedUpstream, UpstreamRequest, UpstreamScript};
use serde_json::Value;

/// An answer that a user asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Speech {
    /// No other speech has it; in one piece.
    pub(crate) name: String,
    pub(crate) words: usize,
    pub(crate) pause: Duration,
}

impl Speech {
    /// One that says little and at once.
    pub(crate) fn brief(name: impl Into<String>) -> Self {
        Self { name: name.into(), words: 3, pause: Duration::ZERO }
    }

    /// What the user says.
    pub(crate) fn message(&self) -> String {
        let Self { name, words, pause } = self;
        format!("Say {words} words of {name} each {} ms", pause.as_millis())
    }

    fn of_message(message: &str) -> Option<Self> {
        let words: Vec<_> = message.split(' ').collect();
        let ["Say", words, "words", "of", name, "each", pause, "ms"] = words[..] else {
            return None;
        };
        let pause = Duration::from_millis(pause.parse().ok()?);
        Some(Self { name: name.to_owned(), words: words.parse().ok()?, pause })
    }

    /// What the model says.
    pub(crate) fn text(&self) -> String {
        (0..self.words).map(|number| self.word(number)).collect()
    }

    pub(crate) fn word(&self, number: usize) -> String {
        format!("{}.{number} ", self.name)
    }

    fn script(&self) -> UpstreamScript {
        let mut script = UpstreamScript::sse().role();
        for number in 0..self.words {
            script = script.text(&self.word(number));
            if !self.pause.is_zero() {
                script = script.delay(self.pause);
            }
        }
        script.finish("stop").usage(10, self.words.try_into().unwrap()).done()
    }
}

/// The provider, and its record: what it was sent for each speech.
pub(crate) struct Speaker {
    pub(crate) upstream: ScriptedUpstream,
    asked: Arc<Mutex<HashMap<String, Vec<Asked>>>>,
}

/// One request to the provider.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    /// What the users said, oldest first.
    pub(crate) said: Vec<String>,
    /// The connection on which it came.
    pub(crate) connection: usize,
}

impl Speaker {
    pub(crate) async fn new() -> Self {
        let asked = Arc::<Mutex<HashMap<_, Vec<_>>>>::default();
        let record = Arc::clone(&asked);
        let upstream = ScriptedUpstream::choosing(move |request| {
            let said = said(request);
            let Some(speech) = said.last().and_then(|message| Speech::of_message(message)) else {
                return UpstreamScript::error(400, "no_speech", "the message asks for no speech");
            };
            let script = speech.script();
            let mut record = record.lock().unwrap_or_else(PoisonError::into_inner);
            let connection = request.connection;
            record.entry(speech.name).or_default().push(Asked { said, connection });
            script
        });
        Self { upstream: upstream.await.unwrap(), asked }
    }

    /// Every request for that speech.
    pub(crate) fn asked(&self, speech: &Speech) -> Vec<Asked> {
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.get(&speech.name).cloned().unwrap_or_default()
    }
}

/// What the users of a request to the provider said.
fn said(request: &UpstreamRequest) -> Vec<String> {
    let body = request.json();
    let messages = body["messages"].as_array().cloned().unwrap_or_default();
    let of_users = messages.iter().filter(|message| message["role"] == "user");
    of_users
        .map(|message| match &message["content"] {
            Value::String(text) => text.clone(),
            parts => parts[0]["text"].as_str().unwrap_or_default().to_owned(),
        })
        .collect()
}
