//! `SPEC.md` is written from the rules: `DSGI_BLESS=1 cargo test -p dsgi --test rules` writes it.

use std::env;
use std::fmt::Write as _;
use std::fs;

use dsgi::rules::{DEVIATIONS, Kept, Rule, Severity, Shown, Subject, all};

use crate::project;

/// The interface on one page.
const INTERFACE: &str = include_str!("interface.md");

#[test]
fn the_specification_says_what_the_rules_say() {
    let path = project().join("SPEC.md");
    let written = specification();
    if env::var_os("DSGI_BLESS").is_some() {
        fs::write(&path, &written).expect("the specification is written");
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    let differs = found.lines().zip(written.lines()).find(|(found, written)| found != written);
    assert!(
        found == written,
        "SPEC.md and the rules differ, first in {differs:?}; the rules are what counts: \
         DSGI_BLESS=1 cargo test -p dsgi --test rules"
    );
}

fn specification() -> String {
    let mut text = String::from(INTERFACE);
    text.push_str("\n## The rules\n");
    text.push_str(LEGEND);
    for (subject, title, about) in SUBJECTS {
        let _ = write!(text, "\n### {title}\n\n{about}\n\n");
        let mut rules: Vec<&Rule> = all().filter(|rule| rule.subject == *subject).collect();
        rules.sort_by_key(|rule| rule.number);
        for rule in rules {
            text.push_str(&item(rule));
        }
    }
    text.push_str("\n## Where this differs from PEP 3333\n");
    for deviation in DEVIATIONS {
        let (number, title) = (deviation.number, deviation.title);
        let _ = write!(text, "\n**{number}. {title}.** ");
        let (there, here, reason) = (deviation.there, deviation.here, deviation.reason);
        let _ = writeln!(text, "PEP 3333: {there} Here: {here} Why: {reason}");
    }
    wrap(&text)
}

const LEGEND: &str = "
Each rule has a number and a name; lines of the log name it by the name. Numbers up to 56 are the \
checks of Python's `wsgiref.validate` in its order. *(host)*, *(application)* or *(layer)* says \
who must keep a rule; a layer keeps the ones of both: it is an application to what is outside of \
it and a host to what is inside. How a rule is kept:

- **checked**: the validator looks for who breaks it, and says so; as an error, or as a warning.
- **enforced**: the same, and the host refuses or repairs what breaks it, validator or not.
- **held**: nothing at the boundary could show that it is broken; a test of the host or the kit \
does.
- **impossible**: a program that breaks it does not compile, or there is nothing to break it with; \
a test shows that.
";

const SUBJECTS: &[(Subject, &str, &str)] = &[
    (Subject::Calls, "Calls", "What goes into an application, and what comes back."),
    (Subject::Variables, "The environ", "The head of a request, as whoever is called finds it."),
    (Subject::Reading, "Input and error log", "`environ.input()` and `environ.errors()`."),
    (Subject::Starting, "start_response", "The callback that takes the head of a response."),
    (Subject::Answers, "Status and fields", "The head of a response."),
    (Subject::Bodies, "The body", "What follows the head."),
    (Subject::Ends, "The end", "`close`, as `on_close` of an author's body is told."),
    (Subject::Stacks, "Layers, threads, libraries", "What holds for all of them together."),
];

fn item(rule: &Rule) -> String {
    let severity = |severity| match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let kept = match rule.kept {
        Kept::Checked(of) => format!("checked, {}", severity(of)),
        Kept::Enforced(of) => format!("enforced, {}", severity(of)),
        Kept::Held(test) => format!("held: `{test}`"),
        Kept::Impossible(Shown::Mistake(name)) => format!("impossible: `mistakes/{name}.rs`"),
        Kept::Impossible(Shown::Type(name)) => format!("impossible: `{name}`"),
    };
    let Rule { number, id, keeper, .. } = rule;
    format!("- **{number} `{id}`** ({keeper}) {} *{kept}*\n", rule.sentence())
}

/// Lines of at most 100 columns; what is indented, a table or a program is left alone.
fn wrap(text: &str) -> String {
    let mut wrapped = String::new();
    let mut is_program = false;
    for line in text.lines() {
        is_program ^= line.starts_with("```");
        if is_program || line.starts_with('|') || line.len() <= COLUMNS {
            wrapped.push_str(line);
            wrapped.push('\n');
            continue;
        }
        let indent = if line.starts_with("- ") { "  " } else { "" };
        let mut column = 0;
        for word in line.split(' ') {
            if column > 0 && column + 1 + word.len() > COLUMNS {
                wrapped.push('\n');
                wrapped.push_str(indent);
                column = indent.len();
            } else if column > 0 {
                wrapped.push(' ');
                column += 1;
            }
            wrapped.push_str(word);
            column += word.len();
        }
        wrapped.push('\n');
    }
    wrapped
}

const COLUMNS: usize = 100;

#[test]
fn long_lines_are_wrapped_and_programs_are_not() {
    let long = "word ".repeat(30);
    let wrapped = wrap(&format!("- {long}\n```text\n{long}\n```\n"));
    let lines: Vec<&str> = wrapped.lines().collect();
    assert!(lines[0].len() <= COLUMNS && lines[1].starts_with("  word"), "{wrapped}");
    assert!(lines.contains(&long.as_str()), "a program was wrapped");
}

#[test]
fn no_subject_is_left_out() {
    for rule in all() {
        let listed = SUBJECTS.iter().any(|(subject, ..)| *subject == rule.subject);
        assert!(listed, "{:?}", rule.subject);
    }
    assert!(SUBJECTS.is_sorted_by_key(|(subject, ..)| *subject));
}
