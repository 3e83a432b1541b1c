//! Each rule is one, and what it names to show that it is kept is there.

use std::collections::BTreeSet;
use std::fs;

use dsgi::rules::{Kept, Rule, Shown, all};

use crate::{project, types};

/// What is wrong with how a rule says that it is kept.
fn missing(rule: &Rule) -> Option<String> {
    let found = match rule.kept {
        Kept::Checked(_) | Kept::Enforced(_) => true,
        Kept::Held(test) => is_test(test),
        Kept::Impossible(Shown::Mistake(name)) => is_mistake(name),
        Kept::Impossible(Shown::Type(name)) => types::TESTS.iter().any(|(known, _)| *known == name),
    };
    (!found).then(|| format!("{}: {:?} is not there", rule.id, rule.kept))
}

/// `FILE: NAME`, the name of a test in that file.
fn is_test(place: &str) -> bool {
    let Some((file, name)) = place.split_once(": ") else { return false };
    let text = fs::read_to_string(project().join(file)).unwrap_or_default();
    text.contains(&format!("#[test]\nfn {name}()"))
}

/// A mistake that does not compile, with what the compiler says of it.
fn is_mistake(name: &str) -> bool {
    let file = |ending| project().join(format!("plugin-api/tests/mistakes/{name}.{ending}"));
    file("rs").exists() && file("stderr").exists()
}

#[test]
fn what_shows_that_a_rule_is_kept_is_there() {
    let missing: Vec<String> = all().filter_map(missing).collect();
    assert!(missing.is_empty(), "\n{}\n", missing.join("\n"));
}

#[test]
fn what_is_not_there_is_missed() {
    assert!(is_test("plugin-api/tests/rules/kept.rs: what_is_not_there_is_missed"));
    assert!(!is_test("plugin-api/tests/rules/kept.rs: no_such_test"));
    assert!(!is_test("plugin-api/tests/rules/kept.rs: is_test"), "not a test");
    assert!(!is_test("no/such/file.rs: what_is_not_there_is_missed"));
    assert!(is_mistake("one_string") && !is_mistake("no_such_mistake"));
}

#[test]
fn every_type_test_belongs_to_a_rule() {
    let named = |name: &str| {
        all().any(|rule| matches!(rule.kept, Kept::Impossible(Shown::Type(of)) if of == name))
    };
    for (name, test) in types::TESTS {
        assert!(named(name), "no rule names {name}");
        test();
    }
}

#[test]
fn numbers_and_ids_are_unique_and_without_gaps() {
    let numbers: BTreeSet<u16> = all().map(|rule| rule.number).collect();
    let ids: BTreeSet<&str> = all().map(|rule| rule.id).collect();
    let count = all().count();
    assert_eq!((numbers.len(), ids.len()), (count, count), "a number or an id stands twice");
    let expected = (1..).take(count);
    assert_eq!(numbers.into_iter().collect::<Vec<u16>>(), expected.collect::<Vec<u16>>());
}

/// Whoever reads a line of the log looks the id up: it must be a word, and the rule a sentence.
#[test]
fn rules_can_be_read() {
    for rule in all() {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte == b'-' || byte.is_ascii_digit();
        assert!(rule.id.bytes().all(plain), "{}", rule.id);
        let text = rule.sentence();
        assert!(text.ends_with('.') && !text.contains("  "), "{}: {text:?}", rule.id);
    }
}
