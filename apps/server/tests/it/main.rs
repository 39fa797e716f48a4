//! The real program: its faults, its sources, its start and its end.

mod configuration;
mod context;
mod faults;
mod identity;
mod postgres;
mod program;
mod secrets;
mod start;
mod stop;
mod tokens;
