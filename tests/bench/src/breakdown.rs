//! Where a subject's instructions go beyond the baseline's, function by function.
//!
//! Release builds inline: a function here stands for all that was inlined into it, and two
//! programs may inline differently. The sums are exact, the names are the best there are.

use std::collections::{HashMap, HashSet};

use crate::callgrind::Profile;
use crate::report::Table;

/// Instructions for one request.
#[derive(Debug, Default)]
pub(crate) struct PerRequest {
    pub(crate) total: f64,
    pub(crate) own: HashMap<String, f64>,
    inclusive: HashMap<String, f64>,
}

impl PerRequest {
    /// The difference of two runs of one program, `requests` apart.
    pub(crate) fn between(fewer: &Profile, more: &Profile, requests: u32) -> Self {
        let requests = f64::from(requests);
        Self {
            total: (more.total as f64 - fewer.total as f64) / requests,
            own: differ(&fewer.own, &more.own, requests),
            inclusive: differ(&fewer.inclusive, &more.inclusive, requests),
        }
    }
}

/// The functions in which `subject` differs most from `baseline`, by own instructions.
pub(crate) fn differences(
    (name, subject): (&str, &PerRequest),
    (other, baseline): (&str, &PerRequest),
    case: &str,
) -> Table {
    let names: HashSet<&String> = subject.own.keys().chain(baseline.own.keys()).collect();
    let cost = |side: &PerRequest, name: &String| side.own.get(name).copied().unwrap_or(0.0);
    let mut rows: Vec<_> = names
        .into_iter()
        .map(|name| (name, cost(subject, name), cost(baseline, name)))
        .filter(|(_, subject, baseline)| (subject - baseline).abs() >= SHOWN_MIN)
        .collect();
    rows.sort_by(|left, right| {
        let weight = |row: &(&String, f64, f64)| (row.1 - row.2).abs();
        weight(right).total_cmp(&weight(left)).then(left.0.cmp(right.0))
    });
    let mut table = Table::new(
        format!("Where the rest goes: {name} against {other}, {case} (own instructions)"),
        &["difference", name, other, "function"],
    );
    let rest: f64 = rows.iter().skip(SHOWN_MAX).map(|row| row.1 - row.2).sum();
    for (function, subject, baseline) in rows.into_iter().take(SHOWN_MAX) {
        let difference = format!("{:+.0}", subject - baseline);
        table.row(vec![
            difference,
            format!("{subject:.0}"),
            format!("{baseline:.0}"),
            code(function),
        ]);
    }
    if rest.abs() >= SHOWN_MIN {
        table.row(vec![format!("{rest:+.0}"), String::new(), String::new(), "all others".into()]);
    }
    table
}

/// What our own functions cost with everything they call.
pub(crate) fn ours(name: &str, case: &str, subject: &PerRequest) -> Table {
    let mut rows: Vec<_> = subject
        .inclusive
        .iter()
        .filter(|(function, cost)| is_ours(function) && **cost >= SHOWN_MIN)
        .collect();
    rows.sort_by(|left, right| right.1.total_cmp(left.1).then(left.0.cmp(right.0)));
    let mut table = Table::new(
        format!("Our functions in {name}, {case} (what they call included)"),
        &["inclusive", "own", "function"],
    );
    for (function, inclusive) in rows.into_iter().take(SHOWN_MAX) {
        let own = subject.own.get(function).copied().unwrap_or(0.0);
        table.row(vec![format!("{inclusive:.0}"), format!("{own:.0}"), code(function)]);
    }
    table
}

fn differ(
    fewer: &HashMap<String, u64>,
    more: &HashMap<String, u64>,
    requests: f64,
) -> HashMap<String, f64> {
    let mut sums: HashMap<String, f64> = HashMap::new();
    for (costs, sign) in [(more, 1.0), (fewer, -1.0)] {
        for (name, cost) in costs {
            *sums.entry(plain(name)).or_default() += sign * *cost as f64 / requests;
        }
    }
    sums
}

/// The name without what tells two builds of one function apart: type arguments, recursion level.
fn plain(name: &str) -> String {
    let name = name.split('\'').next().unwrap_or(name);
    let mut plain = String::with_capacity(name.len());
    let mut depth = 0_u32;
    // The `<` of `<Type as Trait>::method` opens a name, any other opens type arguments.
    for (at, letter) in name.char_indices() {
        match letter {
            '<' if at == 0 => plain.push('<'),
            '<' => depth += 1,
            '>' if name[..at].ends_with('-') => {}
            '>' if depth == 0 => plain.push('>'),
            '>' => depth -= 1,
            _ if depth == 0 => plain.push(letter),
            _ => {}
        }
    }
    plain.replace("::::", "::")
}

fn is_ours(function: &str) -> bool {
    let main = function.trim_start_matches('<').starts_with("host::");
    main || ["dsgi", "sample_hello", "app_answer"].iter().any(|mark| function.contains(mark))
}

/// The name in code quotes, cut so that the table stays readable.
fn code(function: &str) -> String {
    let mut name: String = function.chars().take(NAME_MAX).collect();
    if name.len() < function.len() {
        name.push_str("..");
    }
    format!("`{}`", name.replace('|', "/"))
}

const SHOWN_MAX: usize = 25;
const SHOWN_MIN: f64 = 1.0;
const NAME_MAX: usize = 66;

#[cfg(test)]
mod tests {
    use super::*;

    fn profile(total: u64, own: &[(&str, u64)]) -> Profile {
        let own: HashMap<_, _> = own.iter().map(|(name, cost)| ((*name).into(), *cost)).collect();
        Profile { total, inclusive: own.clone(), own, ..Profile::default() }
    }

    #[test]
    fn what_both_runs_have_in_common_falls_out() {
        let fewer = profile(1000, &[("start", 700), ("serve<A>", 300)]);
        let more = profile(1400, &[("start", 700), ("serve<A>", 700)]);
        let per_request = PerRequest::between(&fewer, &more, 40);
        assert_eq!(per_request.total, 10.0);
        assert_eq!(per_request.own["serve"], 10.0);
        assert_eq!(per_request.own["start"], 0.0);
    }

    #[test]
    fn builds_of_one_function_share_a_name_and_others_do_not() {
        assert_eq!(plain("core::ptr::drop_in_place<a::B<c::D>>"), "core::ptr::drop_in_place");
        assert_eq!(plain("<a::B<C> as d::E<F>>::g"), "<a::B as d::E>::g");
        assert_eq!(plain("poll'2"), "poll");
        assert_eq!(plain("core::slice::<impl [T]>::iter"), "core::slice::iter");
        assert_ne!(plain("<a::B<C> as d::E>::g"), plain("<a::X<C> as d::E>::g"));
        assert_eq!(plain("a<fn(u8) -> u8>::b"), "a::b");
    }

    #[test]
    fn only_our_names_are_ours() {
        assert!(is_ours("dsgi_host::dispatch::call"));
        assert!(is_ours("host::main"));
        assert!(!is_ours("http::uri::host::parse"));
        assert!(is_ours("<sample_hello_inline::app as dsgi::Application>::call"));
        assert!(!is_ours("hyper::proto::h1::dispatch::Dispatcher::poll_write"));
    }
}
