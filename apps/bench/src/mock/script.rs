//! How an answer goes: its pace, its length and its faults, from flags and from the model's name.

use std::time::Duration;

use clap::Args;

use crate::units;

/// A timestamp of 16 digits and the space that ends a token.
const STAMPED_TOKEN_BYTES: usize = 17;

/// Longest token. A frame of it stays well below what any reader of events accepts.
const MAX_TOKEN_BYTES: usize = 64 * 1024;

/// The settings' defaults, as flags.
#[derive(Args)]
pub(crate) struct Flags {
    /// Wait before the head of the answer
    #[arg(long, value_parser = units::duration, default_value = "0s")]
    headers: Duration,
    /// Time from the request to the first token
    #[arg(long, value_parser = units::duration, default_value = "0s")]
    ttft: Duration,
    /// Time from one token to the next; 0s: as fast as the reader reads
    #[arg(long, value_parser = units::duration, default_value = "0s")]
    gap: Duration,
    /// Length of the answer in tokens
    #[arg(long, default_value_t = 20)]
    tokens: u32,
    /// Length of a token in bytes, its closing space included
    #[arg(long, value_parser = token_bytes, default_value = "6")]
    token_bytes: usize,
    /// Each token begins with the microseconds since 1970 at which it was sent
    #[arg(long)]
    stamp: bool,
    /// What goes wrong, if anything
    #[arg(long, value_parser = fault)]
    fault: Option<Fault>,
    /// Seconds in the Retry-After header of an answer with a fault's status
    #[arg(long)]
    retry_after: Option<u32>,
}

/// How one answer goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Script {
    pub(crate) headers: Duration,
    pub(crate) ttft: Duration,
    pub(crate) gap: Duration,
    pub(crate) tokens: u32,
    token_bytes: usize,
    pub(crate) stamp: bool,
    pub(crate) fault: Option<Fault>,
    pub(crate) retry_after: Option<u32>,
}

/// What goes wrong in an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// An error object with this status instead of an answer.
    Status(u16),
    /// Nothing at all is said.
    StallAtHeaders,
    /// Silence after so many tokens.
    Stall(u32),
    /// The connection ends in order after so many tokens, the answer does not.
    Cut(u32),
    /// The connection breaks after so many tokens.
    Reset(u32),
}

impl From<Flags> for Script {
    fn from(flags: Flags) -> Self {
        Self {
            headers: flags.headers,
            ttft: flags.ttft,
            gap: flags.gap,
            tokens: flags.tokens,
            token_bytes: flags.token_bytes,
            stamp: flags.stamp,
            fault: flags.fault,
            retry_after: flags.retry_after,
        }
    }
}

impl Script {
    /// This script with what the model's name changes.
    ///
    /// # Errors
    ///
    /// A sentence that names the setting at fault.
    pub(crate) fn with_model(&self, model: &str) -> Result<Self, String> {
        let mut script = self.clone();
        for setting in model.split(';').skip(1).filter(|setting| !setting.is_empty()) {
            script.set(setting)?;
        }
        Ok(script)
    }

    fn set(&mut self, setting: &str) -> Result<(), String> {
        let (name, value) = setting.split_once('=').unwrap_or((setting, ""));
        match name {
            "headers" => self.headers = units::duration(value)?,
            "ttft" => self.ttft = units::duration(value)?,
            "gap" => self.gap = units::duration(value)?,
            "tokens" => self.tokens = count(value)?,
            "token-bytes" => self.token_bytes = token_bytes(value)?,
            "stamp" => self.stamp = switch(value)?,
            "fault" => self.fault = Some(fault(value)?),
            "retry-after" => self.retry_after = Some(count(value)?),
            _ => return Err(format!("the model's name has an unknown setting `{name}`")),
        }
        Ok(())
    }

    /// Bytes of each token's text, its closing space included; a timestamp needs 17.
    pub(crate) fn token_bytes(&self) -> usize {
        if self.stamp { self.token_bytes.max(STAMPED_TOKEN_BYTES) } else { self.token_bytes }
    }
}

fn count(text: &str) -> Result<u32, String> {
    text.parse().map_err(|_| format!("`{text}` is not a count"))
}

fn token_bytes(text: &str) -> Result<usize, String> {
    let bytes = text.parse().ok().filter(|bytes| (1..=MAX_TOKEN_BYTES).contains(bytes));
    bytes.ok_or_else(|| format!("`{text}` is not a token's length from 1 to {MAX_TOKEN_BYTES}"))
}

fn switch(text: &str) -> Result<bool, String> {
    match text {
        "" | "on" => Ok(true),
        "off" => Ok(false),
        _ => Err(format!("`{text}` is neither on nor off")),
    }
}

/// Reads `status@429`, `stall@headers`, `stall@5`, `cut@50` or `reset@50`.
fn fault(text: &str) -> Result<Fault, String> {
    match text.split_once('@') {
        Some(("status", status)) => status_fault(status),
        Some(("stall", "headers")) => Ok(Fault::StallAtHeaders),
        Some(("stall", after)) => Ok(Fault::Stall(count(after)?)),
        Some(("cut", after)) => Ok(Fault::Cut(count(after)?)),
        Some(("reset", after)) => Ok(Fault::Reset(count(after)?)),
        _ => Err(format!("`{text}` is not a fault such as status@429, stall@headers or cut@50")),
    }
}

fn status_fault(text: &str) -> Result<Fault, String> {
    let status = text.parse().ok().filter(|status| (400..=599).contains(status));
    status.map(Fault::Status).ok_or_else(|| format!("`{text}` is not a status of an error"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain() -> Script {
        Script {
            headers: Duration::ZERO,
            ttft: Duration::ZERO,
            gap: Duration::ZERO,
            tokens: 20,
            token_bytes: 6,
            stamp: false,
            fault: None,
            retry_after: None,
        }
    }

    #[test]
    fn a_name_without_settings_changes_nothing() {
        assert_eq!(plain().with_model("gpt-4o").unwrap(), plain());
        assert_eq!(plain().with_model("").unwrap(), plain());
        assert_eq!(plain().with_model("mock;").unwrap(), plain());
    }

    #[test]
    fn every_setting_can_be_given_in_the_name() {
        let name = "m;headers=1ms;ttft=100ms;gap=20ms;tokens=200;token-bytes=9;stamp;\
                    fault=cut@50;retry-after=2";
        let script = plain().with_model(name).unwrap();
        let expected = Script {
            headers: Duration::from_millis(1),
            ttft: Duration::from_millis(100),
            gap: Duration::from_millis(20),
            tokens: 200,
            token_bytes: 9,
            stamp: true,
            fault: Some(Fault::Cut(50)),
            retry_after: Some(2),
        };
        assert_eq!(script, expected);
        assert_eq!(script.token_bytes(), 17, "a timestamp has to fit");
        assert!(!script.with_model("m;stamp=off").unwrap().stamp);
    }

    #[test]
    fn every_fault_can_be_given_in_the_name() {
        let fault = |text| plain().with_model(text).unwrap().fault;
        assert_eq!(fault("m;fault=status@429"), Some(Fault::Status(429)));
        assert_eq!(fault("m;fault=stall@headers"), Some(Fault::StallAtHeaders));
        assert_eq!(fault("m;fault=stall@0"), Some(Fault::Stall(0)));
        assert_eq!(fault("m;fault=reset@7"), Some(Fault::Reset(7)));
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for name in [
            "m;speed=9",
            "m;tokens=many",
            "m;tokens=-1",
            "m;gap=20",
            "m;token-bytes=0",
            "m;stamp=maybe",
            "m;fault=cut",
            "m;fault=status@200",
            "m;fault=stall@later",
        ] {
            assert!(plain().with_model(name).is_err(), "{name} was accepted");
        }
    }
}
