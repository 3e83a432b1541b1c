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

/// Of every page, and without the part of a page that they lead to.
#[test]
fn links_of_the_pages_lead_somewhere() {
    let pages = std::fs::read_dir(project().join("docs")).unwrap();
    let pages = pages.map(|page| page.unwrap().path());
    let pages = pages.filter(|page| page.extension().is_some_and(|end| end == "md"));
    let pages: Vec<_> = pages.chain([project().join("sample-plugins/README.md")]).collect();
    assert!(pages.len() > 5, "{pages:?}");
    for page in pages {
        for link in links(&std::fs::read_to_string(&page).unwrap()) {
            let file = link.split('#').next().unwrap();
            assert!(page.with_file_name(file).exists(), "{} links to `{link}`", page.display());
        }
    }
}

/// Each sample has a row with its name, what it shows, and a command that names its folder.
#[test]
fn every_sample_stands_in_the_table() {
    let folder = project().join("sample-plugins");
    let table = std::fs::read_to_string(folder.join("README.md")).unwrap();
    let rows: Vec<Vec<&str>> = table
        .lines()
        .filter(|line| line.starts_with("| ["))
        .map(|line| line.trim_matches('|').split(" | ").map(str::trim).collect())
        .collect();
    let mut told: Vec<&str> = rows.iter().map(|row| links_text(row[0])).collect();
    told.sort_unstable();
    let samples = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap());
    let samples = samples.filter(|entry| entry.path().is_dir());
    let mut samples: Vec<String> =
        samples.map(|entry| entry.file_name().into_string().unwrap()).collect();
    samples.sort_unstable();
    assert_eq!(told, samples);
    for row in &rows {
        let [name, shows, command] = row[..] else { panic!("{row:?} is no row") };
        assert!(!shows.is_empty(), "{name}");
        let named = format!("sample-plugins/{}", links_text(name));
        assert!(command.starts_with('`') && command.contains(&named), "{command}");
    }
}

/// What a link is called.
fn links_text(link: &str) -> &str {
    link.trim_start_matches('[').split(']').next().unwrap_or_default()
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
