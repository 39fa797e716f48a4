//! Disks that are full and disks that fail, under SQLite.

use std::{
    fs::{self, File},
    io::Write as _,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use loquat_testkit::Gate;
use serde_json::json;

use super::{
    speech::{Speaker, Speech},
    thread::{code, text_of},
};
use crate::harness::{Answer, Client, Config, Data, Format, Home, SOON, Server};
