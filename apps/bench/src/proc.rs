//! What the kernel says of a process: processor time and resident memory.

use std::{fs, time::Duration};

use anyhow::Context as _;

/// Unit of the times in `/proc/PID/stat`. The kernel shows user space 100 ticks a second on every
/// architecture that Loquat is built for, whatever its own rate is (`USER_HZ`, man 7 time).
const TICKS_PER_SECOND: u64 = 100;

/// A process that is looked at from outside.
#[derive(Debug, Clone)]
pub(crate) struct Process {
    directory: String,
}

impl Process {
    /// The process with that id. It need not exist yet; every question asks again.
    pub(crate) fn new(pid: u32) -> Self {
        Self { directory: format!("/proc/{pid}") }
    }

    /// This process.
    pub(crate) fn own() -> Self {
        Self { directory: "/proc/self".into() }
    }

    /// Processor time that all its threads have used, in user and kernel, to 10 ms.
    ///
    /// # Errors
    ///
    /// When there is no such process, or the system has no `/proc`.
    pub(crate) fn cpu(&self) -> anyhow::Result<Duration> {
        let path = format!("{}/stat", self.directory);
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
        cpu_in(&text).with_context(|| format!("{path} is not as expected"))
    }

    /// Resident memory in bytes.
    ///
    /// # Errors
    ///
    /// When there is no such process, or the system has no `/proc`.
    pub(crate) fn resident_bytes(&self) -> anyhow::Result<u64> {
        let path = format!("{}/status", self.directory);
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
        resident_in(&text).with_context(|| format!("{path} is not as expected"))
    }
}

/// `utime` and `stime` are the 12th and 13th field after the name, which stands in brackets and
/// may itself hold spaces and brackets.
fn cpu_in(stat: &str) -> Option<Duration> {
    let (_, fields) = stat.rsplit_once(") ")?;
    let mut fields = fields.split(' ').skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(Duration::from_millis((user + system) * 1000 / TICKS_PER_SECOND))
}

fn resident_in(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kibibytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_time_is_found_behind_a_name_with_brackets() {
        let stat = "42 (a) b (c)) S 1 2 3 4 5 6 7 8 9 10 150 25 0 0 20 0 3 0 77";
        assert_eq!(cpu_in(stat), Some(Duration::from_millis(1750)));
    }

    #[test]
    fn resident_memory_is_read_in_bytes() {
        let status = "Name:\tx\nVmHWM:\t  900 kB\nVmRSS:\t  512 kB\n";
        assert_eq!(resident_in(status), Some(512 * 1024));
    }

    #[test]
    fn a_process_without_memory_of_its_own_has_no_figure() {
        assert_eq!(resident_in("Name:\tkthreadd\n"), None);
    }

    #[test]
    fn this_process_has_memory_and_can_be_asked_for_its_time() {
        assert!(Process::own().resident_bytes().unwrap() > 0);
        Process::own().cpu().unwrap();
    }
}
