//! Rules about the source that the compiler does not know. The tables stand here; the scanners,
//! each tried on texts that it must refuse, stand in the files below.
//!
//! A failing test names file, line and what to do about it.

mod budget;
mod code;
mod floors;
mod rules;
mod systems;
mod tree;

use tree::{File, files};

/// Which floor a module of `host/src` stands on, by its path without `.rs`; a folder counts for
/// what lies in it unless a longer entry says otherwise. A file imports from its own floor and
/// below, so that a request can be followed downwards and a codec be tested without a host.
const FLOORS: &[(&str, u8)] = &[
    // Numbers, words and time.
    ("authority", 0),
    ("clock", 0),
    ("duty", 0),
    ("limits", 0),
    ("log", 0),
    ("moment", 0),
    // What an operator can ask: the seam between the control socket and who does it.
    ("operator", 0),
    // Files that go out without being read.
    ("forwarded", 0),
    ("outlet", 0),
    ("outlet/tests", 0),
    ("path", 0),
    ("socket_file", 0),
    ("wire", 0),
    ("platform", 0),
    ("state", 0),
    ("sync", 0),
    // Libraries, from file to started.
    ("plugin", 1),
    // The right to use one, and threads for those that wait.
    ("farewell", 2),
    ("lease", 2),
    ("panics", 2),
    ("tenure", 2),
    ("pool", 2),
    // One call of an application.
    ("message", 3),
    ("invoke", 3),
    // From a request to its application.
    ("dispatch", 4),
    ("gate", 4),
    ("plan", 4),
    ("site", 4),
    // Protocols, sockets, threads.
    ("gateway", 5),
    ("listener", 5),
    ("switch", 5),
    ("cores", 5),
    ("control", 5),
    ("shutdown", 5),
    ("watchdog", 5),
    // What serves, what served before, what comes next.
    ("slot", 6),
    // The whole.
    ("server", 6),
    ("fronts", 6),
    ("cgi", 6),
    ("probe_child", 6),
    ("crate_dir", 6),
    ("config", 6),
    ("cli", 6),
    ("client", 6),
    ("apps", 6),
    ("failure", 6),
    ("run", 6),
    ("running", 6),
    ("roster", 6),
    ("linked", 6),
    ("source", 6),
    ("reload", 6),
    ("rotate", 6),
    ("fuzzing", 6),
    ("watch", 6),
    ("main", 6),
    ("lib", 6),
];

/// Where unsafe code may stand, as the beginning of a path, and why it must.
const UNSAFE: &[(&str, &str)] = &[
    ("plugin-api/src/abi/", "the boundary's types: raw pointers and function tables"),
    ("plugin-api/src/bridge", "the host's objects as seen by an app, through their tables"),
    ("plugin-api/src/export", "the exported symbols and the functions that the host calls"),
    ("plugin-api/src/test/answer.rs", "reads what an application filled in, as a host does"),
    ("plugin-api/src/test/exchange.rs", "a host's side of the exchange"),
    ("plugin-api/src/test/stack.rs", "calls the functions of applications, as a host does"),
    ("plugin-api/tests/", "the tests play both sides of the boundary, by hand"),
    ("host/src/platform/door.rs", "waits for a descriptor that it owns"),
    ("host/src/platform/linker.rs", "opens libraries, whose constructors run"),
    ("host/src/platform/local.rs", "takes descriptors that were handed over by their numbers"),
    ("host/src/platform/sockets.rs", "reads into memory that was not written yet"),
    ("host/src/platform/process.rs", "calls of the C library that std does not offer"),
    ("host/src/plugin/application", "calls the functions of a library's table"),
    (
        "host/src/plugin/unload/glibc/interpose",
        "functions of the C library that libraries bind to, and its own",
    ),
    ("host/src/plugin/library.rs", "open, look up, close"),
    ("host/src/plugin/file_bytes.rs", "maps files that others may write to"),
    ("host/src/plugin/unload/glibc/mapped.rs", "asks the dynamic linker what is mapped"),
    ("host/src/gateway/http/socket.rs", "reads into memory that was not written yet"),
    ("host/src/invoke/answer.rs", "reads what an application filled in"),
    ("host/src/invoke/call.rs", "passes exchanges and out-structs to applications"),
    ("host/src/invoke/place.rs", "a thread-local that another thread looks at"),
    ("host/src/invoke/exchange", "the exchange's table of functions"),
    ("tests/apps/", "apps that break a rule on purpose"),
    ("tests/libraries/", "an app that writes the boundary out by hand"),
];

/// Where a system may be named, as the beginning of a path, and why. Unit tests are run where the
/// project is tested, and may name that system.
const SYSTEMS: &[(&str, &str)] = &[
    ("host/src/platform", "what differs between systems, each with a portable fallback"),
    ("host/src/plugin/unload", "the engine that unmaps libraries on Linux with glibc"),
];

/// Functions that take a bool because somebody else's trait says so: file, function, whose.
const BOOL_PARAMETERS: &[(&str, &str, &str)] =
    &[("layers/connection-pool/src/cell.rs", "from", "std's `From`, of a cell that holds a bool")];

/// Crates that a user builds, dependencies included.
const BUDGETS: &[(&str, usize)] = &[("dsgi", 40), ("dsgi-host", 160)];

/// A longer file wants to be two.
const LINES_MAX: usize = 500;

fn check(problems: Vec<String>) {
    assert!(problems.is_empty(), "\n{}\n", problems.join("\n"));
}

fn check_each(files: &[File], rule: impl Fn(&File) -> Vec<String>) {
    assert!(!files.is_empty(), "no file to check: the rule has lost its files");
    check(files.iter().flat_map(rule).collect());
}

#[test]
fn imports_go_down() {
    let host = files(&["host/src/"], &["rs"]);
    check_each(&host, |file| floors::upward_imports(file, FLOORS));
}

#[test]
fn the_tables_name_what_is_there() {
    check(floors::empty_entries(&files(&["host/src/"], &["rs"]), FLOORS));
    check(rules::unused_places(&files(&[""], &["rs"]), UNSAFE));
    check(systems::unused_places(&files(&["host/src/"], &["rs"]), SYSTEMS));
}

#[test]
fn files_are_short() {
    check_each(&files(&[""], &["rs"]), |file| rules::too_long(file, LINES_MAX));
}

#[test]
fn text_is_ascii() {
    check_each(&files(&[""], &["rs", "md", "toml", "txt", "c", "h", "sh", ""]), rules::not_ascii);
}

#[test]
fn lines_of_code_fit() {
    check_each(&files(&[""], &["rs", "c", "h", "sh", ""]), rules::too_wide);
}

#[test]
fn modules_say_what_they_are() {
    check_each(&files(&["host/src/", "plugin-api/src/"], &["rs"]), rules::undocumented_module);
}

#[test]
fn nothing_is_left_to_be_done() {
    let all = files(&[""], &["rs", "md", "toml", "txt", "c", "h", "sh", ""]);
    check_each(&all, rules::left_to_be_done);
}

#[test]
fn no_function_takes_a_bool() {
    check_each(&files(&[""], &["rs"]), |file| rules::bool_parameters(file, BOOL_PARAMETERS));
}

#[test]
fn unsafe_stands_where_it_is_allowed() {
    check_each(&files(&[""], &["rs"]), |file| rules::stray_unsafe(file, UNSAFE));
}

#[test]
fn systems_are_named_where_they_may_be() {
    check_each(&files(&["host/src/"], &["rs"]), |file| systems::named(file, SYSTEMS));
}

#[test]
fn types_are_named_for_what_they_are() {
    check_each(&files(&[""], &["rs"]), rules::vague_type_names);
}

#[test]
fn every_skip_has_a_reason() {
    let text = std::fs::read_to_string(crate::harness::project().join("tests/skips.txt"));
    check(rules::bad_skips(&text.expect("the list of skips")));
}

#[test]
fn dependencies_stay_within_their_budget() {
    check(BUDGETS.iter().filter_map(|(package, most)| budget::exceeded(package, *most)).collect());
}
