//! What the host does for each request only so that applications can be replaced while it serves:
//! the lookup in its core's own site, the lease, the count of requests in hand.
//!
//! All of it is inlined. So instructions are told apart one by one: callgrind says how often each
//! address was executed, the debug information says from which functions and files it came.
//! Of those, the innermost decides that is not the standard library's; and the standard library's
//! own code belongs to the machinery where it is made for a type of it.

use std::collections::HashMap;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use crate::callgrind::Profile;
use crate::process::output;
use crate::tools::ADDR2LINE;

/// Instructions per request: the difference of two runs of one program, `requests` apart.
pub(crate) fn per_request(
    program: &Path,
    fewer: &Profile,
    more: &Profile,
    requests: u32,
) -> Result<f64> {
    let name = program.to_str().context("the path of the host is not text")?;
    let more = more.at.get(name).context("callgrind did not see the host's own code")?;
    let before = fewer.at.get(name);
    let mut costs: HashMap<u64, u64> = HashMap::new();
    for (address, cost) in more {
        let before = before.and_then(|costs| costs.get(address)).copied().unwrap_or(0);
        // What is done once may be done a little later in one of the runs.
        costs.insert(*address, cost.saturating_sub(before));
    }
    costs.retain(|_, cost| *cost >= u64::from(requests) / 2);
    let places = places(program, costs.keys().copied())?;
    let ours = costs.iter().filter(|(address, _)| places.get(address).is_some_and(|it| it.ours()));
    let sum: u64 = ours.map(|(_, cost)| cost).sum();
    // None at all is no figure: the program was built without debug information.
    ensure!(sum > 0, "no instruction of the host is known by its source");
    Ok(sum as f64 / f64::from(requests))
}

/// Where an instruction came from: function and file, what was inlined before what it is in.
#[derive(Debug, Default)]
struct Place(Vec<(String, String)>);

impl Place {
    fn ours(&self) -> bool {
        for (function, file) in &self.0 {
            if MACHINERY.iter().any(|module| is_of(file, module)) {
                return true;
            }
            if !file.contains(STANDARD_LIBRARY) {
                return false;
            }
            if MACHINERY.iter().any(|module| function.contains(&format!("dsgi_host::{module}::"))) {
                return true;
            }
        }
        false
    }
}

/// Whether a file is a module of the host or lies in it.
fn is_of(file: &str, module: &str) -> bool {
    file.split_once("/host/src/").is_some_and(|(_, rest)| {
        rest.strip_prefix(module).is_some_and(|rest| rest.starts_with([':', '.', '/']))
    })
}

fn places(program: &Path, addresses: impl Iterator<Item = u64>) -> Result<HashMap<u64, Place>> {
    let mut command = Command::new(ADDR2LINE.find()?);
    command.args(["--addresses", "--inlines", "--functions", "--demangle", "-e"]).arg(program);
    command.args(addresses.map(|address| format!("{address:#x}")));
    let text = output(command, Duration::from_secs(120)).context("no places in the source")?;
    Ok(parsed(&text))
}

/// An address, then a line with the function and one with the file for each place, innermost first.
fn parsed(text: &str) -> HashMap<u64, Place> {
    let mut places: HashMap<u64, Place> = HashMap::new();
    let mut current = &mut Place::default();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        match line.strip_prefix("0x").map(|digits| u64::from_str_radix(digits, 16)) {
            Some(Ok(address)) => current = places.entry(address).or_default(),
            _ => {
                let file = lines.next().unwrap_or_default();
                current.0.push((line.to_owned(), file.to_owned()));
            }
        }
    }
    places
}

/// Modules of the host that a host without swaps would not have.
const MACHINERY: [&str; 4] = ["lease", "site", "switch", "slot"];
const STANDARD_LIBRARY: &str = "/library/";

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
0x0000000000000010
dsgi_host::lease::Lease::count
/x/host/src/lease.rs:246
dispatch
/x/host/src/dispatch.rs:9
0x0000000000000020
clone<dsgi_host::lease::Share, alloc::alloc::Global>
/rustc/1/library/alloc/src/sync.rs:2405
share
/x/host/src/dispatch.rs:40
0x0000000000000030
fetch_add
/rustc/1/library/core/src/sync/atomic.rs:1
dispatch<dsgi_host::site::Site>
/x/host/src/dispatch.rs:9
current
/x/host/src/site.rs:136
0x0000000000000040
??
??:0
0x0000000000000050
memchr
/x/memchr/src/lib.rs:1
find
/x/host/src/site.rs:2
0x0000000000000060
next
/x/host/src/slot/turn.rs:?
0x0000000000000070
seat
/x/host/src/leaser.rs:3
";

    #[test]
    fn the_innermost_place_decides() {
        let places = parsed(TEXT);
        assert_eq!(places.len(), 7);
        let mut ours: Vec<_> = places.iter().filter(|(_, place)| place.ours()).collect();
        ours.sort_by_key(|(address, _)| **address);
        let ours: Vec<_> = ours.into_iter().map(|(address, _)| *address).collect();
        // The rest is the dispatch that `current` calls, unknown, another crate's, and a namesake.
        assert_eq!(ours, [0x10, 0x20, 0x60]);
    }

    #[test]
    fn a_host_that_was_not_seen_is_an_error() {
        let nothing = Profile::default();
        let said = per_request(Path::new("/host"), &nothing, &nothing, 1).unwrap_err().to_string();
        assert!(said.contains("did not see the host"), "{said}");
    }
}
