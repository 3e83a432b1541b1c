//! What the README tells a newcomer to type, typed. A command that is added there and is not known
//! here fails the test, so that none stands unproved.

mod tour;

use crate::harness::host::Launch;
use crate::harness::{client, project};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// The commands of the README's first `console` blocks; those after them are the [`tour`]'s.
const FIRST: [&str; 3] = [
    // Serves what the next one asks for.
    "cargo run --release -- --load sample-plugins/hello",
    // Prints the lines that follow it in the README.
    "curl http://127.0.0.1:8080/",
    // Is what runs this test.
    "tests/run",
];

/// A command of a `console` block and the lines it prints.
#[derive(Debug, PartialEq, Eq)]
struct Session {
    command: String,
    output: String,
}

fn sessions(text: &str) -> Vec<Session> {
    let mut sessions: Vec<Session> = Vec::new();
    let mut inside = false;
    for line in text.lines() {
        if let Some(language) = line.strip_prefix("```") {
            inside = language == "console";
        } else if let (true, Some(command)) = (inside, line.strip_prefix("$ ")) {
            sessions.push(Session { command: command.to_owned(), output: String::new() });
        } else if let (true, Some(session)) = (inside, sessions.last_mut()) {
            session.output.push_str(line);
            session.output.push('\n');
        }
    }
    sessions
}

/// Targets of links into the repository.
fn links(text: &str) -> Vec<&str> {
    let after = text.split("](").skip(1);
    let targets = after.filter_map(|rest| rest.split(')').next());
    targets.filter(|target| !target.contains("://") && !target.starts_with('#')).collect()
}

fn readme() -> String {
    std::fs::read_to_string(project().join("README.md")).expect("there is a README")
}

#[test]
fn its_commands_do_what_it_says() {
    let told = sessions(&readme());
    let commands: Vec<&str> = told.iter().take(3).map(|session| &*session.command).collect();
    assert_eq!(commands, FIRST, "the README's commands are not those proved here");

    // The port of the README may be taken on this machine; all else is as printed.
    let words: Vec<&str> = commands[0].split(' ').collect();
    let (program, arguments) = words.split_first().expect("a command");
    let host = Launch::program(program)
        .args(arguments)
        .args(["--listen", "127.0.0.1:0"])
        .current_dir(project())
        .deadline(Duration::from_secs(900))
        .start();
    let asked = commands[1].replace("127.0.0.1:8080", &host.address().to_string());
    let words: Vec<&str> = asked.split(' ').collect();
    let output =
        Command::new(words[0]).args(["-sS", "--max-time", "60"]).args(&words[1..]).output();
    let output = output.expect("curl is installed: see tests/install-tools");
    assert_eq!(String::from_utf8_lossy(&output.stdout), told[1].output);
    let response = client::get(host.address(), "/");
    assert_eq!(response.header("content-type"), Some("text/plain; charset=utf-8"));
}

#[test]
fn its_links_lead_somewhere() {
    let text = readme();
    let found = links(&text);
    assert!(found.len() > 5, "the README has lost its links: {found:?}");
    for link in found {
        assert!(project().join(Path::new(link)).exists(), "README.md links to `{link}`");
    }
}

#[test]
fn sessions_and_links_are_found() {
    let text =
        "a [x](y/z.md) [w](https://e)\n```console\n$ one\nout\n$ two\n```\n```text\n$ no\n```\n";
    let session = |command: &str, output: &str| Session {
        command: command.to_owned(),
        output: output.to_owned(),
    };
    assert_eq!(sessions(text), [session("one", "out\n"), session("two", "")]);
    assert_eq!(links(text), ["y/z.md"]);
}
