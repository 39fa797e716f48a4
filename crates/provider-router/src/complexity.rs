//! How hard a request seems.

use std::fmt;

use loquat_provider::ChatRequest;

/// How hard a request seems, from 0 to 100, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Complexity {
    score: u8,
    signals: Vec<Signal>,
}

/// What speaks for or against a hard request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signal {
    /// Its name.
    pub name: &'static str,
    /// What it adds to the score.
    pub points: i16,
}

impl Complexity {
    /// Scores a request.
    pub fn of(_request: &ChatRequest) -> Self {
        Self { score: 0, signals: Vec::new() }
    }

    /// From 0 to 100.
    pub const fn score(&self) -> u8 {
        self.score
    }

    /// What it is made of, without what adds nothing.
    pub fn signals(&self) -> &[Signal] {
        &self.signals
    }
}

impl fmt::Display for Complexity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "complexity {}", self.score)?;
        for (at, signal) in self.signals.iter().enumerate() {
            let comma = if at == 0 { ": " } else { ", " };
            write!(f, "{comma}{} {:+}", signal.name, signal.points)?;
        }
        Ok(())
    }
}
