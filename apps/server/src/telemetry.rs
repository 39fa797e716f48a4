//! Logs, and what a panic may say in them.

use std::{
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
/// people said; our own never do.
fn is_harmless(metadata: &Metadata<'_>) -> bool {
    metadata.target().starts_with("loquat") || *metadata.level() <= Level::INFO
}

/// Says where it happened. What it says of itself is told only when it is part of the program: a
/// text that was put together may hold anything, for instance the text that could not be cut.
fn log_panic(panic: &PanicHookInfo<'_>) {
    let message = panic.payload().downcast_ref::<&'static str>().copied();
    let thread = std::thread::current();
    tracing::error!(
        location = panic.location().map(tracing::field::display),
        thread = thread.name(),
        message = message.unwrap_or("(not shown, since it may hold private text)"),
        "panicked"
    );
}
