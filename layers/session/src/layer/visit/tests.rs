//! A request's part in a session, over a store in memory and over one that is down.

use dsgi::Handover;
use serde_json::json;

use super::*;
use crate::layer::store::memory::Memory;
use crate::layer::store::tests::{changes, fields, left};

const HOUR: Duration = Duration::from_secs(3_600);
const TERMS: Terms = Terms { lifetime: HOUR, most: 100 };

/// A store that cannot be asked.
struct Down;

fn down<T>() -> Result<T, StoreError> {
    Err(StoreError("it is down".to_owned()))
}

impl Store for Down {
    fn load(&self, _: &Id) -> Result<Sought, StoreError> {
        down()
    }

    fn save(&self, _: &Id, _: Birth, _: &Changes, _: Duration) -> Result<(), StoreError> {
        down()
    }

    fn remove(&self, _: &Id) -> Result<(), StoreError> {
        down()
    }
}

/// A store that has one session, and its name.
fn kept(lifetime: Duration) -> (Arc<Memory>, Id) {
    let (store, id) = (Arc::new(Memory::new(10)), Id::random().unwrap());
    let user = changes(&[("user", Some(json!("Ada")))]);
    store.save(&id, Birth::Now, &user, lifetime).unwrap();
    (store, id)
}

fn visit(store: &Arc<Memory>, id: Id) -> Visit {
    let named = Named { id, mark: Mark::Current };
    Visit::new(Arc::clone(store) as Arc<dyn Store>, TERMS, Some(named))
}

fn fulfilled(visit: &Visit, wish: &Value) -> Value {
    let answer = visit.fulfil(wish.to_string().as_bytes());
    serde_json::from_slice(&answer.unwrap()).unwrap()
}

fn refused(visit: &Visit, wish: &Value) -> String {
    let error = visit.fulfil(wish.to_string().as_bytes()).unwrap_err();
    format!("{}: {error}", error.status_code())
}

fn given(word: Word) -> Id {
    let Word::Give(id) = word else { panic!("{word:?}") };
    id
}

#[test]
fn a_visitor_of_whom_nothing_is_kept_has_no_cookie() {
    let store = Arc::new(Memory::new(10));
    let stranger = || Visit::new(Arc::clone(&store) as Arc<dyn Store>, TERMS, None);
    assert_eq!(stranger().settle().unwrap(), Word::Nothing);
    let visit = stranger();
    assert_eq!(fulfilled(&visit, &json!({"get": "user"})), Value::Null);
    assert_eq!(visit.settle().unwrap(), Word::Personal);
}

#[test]
fn what_was_set_is_there_at_once_and_in_the_next_request() {
    let store = Arc::new(Memory::new(10));
    let first = Visit::new(Arc::clone(&store) as Arc<dyn Store>, TERMS, None);
    fulfilled(&first, &json!({"set": ["user", "Ada"]}));
    assert_eq!(fulfilled(&first, &json!({"get": "user"})), json!("Ada"));
    let id = given(first.settle().unwrap());
    let second = visit(&store, id);
    assert_eq!(fulfilled(&second, &json!({"get": "user"})), json!("Ada"));
    assert_eq!(second.settle().unwrap(), Word::Personal, "the cookie is as good as before");
    let third = visit(&store, id);
    fulfilled(&third, &json!({"set": ["colour", "red"]}));
    assert_eq!(third.settle().unwrap(), Word::Personal);
    assert_eq!(fields(&*store, &id), json!({"user": "Ada", "colour": "red"}));
}

#[test]
fn nothing_is_loaded_for_a_request_that_asks_for_nothing() {
    let named = Named { id: Id::random().unwrap(), mark: Mark::Current };
    assert_eq!(Visit::new(Arc::new(Down), TERMS, Some(named)).settle().unwrap(), Word::Nothing);
}

#[test]
fn a_session_goes_on_under_another_name() {
    let (store, id) = kept(HOUR);
    let visit = visit(&store, id);
    fulfilled(&visit, &json!("regenerate"));
    fulfilled(&visit, &json!({"set": ["admin", true]}));
    let new = given(visit.settle().unwrap());
    assert_ne!(new, id);
    assert_eq!(fields(&*store, &id), Value::Null);
    assert_eq!(fields(&*store, &new), json!({"user": "Ada", "admin": true}));
}

#[test]
fn a_session_ends() {
    let (store, id) = kept(HOUR);
    let first = visit(&store, id);
    fulfilled(&first, &json!("destroy"));
    assert_eq!(fulfilled(&first, &json!({"get": "user"})), Value::Null);
    assert_eq!(first.settle().unwrap(), Word::Take);
    assert_eq!(fields(&*store, &id), Value::Null);

    let (store, id) = kept(HOUR);
    let second = visit(&store, id);
    fulfilled(&second, &json!("destroy"));
    fulfilled(&second, &json!({"set": ["farewell", 1]}));
    let new = given(second.settle().unwrap());
    assert_ne!(new, id);
    assert_eq!(fields(&*store, &new), json!({"farewell": 1}));

    let (store, id) = kept(HOUR);
    let third = visit(&store, id);
    fulfilled(&third, &json!({"remove": "user"}));
    assert_eq!(third.settle().unwrap(), Word::Take, "nothing is left of it");
}

#[test]
fn a_name_that_is_not_kept_is_not_taken() {
    let (store, id) = (Arc::new(Memory::new(10)), Id::random().unwrap());
    let first = visit(&store, id);
    assert_eq!(fulfilled(&first, &json!({"get": "user"})), Value::Null);
    assert_eq!(first.settle().unwrap(), Word::Take);
    let second = visit(&store, id);
    fulfilled(&second, &json!({"set": ["user", "Ada"]}));
    assert_ne!(given(second.settle().unwrap()), id);
}

#[test]
fn a_session_in_use_is_put_off() {
    let (store, id) = kept(HOUR / 4);
    let visit = visit(&store, id);
    fulfilled(&visit, &json!({"get": "user"}));
    assert_eq!(given(visit.settle().unwrap()), id);
    assert!(left(&*store, &id) > HOUR / 2);
}

#[test]
fn a_cookie_of_an_old_key_is_given_anew() {
    let (store, id) = kept(HOUR);
    let named = Named { id, mark: Mark::Old };
    let visit = Visit::new(Arc::clone(&store) as Arc<dyn Store>, TERMS, Some(named));
    fulfilled(&visit, &json!({"get": "user"}));
    assert_eq!(given(visit.settle().unwrap()), id);
}

#[test]
fn what_does_not_fit_is_refused() {
    let (store, id) = kept(HOUR);
    let visit = visit(&store, id);
    let refused = refused(&visit, &json!({"set": ["long", "x".repeat(100)]}));
    assert_eq!(refused, "500: the session would have 124 bytes, and may have 100");
    assert_eq!(fulfilled(&visit, &json!({"get": "long"})), Value::Null);
}

#[test]
fn nothing_is_changed_after_the_head() {
    let (store, id) = kept(HOUR);
    let visit = visit(&store, id);
    fulfilled(&visit, &json!({"get": "user"}));
    visit.settle().unwrap();
    assert!(refused(&visit, &json!({"set": ["a", 1]})).contains("change it earlier"));
    assert_eq!(fulfilled(&visit, &json!({"get": "user"})), json!("Ada"));
}

#[test]
fn a_store_that_is_down_is_said_as_a_503() {
    let named = Named { id: Id::random().unwrap(), mark: Mark::Current };
    let visit = Visit::new(Arc::new(Down), TERMS, Some(named));
    let refused = refused(&visit, &json!({"get": "user"}));
    assert_eq!(refused, "503: the store of sessions: it is down");
    assert!(visit.failure().is_some());
    assert!(visit.settle().is_err());

    let stranger = Visit::new(Arc::new(Down), TERMS, None);
    fulfilled(&stranger, &json!({"set": ["user", "Ada"]}));
    assert!(matches!(stranger.settle(), Err(SettleError::Store(_))));
}

#[test]
fn a_wish_that_is_none_is_refused() {
    let (store, id) = kept(HOUR);
    let said = refused(&visit(&store, id), &json!({"steal": "user"}));
    assert!(said.starts_with("500: "), "{said}");
}

#[test]
fn forms_have_one_token_until_the_session_has_another_name() {
    let (store, id) = kept(HOUR);
    let first = visit(&store, id);
    let token = fulfilled(&first, &json!("token"));
    assert_eq!(token.as_str().map(str::len), Some(22));
    first.settle().unwrap();
    let second = visit(&store, id);
    assert_eq!(fulfilled(&second, &json!("token")), token);
    fulfilled(&second, &json!("regenerate"));
    assert_ne!(fulfilled(&second, &json!("token")), token);
}

#[test]
fn a_session_that_the_version_before_may_have_begun_keeps_its_name() {
    let store = Arc::new(Memory::new(10));
    store.import(Memory::new(10).export(), Handover::Snapshot);
    let id = Id::random().unwrap();
    let first = visit(&store, id);
    assert_eq!(fulfilled(&first, &json!({"get": "user"})), Value::Null);
    assert_eq!(first.settle().unwrap(), Word::Personal, "its cookie is not taken");
    let second = visit(&store, id);
    fulfilled(&second, &json!({"set": ["colour", "red"]}));
    assert_eq!(second.settle().unwrap(), Word::Personal);
    assert_eq!(fields(&*store, &id), json!({"colour": "red"}));
    let other = visit(&store, Id::random().unwrap());
    fulfilled(&other, &json!("destroy"));
    assert_eq!(other.settle().unwrap(), Word::Take);
}
