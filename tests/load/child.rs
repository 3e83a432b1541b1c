//! The child of a probe: it has nothing of the host, and nothing of it stays.

use super::Report;
use crate::harness::client::get;
use crate::harness::eventually;
use crate::harness::gate::Gate;
use crate::harness::host::run;
use crate::harness::libraries::c_app;
use crate::harness::operated::Operated;
use crate::harness::refusal::load;
use rustix::io::{FdFlags, fcntl_setfd};
use rustix::process::{Pid, Signal, kill_process};
use std::collections::BTreeSet;
use std::path::Path;

/// What the library has seen in its `init`, as probe and as server: the second is the control.
#[test]
fn it_has_no_socket_and_no_secret_of_the_host() {
    // A file that whoever started the host left open.
    let left = tempfile::NamedTempFile::new().unwrap();
    fcntl_setfd(left.as_file(), FdFlags::empty()).unwrap();
    let left_name = left.path().to_str().unwrap();

    let report = Report::new();
    let library = c_app(&["INIT DESCRIBE", &report.option()]);
    let host = load(&library).args(["--set", "one.password=swordfish"]).start();
    let lines = report.lines();
    let of = |purpose: &str, fact: &str| -> Vec<String> {
        let start = format!("{purpose} {fact} ");
        lines.iter().filter_map(|line| line.strip_prefix(&start)).map(ToOwned::to_owned).collect()
    };

    let served = of("serve", "descriptor").join("\n");
    assert!(served.contains("socket:") && served.contains(left_name), "no control: {served}");
    let stray = of("probe", "descriptor").into_iter().filter(|descriptor| {
        let target = descriptor.split(' ').nth(1).unwrap_or_default();
        let own = report.file.to_str() == Some(target) || target.starts_with("/proc/");
        !own && !target.starts_with("pipe:")
    });
    assert_eq!(stray.collect::<Vec<_>>(), [""; 0], "the child has more than its pipes");

    assert_eq!(of("probe", "argument")[1..], ["probe-child"]);
    assert!(of("probe", "config").concat().contains("swordfish"), "the child has no config");
    assert_eq!(of("probe", "process"), of("probe", "group"));
    assert_ne!(of("probe", "process"), of("serve", "process"));
    assert_eq!(of("serve", "process"), [host.pid().to_string()]);
}

#[test]
fn it_is_reaped() {
    let library = c_app(&[]);
    let host = load(&library).start();
    assert_eq!(children(host.pid()), BTreeSet::new());
    let this = children(std::process::id());
    assert!(this.contains(&host.pid()), "no control: {this:?}");
}

#[test]
fn a_process_that_it_leaves_is_ended_with_it() {
    let report = Report::new();
    let library = c_app(&["INIT LEAVE_PROCESS", &report.option()]);
    let host = load(&library).start();
    assert_eq!(get(host.address(), "/").text(), "in C\n");
    let [process] = &report.lines()[..] else { panic!("it left {:?}", report.lines()) };
    wait_for_end(process.parse().unwrap());
}

/// It is out of reach, holds the child's pipes open for good, and keeps nobody waiting.
#[test]
fn a_process_that_leaves_its_group_delays_nothing() {
    let report = Report::new();
    let library = c_app(&["INIT LEAVE_DAEMON", &report.option()]);
    let output = run(["check".as_ref(), library.as_os_str()]);
    let [process] = &report.lines()[..] else { panic!("it left {:?}", report.lines()) };
    let process = process.parse().unwrap();
    assert!(is_running(process), "no control");
    kill_process(Pid::from_raw(process).unwrap(), Signal::KILL).unwrap();
    assert!(output.status.success(), "{output:?}");
}

/// Log files are rotated by a signal to every process of the host's name.
#[test]
fn it_outlives_what_is_meant_for_log_files() {
    let gate = Gate::new();
    let two = gate.library("given->purpose == DSGI_PURPOSE_PROBE", "two");
    let host = Operated::start(load(&gate.library("0", "one")));
    let mut said = host.follow_deploy("shop", &two);
    let probe = eventually("the library in a probe", || {
        let probes = children(host.pid()).into_iter();
        let says = |probe: u32, file: &str, what: &str| {
            let text = std::fs::read_to_string(format!("/proc/{probe}/{file}"));
            text.is_ok_and(|text| text.contains(what))
        };
        // Before it is a program of its own it has the host's maps, and the host such a library.
        let is_begun = |probe: &u32| says(*probe, "cmdline", "probe-child");
        probes.filter(is_begun).find(|probe| says(*probe, "maps", "libone.so"))
    });
    let probe = Pid::from_raw(i32::try_from(probe).unwrap()).unwrap();
    kill_process(probe, Signal::USR1).unwrap();
    gate.open();
    assert!(said.any(|line| line["deployed"].is_object()), "the probe has ended");
    assert_eq!(get(host.address(), "/").text(), "two\n");
}

/// Whoever inherits the process may be late to reap it.
pub(crate) fn wait_for_end(process: i32) {
    eventually(&format!("the end of process {process}"), || (!is_running(process)).then_some(()));
}

fn is_running(process: i32) -> bool {
    stat(&Path::new("/proc").join(process.to_string())).is_some_and(|(state, _)| state != "Z")
}

/// The processes that a process has started.
pub(crate) fn children(parent: u32) -> BTreeSet<u32> {
    let processes = std::fs::read_dir("/proc").expect("/proc").filter_map(Result::ok);
    let of_parent = processes.filter_map(|entry| {
        let process = entry.file_name().to_str()?.parse().ok()?;
        stat(&entry.path()).filter(|(_, its)| *its == parent).map(|_| process)
    });
    of_parent.collect()
}

/// State and parent of a process, proc(5); its name may hold anything, brackets too.
fn stat(process: &Path) -> Option<(String, u32)> {
    let text = std::fs::read_to_string(process.join("stat")).ok()?;
    let mut fields = text.rsplit_once(") ")?.1.split(' ');
    Some((fields.next()?.to_owned(), fields.next()?.parse().ok()?))
}
