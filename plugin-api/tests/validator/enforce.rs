//! Where the validator enforces, a response that breaks a rule does not reach the client whole.

use dsgi::rules::{Keeper, Severity, find};

use crate::host::Done;
use crate::mutants::{Mutant, Tried, mutants};
use crate::stack::alone;

const ENFORCE: &str = r#"{"mode": "enforce"}"#;

/// Whether a client could take what has come of it for a response like others.
fn looks_fine(tried: &Tried) -> bool {
    let (_, done) = tried.done.as_ref().expect("a request that was answered");
    done.failure.is_none()
}

#[test]
fn errors_are_refused_and_warnings_are_not() {
    let _alone = alone();
    for (at, (rule, mutant)) in mutants().into_iter().enumerate() {
        if matches!(mutant, Mutant::Use(..)) {
            continue;
        }
        let reported = mutant.tried(&[""]);
        let enforced = mutant.tried(&[ENFORCE]);
        assert!(enforced.lines[0].contains(rule), "{at}: {:?}", enforced.lines);
        match find(rule).and_then(dsgi::rules::Rule::severity) {
            Some(Severity::Error) => {
                assert!(!looks_fine(&enforced), "{at}: {rule}: {:?}", enforced.done);
            }
            _ => assert_eq!(reported.done, enforced.done, "{at}: {rule}"),
        }
    }
}

/// What would have looked fine without: else the test above had nothing to find.
#[test]
fn most_of_them_look_fine_where_it_only_reports() {
    let _alone = alone();
    let all = mutants();
    let answered = all.iter().filter(|(_, mutant)| !matches!(mutant, Mutant::Use(..)));
    let fine = answered.filter(|(_, mutant)| looks_fine(&mutant.tried(&[""])));
    assert!(fine.count() > 40);
}

#[test]
fn a_request_that_is_refused_reaches_nobody() {
    let _alone = alone();
    for (rule, mutant) in mutants() {
        let Mutant::Request(_) = mutant else { continue };
        let known = find(rule).expect("a rule");
        if known.severity() != Some(Severity::Error) {
            continue;
        }
        assert_ne!(known.keeper, Keeper::App);
        let done = mutant.tried(&[ENFORCE]).done;
        let Some((_, Done { status: 500, failure: Some(text), .. })) = done else {
            panic!("{rule}: {done:?}")
        };
        assert!(text.starts_with(&format!("refused by the validator: {rule}: ")), "{text}");
    }
}
