//! The validator around all that the tests serve, and what it may have told when a host ends.
//!
//! It stands around the layers of a test. `DSGI_TESTS_VALIDATORS=2` puts a second one, a library,
//! around the application, and `0` none anywhere: no client may see a difference.

use super::libraries::sample;
use std::collections::BTreeSet;
use std::ffi::OsString;

/// What stands around all that a host serves.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Validated {
    /// Nothing but what the test itself puts there.
    Bare,
    /// The validator, which tells of these rules and of no other.
    Breaking(&'static [&'static str]),
}

impl Validated {
    /// The arguments of a host, with those that put it there.
    pub(crate) fn around(self, mut arguments: Vec<OsString>) -> Vec<OsString> {
        if matches!(self, Self::Bare) {
            return arguments;
        }
        let places = places();
        if places >= 2 {
            let library = format!("inner-validator={}", sample("validator").display());
            arguments.extend([OsString::from("--enable"), library.into()]);
        }
        if places >= 1 {
            let is_layer = |one: &OsString| one.to_string_lossy().starts_with("--enable");
            let outermost = arguments.iter().position(is_layer).unwrap_or(arguments.len());
            let linked = ["--enable", "validator"].map(OsString::from);
            arguments.splice(outermost..outermost, linked);
        }
        arguments
    }

    /// What is wrong with what it has told in a log, if anything is.
    pub(crate) fn wrong_with(self, log: &str) -> Option<String> {
        let Self::Breaking(expected) = self else { return None };
        if places() == 0 {
            return None;
        }
        let told: BTreeSet<&str> = log.lines().filter_map(rule).collect();
        let unexpected = |line: &&str| rule(line).is_some_and(|rule| !expected.contains(&rule));
        let lines: Vec<&str> = log.lines().filter(unexpected).collect();
        let missed: Vec<_> = expected.iter().filter(|rule| !told.contains(**rule)).collect();
        match (lines.is_empty(), missed.is_empty()) {
            (true, true) => None,
            (true, false) => Some(format!("the validator tells nothing of {missed:?}")),
            _ => Some(format!("rules are broken: {lines:#?}")),
        }
    }
}

/// The rule that a line tells of, where it is one of the validator.
fn rule(line: &str) -> Option<&str> {
    let (_, told) = line.split_once("validator: ")?;
    told.split_once(" broken by ").map(|(rule, _)| rule)
}

fn places() -> u8 {
    match std::env::var("DSGI_TESTS_VALIDATORS").as_deref() {
        Err(_) | Ok("1") => 1,
        Ok("0") => 0,
        Ok("2") => 2,
        Ok(other) => panic!("DSGI_TESTS_VALIDATORS is 0, 1 or 2, and not {other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "\
2026-01-01T00:00:00Z ERROR errors: validator: start-once broken by application bad: saw `two`, ...
2026-01-01T00:00:00Z  INFO dsgi_host: layer validator: serves
";

    #[test]
    fn it_is_told_what_was_expected_and_nothing_else() {
        let wrong = |expected| Validated::Breaking(expected).wrong_with(LOG).unwrap_or_default();
        assert_eq!(wrong(&["start-once"]), "");
        if places() > 0 {
            assert!(wrong(&[]).contains("broken by application bad"));
            assert!(wrong(&["start-once", "close-once"]).contains(r#"nothing of ["close-once"]"#));
        }
        assert_eq!(Validated::Bare.wrong_with(LOG), None);
    }
}
