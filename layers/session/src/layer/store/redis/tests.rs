//! The store, over a server of the test's own.

use serde_json::{Value, json};

use super::super::tests::{changes, fields, tried};
use super::*;

#[path = "../../../../../../tests/harness"]
mod harness {
    #![allow(dead_code, reason = "shared with tests that use all of it")]
    pub(crate) mod redis;
    pub(crate) mod service;
    pub(crate) mod skip;
}

use harness::redis::Redis as Server;
use harness::skip::skip;

const WAIT: Duration = Duration::from_secs(60);
const MISSING: &str = "redis-server is not installed";

fn store(server: &Server) -> Redis {
    Redis::new(&server.address(), "session:".to_owned(), WAIT).unwrap()
}

#[test]
fn it_is_a_store() {
    let Some(server) = Server::start() else {
        return skip("layer::store::redis::tests::it_is_a_store", MISSING);
    };
    let store = store(&server);
    tried(&store);
    assert!((1..=5).contains(&store.idle().len()), "connections are used again: {store:?}");
}

#[test]
fn one_that_was_down_is_asked_again() {
    let Some(mut server) = Server::start() else {
        return skip("layer::store::redis::tests::one_that_was_down_is_asked_again", MISSING);
    };
    let (store, id) = (store(&server), Id::random().unwrap());
    let change = changes(&[("a", Some(json!(1)))]);
    store.save(&id, Birth::Now, &change, WAIT).unwrap();
    server.stop();
    let down = store.load(&id).unwrap_err().to_string();
    assert!(down.starts_with("the store of sessions: redis: "), "{down}");
    server.start_again();
    assert_eq!(fields(&store, &id), Value::Null, "it keeps nothing on disk");
    store.save(&id, Birth::Now, &change, WAIT).unwrap();
    // A connection that lies idle does not know that the server was another one.
    server.stop();
    server.start_again();
    assert_eq!(fields(&store, &id), Value::Null);
}
