//! What every store does; each is tried on it by its own tests.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Birth, Changes, Sought, Store};
use crate::layer::id::Id;

const HOUR: Duration = Duration::from_secs(3_600);

pub(crate) fn changes(changes: &[(&str, Option<Value>)]) -> Changes {
    changes.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect()
}

/// What is kept, as one JSON object; null for no session.
pub(crate) fn fields(store: &dyn Store, id: &Id) -> Value {
    match store.load(id).unwrap() {
        Sought::Kept(kept) => json!(kept.fields),
        Sought::Gone | Sought::Awaited => Value::Null,
    }
}

pub(crate) fn left(store: &dyn Store, id: &Id) -> Duration {
    match store.load(id).unwrap() {
        Sought::Kept(kept) => kept.left,
        other => panic!("{other:?}"),
    }
}

pub(crate) fn tried(store: &dyn Store) {
    changes_last(store);
    changes_of_two_requests_both_last(store);
    what_has_ended_stays_ended(store);
    time_passes(store);
}

fn changes_last(store: &dyn Store) {
    let id = Id::random().unwrap();
    assert_eq!(fields(store, &id), Value::Null);
    let first = changes(&[("name", Some(json!("Ada"))), ("visits", Some(json!(1)))]);
    store.save(&id, Birth::Now, &first, HOUR).unwrap();
    assert_eq!(fields(store, &id), json!({"name": "Ada", "visits": 1}));
    let second = changes(&[("name", None), ("visits", Some(json!({"all": [1, null, "'"]})))]);
    store.save(&id, Birth::Earlier, &second, HOUR).unwrap();
    assert_eq!(fields(store, &id), json!({"visits": {"all": [1, null, "'"]}}));
    assert_eq!(fields(store, &Id::random().unwrap()), Value::Null, "nobody else's");
}

fn changes_of_two_requests_both_last(store: &dyn Store) {
    let id = Id::random().unwrap();
    store.save(&id, Birth::Now, &changes(&[("a", Some(json!(0)))]), HOUR).unwrap();
    std::thread::scope(|scope| {
        for key in ["b", "c", "d", "e"] {
            let changes = changes(&[(key, Some(json!(1)))]);
            scope.spawn(move || store.save(&id, Birth::Earlier, &changes, HOUR).unwrap());
        }
    });
    assert_eq!(fields(store, &id), json!({"a": 0, "b": 1, "c": 1, "d": 1, "e": 1}));
}

fn what_has_ended_stays_ended(store: &dyn Store) {
    let id = Id::random().unwrap();
    let change = changes(&[("user", Some(json!(1)))]);
    store.save(&id, Birth::Now, &change, HOUR).unwrap();
    store.remove(&id).unwrap();
    assert_eq!(fields(store, &id), Value::Null);
    store.save(&id, Birth::Earlier, &change, HOUR).unwrap();
    assert_eq!(fields(store, &id), Value::Null, "a late request does not bring it back");
    store.remove(&id).unwrap();
}

fn time_passes(store: &dyn Store) {
    let id = Id::random().unwrap();
    let change = changes(&[("user", Some(json!(1)))]);
    store.save(&id, Birth::Now, &change, HOUR).unwrap();
    let left_at_first = left(store, &id);
    assert!(left_at_first <= HOUR && left_at_first > HOUR / 2, "{left_at_first:?}");
    store.save(&id, Birth::Earlier, &Changes::new(), HOUR * 3).unwrap();
    assert!(left(store, &id) > HOUR, "it was put off");
    store.save(&id, Birth::Earlier, &Changes::new(), Duration::ZERO).unwrap();
    assert_eq!(fields(store, &id), Value::Null);
    store.save(&id, Birth::Earlier, &change, HOUR).unwrap();
    assert_eq!(fields(store, &id), Value::Null, "its time was over");
}
