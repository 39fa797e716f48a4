//! What this machine has: the server's programs, an account to run them under, a place for files.

use std::{
    env, fs, io,
    os::unix::{
        fs::{MetadataExt as _, chown},
        process::CommandExt as _,
    },
    path::{Path, PathBuf},
    process::Command,
};

const MISSING: &str = "there is no PostgreSQL server on this machine: its programs `initdb`, \
    `pg_ctl` and `postgres` are neither on PATH nor in the usual places. Install PostgreSQL 13 or \
    newer (Debian: apt install postgresql; Homebrew: brew install postgresql), or name a running \
    server in LOQUAT_TEST_POSTGRES_URL";

/// Where packages put the programs: all folders in the first whose names start with the second.
const USUAL_PLACES: [(&str, &str); 4] = [
    ("/usr/lib/postgresql", ""),
    ("/opt/homebrew/opt", "postgresql"),
    ("/usr/local/opt", "postgresql"),
    ("/home/linuxbrew/.linuxbrew/opt", "postgresql"),
];

/// A user and its group.
#[derive(Debug, Clone, Copy)]
struct Account {
    user: u32,
    group: u32,
}

impl Account {
    /// The account of this name, or the one that runs this process.
    fn of(name: Option<&str>) -> Option<Self> {
        let id = |what| {
            let output = Command::new("id").arg(what).args(name).output().ok()?;
            String::from_utf8(output.stdout).ok()?.trim().parse().ok()
        };
        Some(Self { user: id("-u")?, group: id("-g")? })
    }
}

/// The machine's Postgres, and how to run it.
#[derive(Debug, Clone)]
pub(super) struct Installation {
    pub(super) programs: PathBuf,
    /// The folder in which clusters are made.
    pub(super) temporary: PathBuf,
    own: Account,
    /// Whom root becomes, because Postgres refuses to run as root.
    instead: Option<Account>,
}

impl Installation {
    /// Panics with a sentence that says what to install when there is nothing.
    pub(super) fn find() -> Self {
        let path = env::var_os("PATH").unwrap_or_default();
        let Some(programs) = programs(env::split_paths(&path), &USUAL_PLACES) else {
            panic!("{MISSING}");
        };
        let Some(own) = Account::of(None) else { panic!("`id` does not tell who runs the tests") };
        let instead = (own.user == 0).then(|| {
            Account::of(Some("postgres")).or_else(|| Account::of(Some("nobody"))).unwrap_or_else(
                || panic!("Postgres refuses to run as root; add a user named `postgres`"),
            )
        });
        let temporary = env::temp_dir();
        // Some systems give root a folder for temporary files that nobody else can enter.
        let usable = instead.is_none() || open_to_all(&temporary);
        let temporary = if usable { temporary } else { PathBuf::from("/tmp") };
        Self { programs, temporary, own, instead }
    }

    /// Who runs the tests.
    pub(super) fn own_user(&self) -> u32 {
        self.own.user
    }

    /// Whose the clusters' files are.
    pub(super) fn server_user(&self) -> u32 {
        self.instead.unwrap_or(self.own).user
    }

    /// A command that runs under the server's account.
    pub(super) fn command(&self, program: impl AsRef<Path>) -> Command {
        let mut command = Command::new(program.as_ref());
        command.env("LC_ALL", "C").current_dir("/");
        for variable in ["PGDATA", "PGHOST", "PGHOSTADDR", "PGOPTIONS", "PGPORT", "PGSERVICE"] {
            command.env_remove(variable);
        }
        if let Some(account) = self.instead {
            command.uid(account.user).gid(account.group);
        }
        command
    }

    /// Makes the server's account the owner of a file.
    pub(super) fn give(&self, file: &Path) -> io::Result<()> {
        match self.instead {
            Some(account) => chown(file, Some(account.user), Some(account.group)),
            None => Ok(()),
        }
    }
}

/// Whether everybody can make files in this folder and reach them.
fn open_to_all(folder: &Path) -> bool {
    let allows = |folder: &Path, mode: u32| {
        fs::metadata(folder).is_ok_and(|metadata| metadata.mode() & mode == mode)
    };
    let Ok(folder) = folder.canonicalize() else { return false };
    allows(&folder, 0o003) && folder.ancestors().all(|ancestor| allows(ancestor, 0o001))
}

/// The folder with the server's programs: the first on the path, or the newest in a usual place.
fn programs(
    path: impl IntoIterator<Item = PathBuf>,
    usual_places: &[(&str, &str)],
) -> Option<PathBuf> {
    let complete = |folder: &PathBuf| {
        ["initdb", "pg_ctl", "postgres"].iter().all(|program| folder.join(program).is_file())
    };
    path.into_iter().find(complete).or_else(|| {
        usual_places
            .iter()
            .filter_map(|(place, prefix)| {
                let mut versions: Vec<_> = fs::read_dir(place)
                    .ok()?
                    .filter_map(|entry| {
                        let entry = entry.ok()?;
                        let name = entry.file_name().into_string().ok()?;
                        let version = name.strip_prefix(prefix)?.trim_start_matches('@');
                        Some((version.parse::<u32>().unwrap_or(0), entry.path().join("bin")))
                    })
                    .filter(|(_, folder)| complete(folder))
                    .collect();
                versions.sort();
                versions.pop()
            })
            .map(|(_, folder)| folder)
            .next()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn install(folder: &Path) -> PathBuf {
        fs::create_dir_all(folder).unwrap();
        for program in ["initdb", "pg_ctl", "postgres"] {
            fs::write(folder.join(program), "").unwrap();
        }
        folder.to_owned()
    }

    #[test]
    fn the_path_comes_before_the_newest_version_in_a_usual_place() {
        let machine =
            env::temp_dir().join(format!("loquat-installation-{}", super::super::random()));
        let on_path = install(&machine.join("path"));
        install(&machine.join("opt/postgresql@9/bin"));
        let newest = install(&machine.join("opt/postgresql@17/bin"));
        fs::create_dir_all(machine.join("opt/postgresql@18/bin")).unwrap();
        let opt = machine.join("opt");
        let usual = [("/nowhere", ""), (opt.to_str().unwrap(), "postgresql")];

        assert_eq!(programs([machine.clone(), on_path.clone()], &usual), Some(on_path));
        assert_eq!(programs([machine.clone()], &usual), Some(newest));
        assert_eq!(programs([machine.clone()], &[]), None);
        fs::remove_dir_all(machine).unwrap();
    }
}
