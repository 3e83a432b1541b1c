//! The rules of the interface, one item each.
//!
//! They are the specification: `SPEC.md` is written from them, and the
//! [validator](mod@crate::validator) looks for the ones that can be broken at run time. Where a
//! rule has a check it stands beside it. Numbers and ids never change their meaning: 1 to 56 are
//! the checks of `wsgiref.validate` in its own order, 57 and up are what it does not look for.
mod body;
mod call;
mod close;
mod deviations;
mod environ;
mod head;
mod input;
mod layer;
mod start;

use std::fmt;

pub(crate) use self::body::{AFTER_CLOSE, Account, KIND, ONE_USER, UPGRADE_ASKED, UPGRADE_STATUS};
pub(crate) use self::call::{ANSWER, FAULT_STATUS, FUTURE_OVER, PANIC};
pub(crate) use self::close::{CALLED, ONCE, OUTCOME};
pub use self::deviations::{DEVIATIONS, Deviation};
pub use self::environ::OF_CGI;
pub(crate) use self::environ::Request;
pub(crate) use self::head::{Answered, STATUS_DIGITS, STATUS_FINAL, STATUS_REASON};
pub(crate) use self::start::{BEFORE_BODY, NOT_AFTER_SENT, ONE_CALL};

/// One rule of the interface.
///
/// ```
/// let rule = dsgi::rules::find("field-value-clean").expect("a rule");
/// assert_eq!((rule.number, rule.keeper), (35, dsgi::rules::Keeper::App));
/// assert!(rule.sentence().starts_with("The value of a header field"));
/// ```
#[derive(Debug)]
pub struct Rule {
    /// Its number, which never changes.
    pub number: u16,
    /// Its name, which never changes.
    pub id: &'static str,
    /// What it is about.
    pub subject: Subject,
    /// Who must keep it.
    pub keeper: Keeper,
    /// How it is kept.
    pub kept: Kept,
    text: &'static str,
}

/// What rules are about, in the order of the specification.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// The call of an application or a layer.
    Calls,
    /// The request's head.
    Variables,
    /// The request's body, and the error log.
    Reading,
    /// The callback that takes the head of the response.
    Starting,
    /// The head of the response.
    Answers,
    /// The body of the response.
    Bodies,
    /// The end of the response.
    Ends,
    /// Layers, threads, and the life of a library.
    Stacks,
}

/// Who must keep a rule. A layer keeps both sides: it is an application to what is outside of it
/// and a host to what is inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keeper {
    /// Whoever calls.
    Host,
    /// Whoever is called.
    App,
    /// Whoever stands between the two.
    Layer,
}

/// How a rule is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// The validator looks for who breaks it.
    Checked(Severity),
    /// The validator looks, and the host refuses or repairs what breaks it, validator or not.
    Enforced(Severity),
    /// The host or the kit keeps it and nobody at the boundary could see otherwise; a test, by its
    /// file and name, shows that it does.
    Held(&'static str),
    /// It cannot be broken.
    Impossible(Shown),
}

/// What shows that a rule cannot be broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// A program that breaks it does not compile: `plugin-api/tests/mistakes/NAME.rs`.
    Mistake(&'static str),
    /// A test of the types: a function of `plugin-api/tests/rules/types.rs`.
    Type(&'static str),
}

/// How bad it is to break a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The response goes on whatever the validator's mode.
    Warning,
    /// The response is given up where the validator enforces.
    Error,
}

impl Rule {
    /// What it says, in one or two sentences.
    #[must_use]
    pub fn sentence(&self) -> &'static str {
        self.text.trim_start()
    }

    /// How bad it is to break it; `None` where the validator does not look.
    #[must_use]
    pub const fn severity(&self) -> Option<Severity> {
        match self.kept {
            Kept::Checked(severity) | Kept::Enforced(severity) => Some(severity),
            Kept::Held(_) | Kept::Impossible(_) => None,
        }
    }
}

/// Every rule, by subject.
pub fn all() -> impl Iterator<Item = &'static Rule> {
    let subjects = [
        call::RULES,
        environ::RULES,
        input::RULES,
        start::RULES,
        head::RULES,
        body::RULES,
        close::RULES,
        layer::RULES,
    ];
    subjects.into_iter().flatten().copied()
}

/// The rule of this id.
///
/// ```
/// assert!(dsgi::rules::find("close-once").is_some());
/// assert!(dsgi::rules::find("close-twice").is_none());
/// ```
#[must_use]
pub fn find(id: &str) -> Option<&'static Rule> {
    all().find(|rule| rule.id == id)
}

/// The rule that a text names at its end, as `(rule start-once)`: so the kit says which one an
/// application has broken, where it finds out itself.
pub(crate) fn named_in(text: &str) -> Option<&'static Rule> {
    let (_, id) = text.rsplit_once("(rule ")?;
    find(id.strip_suffix(')')?)
}

/// A rule, and what was seen instead.
#[derive(Debug)]
pub(crate) struct Breach {
    /// The rule that was broken.
    pub(crate) rule: &'static Rule,
    /// What was seen, in a few words.
    pub(crate) saw: String,
}

impl Breach {
    /// Of a rule, by what was seen.
    pub(crate) fn of(rule: &'static Rule, saw: impl Into<String>) -> Self {
        Self { rule, saw: saw.into() }
    }
}

/// Bytes as they may be shown in one line of a log.
fn quoted(bytes: &[u8]) -> String {
    const SHOWN: usize = 60;
    let shown = bytes.get(..SHOWN).unwrap_or(bytes).escape_ascii();
    let rest = if bytes.len() > SHOWN { "..." } else { "" };
    format!("`{shown}{rest}`")
}

impl fmt::Display for Keeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Host => "host",
            Self::App => "application",
            Self::Layer => "layer",
        })
    }
}

/// Rules of one subject, each told by its comment. A check may follow, which sees what stands in
/// brackets behind the subject.
macro_rules! rules {
    (
        $subject:ident;
        $($(#[doc = $line:literal])+ $rule:ident = $number:literal, $id:literal, $keeper:ident,
            $kept:expr;)+
    ) => {
        $($crate::rules::rule!($(#[doc = $line])+ $rule, $number, $id, $subject, $keeper, $kept);)+

        /// The rules of this subject.
        pub(super) const RULES: &[&$crate::rules::Rule] = &[$(&$rule),+];
    };
    (
        $subject:ident($seen:ty);
        $($(#[doc = $line:literal])+ $rule:ident = $number:literal, $id:literal, $keeper:ident,
            $kept:expr $(, $check:expr)?;)+
    ) => {
        $($crate::rules::rule!($(#[doc = $line])+ $rule, $number, $id, $subject, $keeper, $kept);)+

        /// The rules of this subject.
        pub(super) const RULES: &[&$crate::rules::Rule] = &[$(&$rule),+];

        type Check = fn(&$seen) -> Option<String>;

        const CHECKS: &[(&$crate::rules::Rule, Check)] = &[$($((&$rule, $check),)?)+];

        /// What all checks of this subject see.
        fn look(seen: &$seen) -> Vec<$crate::rules::Breach> {
            let looked = CHECKS.iter().map(|(rule, check)| (*rule, check(seen)));
            looked.filter_map(|(rule, saw)| Some($crate::rules::Breach::of(rule, saw?))).collect()
        }
    };
}

macro_rules! rule {
    (
        $(#[doc = $line:literal])+
        $rule:ident, $number:literal, $id:literal, $subject:ident, $keeper:ident, $kept:expr
    ) => {
        $(#[doc = $line])+
        pub(crate) static $rule: $crate::rules::Rule = $crate::rules::Rule {
            number: $number,
            id: $id,
            subject: $crate::rules::Subject::$subject,
            keeper: $crate::rules::Keeper::$keeper,
            kept: $kept,
            text: concat!($($line),+),
        };
    };
}

use {rule, rules};
