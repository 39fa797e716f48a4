//! Where the programs are.

use std::{
    env, fs,
    path::{Path, PathBuf},
    time::SystemTime,
};

/// Names a program to test instead of the one that was built beside the tests, for example the one
/// that is shipped.
const OTHER_BINARY: &str = "LOQUAT_E2E_BINARY";

/// Builds everything that the tests start.
const BUILD: &str = "cargo build --workspace --bins --examples";

/// The repository's root.
pub(crate) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// The program, built from the sources as they are.
pub(crate) fn binary() -> PathBuf {
    env::var_os(OTHER_BINARY).map_or_else(|| built("loquat"), PathBuf::from)
}

/// A program or example that was built beside the tests, from the sources as they are.
pub(crate) fn built(name: &str) -> PathBuf {
    // target/PROFILE/deps/THIS_TEST
    let this_test = env::current_exe().unwrap();
    let binary = this_test.ancestors().nth(2).unwrap().join(name);
    let built = modified(&binary).unwrap_or_else(|| {
        panic!("{} is not there: build it first, with `{BUILD}`", binary.display())
    });
    for source in sources(&binary.with_extension("d")) {
        assert!(
            modified(&source).is_some_and(|changed| changed <= built),
            "{} is older than {}: build it first, with `{BUILD}`",
            binary.display(),
            source.display()
        );
    }
    binary
}

fn modified(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).and_then(|metadata| metadata.modified()).ok()
}

/// What cargo noted that the program is made of: one line, `PROGRAM: SOURCE SOURCE…`.
fn sources(note: &Path) -> Vec<PathBuf> {
    let note = fs::read_to_string(note).unwrap_or_else(|error| {
        panic!("{}: {error}; build it first, with `{BUILD}`", note.display())
    });
    let (_, sources) = note.split_once(": ").expect("a program and its sources");
    // A space in a path is escaped.
    let sources = sources.trim().replace("\\ ", "\0");
    sources.split(' ').map(|source| source.replace('\0', " ").into()).collect()
}
