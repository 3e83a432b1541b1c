//! What the kernel tells of a running server: its processes, their CPU time, their memory.

use std::collections::HashMap;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};

/// The process and all its descendants: nginx and Apache serve in children of the first one.
pub(crate) fn family(root: u32) -> Result<Vec<u32>> {
    let mut children: HashMap<u32, Vec<u32>> = HashMap::new();
    for entry in fs::read_dir("/proc").context("/proc cannot be read")? {
        let Some(pid) = entry?.file_name().to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else { continue };
        if let Some(parent) = parent(&stat) {
            children.entry(parent).or_default().push(pid);
        }
    }
    let mut family = vec![root];
    let mut next = 0;
    while let Some(pid) = family.get(next).copied() {
        family.extend(children.remove(&pid).unwrap_or_default());
        next += 1;
    }
    Ok(family)
}

/// The CPU time of all threads that live now, in nanoseconds.
pub(crate) fn cpu_ns(family: &[u32]) -> Result<u64> {
    let mut sum = 0;
    for pid in family {
        let tasks = format!("/proc/{pid}/task");
        let entries = fs::read_dir(&tasks).with_context(|| format!("{tasks} cannot be read"))?;
        for entry in entries {
            match fs::read_to_string(entry?.path().join("schedstat")) {
                Ok(text) => sum += run_time_ns(&text)?,
                Err(gone) if gone.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(error).context("schedstat cannot be read"),
            }
        }
    }
    ensure!(sum > 0, "no CPU time is counted; help: a kernel with CONFIG_SCHED_INFO is needed");
    Ok(sum)
}

/// The proportional share of memory of all processes, in bytes.
pub(crate) fn pss_bytes(family: &[u32]) -> Result<u64> {
    let mut sum = 0;
    for pid in family {
        let path = format!("/proc/{pid}/smaps_rollup");
        let text = fs::read_to_string(Path::new(&path))
            .with_context(|| format!("{path} cannot be read"))?;
        sum += pss(&text).with_context(|| format!("{path} has no Pss line"))?;
    }
    Ok(sum)
}

/// The parent in `/proc/PID/stat`; the name before it may hold blanks and parentheses.
fn parent(stat: &str) -> Option<u32> {
    let (_, rest) = stat.rsplit_once(')')?;
    rest.split_ascii_whitespace().nth(1)?.parse().ok()
}

pub(crate) fn run_time_ns(schedstat: &str) -> Result<u64> {
    let first = schedstat.split_ascii_whitespace().next().context("schedstat is empty")?;
    first.parse().with_context(|| format!("schedstat begins with `{first}`"))
}

fn pss(smaps_rollup: &str) -> Option<u64> {
    let line = smaps_rollup.lines().find_map(|line| line.strip_prefix("Pss:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parent_stands_after_the_last_parenthesis() {
        assert_eq!(parent("7 (a) S 9 (b)) R 3 7 7 0"), Some(3));
        assert_eq!(parent("7 (nginx) S 42 7 7 0"), Some(42));
        assert_eq!(parent("7 nginx S 42"), None);
    }

    #[test]
    fn run_time_is_the_first_field() {
        assert_eq!(run_time_ns("83324 360497 2\n").unwrap(), 83_324);
        assert!(run_time_ns("").is_err());
        assert!(run_time_ns("x 1 2").is_err());
    }

    #[test]
    fn pss_is_not_another_line_that_begins_alike() {
        let text = "Rss:   900 kB\nPss:   100 kB\nPss_Dirty:  50 kB\n";
        assert_eq!(pss(text), Some(102_400));
        assert_eq!(pss("Rss:   900 kB\nPss_Dirty:  50 kB\n"), None);
    }

    #[test]
    fn this_process_has_time_memory_and_itself() {
        let own = family(std::process::id()).unwrap();
        assert!(own.contains(&std::process::id()));
        assert!(!own.contains(&1));
        assert!(cpu_ns(&own).unwrap() > 0);
        assert!(pss_bytes(&own[..1]).unwrap() > 0);
    }
}
