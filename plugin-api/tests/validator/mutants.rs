//! For each rule that the validator looks for, somebody who breaks that one and no other.

use std::collections::BTreeSet;

use dsgi::export::{Linked, link};
use dsgi::rules::{Keeper, Kept, Rule, Severity, all, find};
use dsgi::{Environ, StartResponse};

use crate::host::{Answer, App as Member, Done, Host, Texts};
use crate::raw::{Raw, RawFrame};
use crate::stack::{alone, facts, host, pairs, told, validator};
use crate::{application, hosts};

/// The id of a rule, and how it is broken.
pub(crate) type Breaks<T> = (&'static str, T);
/// Says something else of the request.
pub(crate) type Change = fn(&mut Texts);
/// Uses the answer of an application in another way.
pub(crate) type Mistreat = (App, fn(&Host));
/// Makes an application.
pub(crate) type App = fn() -> Linked;

/// Somebody who breaks one rule.
#[derive(Clone, Copy)]
pub(crate) enum Mutant {
    /// A host, by what its request says.
    Request(Change),
    /// A host, by what it does with the answer of an application that keeps the rules.
    Use(App, fn(&Host)),
    /// An application that fills its reply in by hand.
    Reply(fn() -> Raw),
    /// An application written with the kit.
    Application(App),
}

/// What came of a request.
#[derive(Debug)]
pub(crate) struct Tried {
    /// The reason, and the rest. None where the host did something else with the answer.
    pub(crate) done: Option<(String, Done)>,
    pub(crate) lines: Vec<String>,
    /// Handles of the exchange that were not released.
    pub(crate) held: usize,
}

impl Mutant {
    /// One request through validators with these configs.
    pub(crate) fn tried(self, validators: &[&str]) -> Tried {
        let mut stack: Vec<Member> = validators.iter().map(|config| validator(config)).collect();
        let mut facts = facts();
        stack.push(match self {
            Self::Request(change) => {
                change(&mut facts);
                link(correct).into()
            }
            Self::Use(app, _) => app().into(),
            Self::Reply(raw) => raw().app(),
            Self::Application(app) => app().into(),
        });
        let host = host(facts, stack);
        let done = match self {
            Self::Use(_, mistreat) => {
                mistreat(&host);
                None
            }
            _ => {
                let answer = host.call();
                let reason = match &answer {
                    Answer::Reply(received) => received.reason.clone(),
                    _ => String::new(),
                };
                Some((reason, answer.finish()))
            }
        };
        let (lines, held) = told(host);
        Tried { done, lines, held }
    }
}

fn correct(_: Environ, start_response: StartResponse) -> dsgi::Result<[&'static str; 1]> {
    start_response("200 OK", &[("Content-Type", "text/plain")])?;
    Ok(["tea\n"])
}

/// Every mutant, by the rule that it breaks.
pub(crate) fn mutants() -> Vec<(&'static str, Mutant)> {
    let mut mutants: Vec<(&'static str, Mutant)> = Vec::new();
    mutants.extend(hosts::REQUESTS.iter().map(|(rule, change)| (*rule, Mutant::Request(*change))));
    let uses = hosts::USES.iter();
    mutants.extend(uses.map(|(rule, (app, mistreat))| (*rule, Mutant::Use(*app, *mistreat))));
    let replies = application::REPLIES.iter();
    mutants.extend(replies.map(|(rule, raw)| (*rule, Mutant::Reply(*raw))));
    let written = application::WRITTEN.iter();
    mutants.extend(written.map(|(rule, app)| (*rule, Mutant::Application(*app))));
    mutants
}

/// The ids of the rules that the lines name.
fn named(lines: &[String]) -> Vec<&str> {
    let name = |line: &'_ String| -> usize { line.find("validator: ").expect("its own line") + 11 };
    lines.iter().map(|line| line[name(line)..].split(' ').next().unwrap_or_default()).collect()
}

#[test]
fn each_mutant_is_told_by_its_rule_and_no_other() {
    let _alone = alone();
    for (at, (rule, mutant)) in mutants().into_iter().enumerate() {
        let tried = mutant.tried(&[""]);
        assert_eq!(named(&tried.lines), [rule], "mutant {at}: {:?}", tried.lines);
        // Who never closes a body never gives the exchange up either.
        assert_eq!(tried.held, usize::from(rule == "close-called"), "mutant {at}");
        let line = &tried.lines[0];
        let known: &Rule = find(rule).expect("a rule");
        let level = if known.severity() == Some(Severity::Warning) { "2 " } else { "1 " };
        assert!(line.starts_with(level), "{line}");
        let by = if known.keeper == Keeper::App { "application tea" } else { "host" };
        assert!(line.contains(&format!(" broken by {by}")) && line.contains(": saw "), "{line}");
        assert!(line.ends_with(&format!("the rule says \"{}\"", known.sentence())), "{line}");
        assert!(!line.contains('\n'), "{line:?}");
    }
}

#[test]
fn no_rule_that_is_looked_for_is_without_a_mutant() {
    let reached: BTreeSet<&str> = mutants().iter().map(|(rule, _)| *rule).collect();
    let looked = all().filter(|rule| matches!(rule.kept, Kept::Checked(_) | Kept::Enforced(_)));
    let missed: Vec<&str> = looked.map(|rule| rule.id).filter(|id| !reached.contains(id)).collect();
    assert!(missed.is_empty(), "nobody breaks {missed:?}");
}

/// The same line comes from a validator around it: it is transparent for what is wrong, too.
#[test]
fn a_validator_around_a_validator_tells_the_same() {
    let _alone = alone();
    for (at, (rule, mutant)) in mutants().into_iter().enumerate() {
        if matches!(mutant, Mutant::Use(..)) {
            // A host that keeps no rules has the outer one to deal with, which keeps them.
            continue;
        }
        let tried = mutant.tried(&["", ""]);
        assert_eq!(named(&tried.lines), [rule, rule], "mutant {at}: {:?}", tried.lines);
        let of_a_layer = tried.lines.iter().filter(|line| line.contains("by layer layer: "));
        assert_eq!(of_a_layer.count(), 1, "mutant {at}: {:?}", tried.lines);
    }
}

#[test]
fn who_keeps_the_rules_is_told_nothing() {
    let _alone = alone();
    let fine: &[Mutant] = &[
        Mutant::Request(|_| {}),
        Mutant::Request(|facts| facts.method = "HEAD"),
        Mutant::Request(|facts| {
            (facts.length, facts.headers) = (Some(3), pairs(&[("content-length", "3")]));
        }),
        Mutant::Request(|facts| facts.variables = pairs(&[("shop.user", "ada"), ("HTTPS", "on")])),
        Mutant::Use(application::streaming, |host| drop(host.call().finish())),
        Mutant::Use(application::streaming, |host| drop(host.call())),
        Mutant::Application(application::no_content),
        Mutant::Application(application::later),
        Mutant::Application(application::file),
        Mutant::Application(application::fails),
        Mutant::Reply(|| {
            Raw::stream(
                &[
                    RawFrame::Data(b"tea"),
                    RawFrame::Data(b""),
                    RawFrame::Trailers(&[("x-sum", b"7")]),
                ],
                Some((3, 3)),
            )
        }),
        Mutant::Reply(|| Raw::stream(&[RawFrame::Data(b"tea"), RawFrame::Fails("no more")], None)),
    ];
    for (at, mutant) in fine.iter().enumerate() {
        for validators in [&[""][..], &["", ""], &[r#"{"mode": "enforce"}"#]] {
            let tried = mutant.tried(validators);
            assert_eq!((tried.lines, tried.held), (Vec::new(), 0), "{at}");
        }
    }
}
