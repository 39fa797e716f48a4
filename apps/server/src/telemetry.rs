//! Logs, and what a panic may say in them.

use std::{
    any::Any,
    io::{IsTerminal as _, stderr},
    panic::PanicHookInfo,
};

use tracing::{Level, Metadata};
use tracing_subscriber::{
    EnvFilter, Layer as _, filter::FilterExt as _, filter::filter_fn, fmt,
    layer::SubscriberExt as _, registry, util::SubscriberInitExt as _,
};

use crate::config::{LogFormat, LogSection};

/// Starts to log to standard error. Does nothing in a process that logs already.
pub(crate) fn start(log: &LogSection) {
    // The filter was checked with the configuration.
    let filter = EnvFilter::try_new(&log.filter).unwrap_or_default().and(filter_fn(is_harmless));
    let lines = fmt::layer().with_writer(stderr);
    let layer = match log.format {
        LogFormat::Text => lines.with_ansi(stderr().is_terminal()).with_filter(filter).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).with_filter(filter).boxed(),
    };
    registry().with(layer).try_init().ok();
    std::panic::set_hook(Box::new(log_panic));
}

/// Other people's crates tell headers and bodies at their lower levels, and with them keys and what
/// people said, and at `info` how they work inside; our own never do.
fn is_harmless(metadata: &Metadata<'_>) -> bool {
    metadata.target().starts_with("loquat") || *metadata.level() <= Level::WARN
}

/// Says where it happened, and what was wrong where that can be told.
fn log_panic(panic: &PanicHookInfo<'_>) {
    let message = harmless(panic.payload());
    let thread = std::thread::current();
    tracing::error!(
        location = panic.location().map(tracing::field::display),
        thread = thread.name(),
        message,
        "panicked"
    );
}

/// What a panic says of itself, when it is part of the program. A text that was put together may
/// hold anything, for instance the text that could not be cut.
fn harmless(payload: &(dyn Any + Send)) -> &'static str {
    let constant = payload.downcast_ref::<&'static str>();
    constant.copied().unwrap_or("(not shown, since it may hold private text)")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told_of(panics: impl FnOnce() + std::panic::UnwindSafe) -> &'static str {
        harmless(&*std::panic::catch_unwind(panics).unwrap_err())
    }

    #[test]
    fn a_panic_tells_its_constant_text() {
        assert_eq!(told_of(|| panic!("the clock ran backwards")), "the clock ran backwards");
    }

    #[test]
    fn a_panic_does_not_tell_what_it_put_together() {
        let prompt = "ä canary".to_owned();
        let told = told_of(move || drop(prompt.split_at(1).0.to_owned()));
        assert_eq!(told, "(not shown, since it may hold private text)");
    }
}
