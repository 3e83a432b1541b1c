//! Lives of applications, and what starts after each.

use super::*;

const PATH: &str = "/srv/shop.so";

/// A host that has served `one` from its path, beyond its window.
fn settled() -> Record {
    let mut record = Record::default();
    record.saw("shop", PATH, "one");
    record.swapped("shop", "one");
    record.proved("shop", "one");
    record
}

fn stored(digest: &str, why: Why) -> Start {
    Start::Stored { digest: digest.to_owned(), why }
}

#[test]
fn what_is_new_starts_as_it_is() {
    let record = Record::default();
    assert_eq!(record.start("shop", PATH, Some("one")), Start::File(Why::New));
    assert_eq!(record.start("shop", PATH, None), Start::Nothing(Why::Missing));
}

#[test]
fn what_was_deployed_stays_and_what_is_new_at_the_path_is_a_deploy() {
    let mut record = settled();
    assert_eq!(record.start("shop", PATH, Some("one")), Start::File(Why::DesiredIsFile));
    // `deploy other.so`, then a start.
    record.swapped("shop", "other");
    assert_eq!(record.start("shop", PATH, Some("one")), stored("other", Why::Desired));
    assert_eq!(record.start("shop", PATH, None), stored("other", Why::Desired));
    // The file was replaced while no host ran.
    assert_eq!(record.start("shop", PATH, Some("two")), Start::File(Why::Unseen));
    // Another path is another source.
    assert_eq!(record.start("shop", "/srv/x.so", Some("one")), Start::File(Why::Unseen));
}

#[test]
fn a_rollback_stays() {
    let mut record = settled();
    record.saw("shop", PATH, "two");
    record.swapped("shop", "two");
    record.swapped("shop", "one");
    assert_eq!(record.start("shop", PATH, Some("two")), stored("one", Why::Desired));
}

#[test]
fn a_version_is_good_once_it_has_outlived_its_window() {
    let mut record = settled();
    record.swapped("shop", "two");
    record.swapped("shop", "three");
    assert_eq!(record.apps["shop"].last_good.as_deref(), Some("one"));
    record.proved("shop", "three");
    assert_eq!(record.apps["shop"].last_good.as_deref(), Some("three"));
}

#[test]
fn two_deaths_in_a_row_are_the_fault_of_what_was_swapped_last() {
    let mut record = settled();
    record.saw("shop", PATH, "two");
    record.swapped("shop", "two");
    assert_eq!(record.began(), None, "one death may be anybody's");
    assert_eq!(record.start("shop", PATH, Some("two")), Start::File(Why::DesiredIsFile));
    // The start is a swap.
    record.swapped("shop", "two");
    let blamed = record.began().map(|trial| (trial.app, trial.digest, trial.deaths));
    assert_eq!(blamed, Some((String::from("shop"), String::from("two"), 2)));
    let Start::Stored { digest, why: Why::LastGood(_) } = record.start("shop", PATH, Some("two"))
    else {
        panic!("{record:?}");
    };
    assert_eq!(digest, "one");
    // Mended, it is another digest.
    assert_eq!(record.start("shop", PATH, Some("three")), Start::File(Why::Unseen));
    assert_eq!(record.began(), None);
}

#[test]
fn an_end_in_order_and_a_window_that_is_over_are_no_deaths() {
    for end in [Record::ended, |record: &mut Record| record.proved("shop", "two")] {
        let mut record = settled();
        record.swapped("shop", "two");
        record.began();
        record.swapped("shop", "two");
        end(&mut record);
        assert_eq!(record.began(), None);
        record.swapped("shop", "two");
        assert_eq!(record.began(), None, "the deaths are not in a row");
    }
    // Only the application swapped last is blamed.
    let mut record = settled();
    record.swapped("shop", "two");
    record.began();
    record.swapped("blog", "x");
    record.swapped("shop", "two");
    assert_eq!(record.began(), None);
}

#[test]
fn what_is_refused_is_replaced_by_the_last_good_one() {
    let mut record = settled();
    let Start::Stored { digest, why } = record.instead("shop", Some("two"), "`two` is no library")
    else {
        panic!("{record:?}");
    };
    assert_eq!(digest, "one");
    assert_eq!(why.to_string(), "it is the last good one: `two` is no library");
    record.quarantine("shop", "one", "it panicked");
    assert!(matches!(record.instead("shop", None, "x"), Start::Nothing(Why::NoGood(_))));
    assert!(matches!(record.instead("blog", None, "x"), Start::Nothing(Why::NoGood(_))));
}

/// A version whose window was never over is better than none, unless it is the one that failed.
#[test]
fn what_is_refused_before_anything_was_good_is_replaced_by_what_served() {
    let mut record = Record::default();
    record.saw("shop", PATH, "one");
    record.swapped("shop", "one");
    record.swapped("shop", "two");
    for (refused, served) in [("three", "two"), ("two", "one")] {
        let Start::Stored { digest, why: Why::ServedBefore(_) } =
            record.instead("shop", Some(refused), "it is no library")
        else {
            panic!("{record:?}");
        };
        assert_eq!(digest, served);
    }
    record.quarantine("shop", "two", "it panicked");
    assert!(matches!(record.instead("shop", Some("one"), "x"), Start::Nothing(Why::NoGood(_))));
}

#[test]
fn the_history_is_bounded_and_keeps_what_may_start() {
    let mut record = settled();
    for version in 0..100 {
        record.swapped("shop", &version.to_string());
    }
    let kept: Vec<&str> = record.kept().collect();
    assert_eq!(record.apps["shop"].history.len(), HISTORY);
    for digest in ["one", "99", "80"] {
        assert!(kept.contains(&digest), "{digest}: {kept:?}");
    }
    assert!(!kept.contains(&"79"));
}

#[test]
fn a_record_is_read_as_it_was_written_and_nothing_else_is() {
    let mut record = settled();
    record.swapped("shop", "two");
    record.quarantine("shop", "three", "it panicked");
    let bytes = record.write();
    assert_eq!(Record::read(&bytes).unwrap(), record);
    for end in 0..bytes.len() - 1 {
        assert!(matches!(Record::read(&bytes[..end]), Err(RecordError::Torn(_))), "{end}");
    }
    let later = String::from_utf8(bytes).unwrap().replace("\"format\": 1", "\"format\": 2");
    assert!(matches!(Record::read(later.as_bytes()), Err(RecordError::Foreign(2))));
}

#[test]
fn others_that_start_do_not_take_the_blame_away() {
    let mut record = settled();
    record.swapped("shop", "two");
    record.began();
    for (app, digest) in [("blog", "x"), ("shop", "two"), ("wiki", "y")] {
        record.started(app, digest);
    }
    assert_eq!(record.began().map(|trial| trial.app).as_deref(), Some("shop"));
    assert_eq!(record.app_at(PATH), Some("shop"));
    assert_eq!(record.app_at("/elsewhere"), None);
}
