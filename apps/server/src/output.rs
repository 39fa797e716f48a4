//! What the program says beside its log.

use std::io::{self, Write as _};

use crate::config::Faults;

/// Writes to standard output, and makes sure that it is there.
pub(crate) fn print(text: &str) -> Result<(), Faults> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .map_err(|error| Faults::of("standard output", format!("cannot be written: {error}")))
}

/// Tells what is wrong. When not even that can be written, the exit code has to say it.
pub(crate) fn complain(faults: &Faults) {
    write!(io::stderr().lock(), "{faults}").ok();
}
