//! The secret of an installation that configures none.

use std::{
    fs::{self, DirBuilder, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::Path,
};

use loquat_auth::SigningSecret;

use crate::config::Faults;

/// The file in the data directory.
const FILE: &str = "secret";

/// Random bytes of a new secret. They are written as hexadecimal digits, so that the file can be
/// copied by hand and into a variable.
const RANDOM_BYTES: usize = 32;

/// The secret in the data directory, which is made when it is not there.
///
/// It is complete or absent at every moment, also when two processes start at once: both then use
/// the one that was there first.
pub(crate) fn secret(data_dir: &Path) -> Result<SigningSecret, Faults> {
    let path = data_dir.join(FILE);
    let cannot = |what: &str, error: &io::Error| {
        let text = format!("{what} in {} failed: {error}", data_dir.display());
        Faults::of("server.data_dir", text)
    };
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(data_dir)
        .map_err(|error| cannot("making the data directory", &error))?;
    if !path.try_exists().map_err(|error| cannot("looking for the secret", &error))? {
        create(data_dir, &path).map_err(|error| cannot("making the secret", &error))?;
    }
    read(&path)
}

/// Writes a new secret beside its place, to the disk, and then links it there. A link never
/// replaces what is already there.
fn create(data_dir: &Path, path: &Path) -> io::Result<()> {
    let mut random = [0_u8; RANDOM_BYTES + 8];
    getrandom::fill(&mut random).map_err(io::Error::other)?;
    let (secret, suffix) = random.split_at(RANDOM_BYTES);
    let draft = data_dir.join(format!("{FILE}.{}", hex(suffix)));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
    let linked =
        file.write_all(hex(secret).as_bytes()).and_then(|()| file.sync_all()).and_then(|()| {
            match fs::hard_link(&draft, path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
                other => other,
            }
        });
    fs::remove_file(&draft)?;
    linked?;
    fs::File::open(data_dir)?.sync_all()
}

/// A secret that others may have read, or changed, is no secret.
fn read(path: &Path) -> Result<SigningSecret, Faults> {
    let fault = |text: String| Faults::of("server.data_dir", text);
    let shown = path.display();
    let unreadable = |error: io::Error| fault(format!("the file {shown} cannot be read: {error}"));
    let metadata = fs::symlink_metadata(path).map_err(unreadable)?;
    if !metadata.is_file() {
        return Err(fault(format!("{shown} is not a file: remove it, and a new secret is made")));
    }
    if metadata.permissions().mode() & 0o077 != 0 {
        return Err(fault(format!(
            "others can open the file {shown}: remove it, so that a new secret is made, or run \
             `chmod 600 {shown}` if you are sure that nobody has read it"
        )));
    }
    let bytes = fs::read(path).map_err(unreadable)?;
    SigningSecret::new(bytes).map_err(|_| {
        fault(format!(
            "the secret in the file {shown} can be guessed: remove the file, and a new secret is \
             made"
        ))
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    fn fault(data_dir: &Path) -> String {
        secret(data_dir).unwrap_err().to_string()
    }

    #[test]
    fn a_new_secret_is_random_and_only_its_owners() {
        let parent = tempfile::tempdir().unwrap();
        let (first, second) = (parent.path().join("a/b"), parent.path().join("c"));
        secret(&first).unwrap();
        secret(&second).unwrap();
        assert_eq!((mode(&first), mode(&first.join(FILE))), (0o700, 0o600));
        let [one, other] = [first, second].map(|dir| fs::read_to_string(dir.join(FILE)).unwrap());
        assert_eq!(one.len(), 64);
        assert_ne!(one, other);
    }

    #[test]
    fn a_secret_that_is_there_is_kept_and_nothing_else_is_left() {
        let directory = tempfile::tempdir().unwrap();
        secret(directory.path()).unwrap();
        let before = fs::read(directory.path().join(FILE)).unwrap();
        secret(directory.path()).unwrap();
        assert_eq!(fs::read(directory.path().join(FILE)).unwrap(), before);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn of_two_that_are_made_at_once_the_first_counts() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(FILE);
        create(directory.path(), &path).unwrap();
        let first = fs::read(&path).unwrap();
        create(directory.path(), &path).unwrap();
        assert_eq!(fs::read(&path).unwrap(), first);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_secret_that_others_can_open_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        secret(directory.path()).unwrap();
        let path = directory.path().join(FILE);
        for mode in [0o640, 0o604, 0o620, 0o644] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let fault = fault(directory.path());
            assert!(fault.contains("others can open the file"), "{mode:o}: {fault}");
        }
    }

    #[test]
    fn a_secret_that_can_be_guessed_is_refused_and_not_repeated() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(FILE);
        for text in ["", "short-canary", &"canary".repeat(8)] {
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
            let fault = fault(directory.path());
            assert!(fault.contains("can be guessed: remove the file"), "{fault}");
            assert!(!fault.contains("canary"), "{fault}");
        }
    }

    #[test]
    fn what_is_not_a_file_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join(FILE)).unwrap();
        assert!(fault(directory.path()).contains("is not a file"));
    }
}
