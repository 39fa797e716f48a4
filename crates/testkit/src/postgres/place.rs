//! The directory of a cluster, its supervisor, and the pipe that tells who uses it.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Write as _},
    os::unix::{
        fs::{MetadataExt as _, OpenOptionsExt as _},
        process::CommandExt as _,
    },
    path::{Path, PathBuf},
    process::{Child, Stdio},
    time::Duration,
};

use super::{installation::Installation, random};

const SUPERVISE: &str = include_str!("supervise.sh");

/// A cluster's directory that is removed, after the server in it was stopped, when nobody is
/// [present](Presence) any more.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) directory: PathBuf,
    pub(super) presence: Presence,
    pub(super) supervisor: Child,
}

impl Place {
    /// Makes a directory and its supervisor, which keeps the cluster for `grace` after the last
    /// user has left. The temporary folder must be [locked](lock).
    pub(super) fn claim(
        installation: &Installation,
        kind: &str,
        grace: Duration,
        _lock: &File,
    ) -> io::Result<Self> {
        remove_orphans(installation);
        let name = format!("{}{kind}-{:016x}", prefix(installation), random());
        let directory = installation.temporary.join(name);
        let mut supervisor = installation
            .command("/bin/sh")
            .args(["-c", SUPERVISE, "loquat-test-postgres"])
            .arg(&directory)
            .arg(installation.programs.join("pg_ctl"))
            .arg(grace.as_secs().to_string())
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let mut answer = String::new();
        supervisor.stdout.take().map(|mut it| it.read_to_string(&mut answer)).transpose()?;
        let presence = Presence::at(&directory);
        drop(supervisor.stdin.take());
        let Some(presence) = presence else {
            supervisor.wait()?;
            return Err(io::Error::other(format!("cannot make {}", directory.display())));
        };
        Ok(Self { directory, presence, supervisor })
    }
}

/// Keeps a cluster alive, for as long as this process lives or until it is dropped.
#[derive(Debug)]
pub(super) struct Presence(File);

impl Presence {
    /// Enters the cluster in this directory; `None` when it has ended or is about to.
    pub(super) fn at(directory: &Path) -> Option<Self> {
        let users = directory.join("users");
        let mut pipe = open(&users).ok()?;
        pipe.write_all(b"u").ok()?;
        // The supervisor takes the name away before it looks for users for the last time. So, if it
        // is still there, this one will be seen.
        let (opened, named) = (pipe.metadata().ok()?, fs::metadata(users).ok()?);
        ((opened.dev(), opened.ino()) == (named.dev(), named.ino())).then_some(Self(pipe))
    }

    /// Standard input of a child that must count as a user while it runs.
    pub(super) fn stdin(&self) -> io::Result<Stdio> {
        self.0.try_clone().map(Stdio::from)
    }
}

/// Waits until no other process makes or looks for clusters. The lock is the temporary folder's, as
/// a file for it would have to be left behind; it ends with the handle.
pub(super) fn lock(installation: &Installation) -> io::Result<File> {
    let folder = File::open(&installation.temporary)?;
    folder.lock()?;
    Ok(folder)
}

/// The directories of this user's clusters of one kind; of all kinds when it is empty.
pub(super) fn all(installation: &Installation, kind: &str) -> Vec<PathBuf> {
    let prefix = format!("{}{kind}", prefix(installation));
    let Ok(entries) = fs::read_dir(&installation.temporary) else { return Vec::new() };
    entries
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let metadata = entry.metadata().ok()?;
            // Anybody can make a directory of any name there.
            let ours = metadata.is_dir() && metadata.uid() == installation.server_user();
            (ours && entry.file_name().to_str()?.starts_with(&prefix)).then(|| entry.path())
        })
        .collect()
}

fn prefix(installation: &Installation) -> String {
    format!("loquat-postgres-{}-", installation.own_user())
}

/// Opens a supervisor's pipe; fails with `ENXIO` when nobody reads from it.
fn open(pipe: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).custom_flags(libc::O_NONBLOCK).open(pipe)
}

/// Removes directories that no supervisor watches, such as those from before the machine's last
/// start. A server that still runs in one notices within a minute and ends.
fn remove_orphans(installation: &Installation) {
    let is_unwatched = |directory: &PathBuf| {
        ["users", "retired"].iter().all(|name| open(&directory.join(name)).is_err())
    };
    for orphan in all(installation, "").into_iter().filter(is_unwatched) {
        // Its supervisor may be at it as well.
        let _ = fs::remove_dir_all(orphan);
    }
}
