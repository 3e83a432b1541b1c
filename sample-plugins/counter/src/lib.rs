//! Greets every visitor with a number: an application with config, and with state that outlives a
//! deploy.
//!
//! A type that implements `Application` is made once, from a config that serde reads, and is then
//! called by several threads at once: `&self`, so what changes is an atomic or behind a lock. When
//! another version takes its place, the host hands the counts over: `host deploy counter NEW.so`.
//!
//!     host --load sample-plugins/counter --set counter.greeting=Hello --set counter.start=41

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use dsgi::{Application, Body, Environ, Error, Handover, Purpose, StartResponse, State};

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    greeting: String,
    #[serde(default)]
    start: u64,
}

/// Visitors by the version that has counted them.
type Counts = BTreeMap<u64, u64>;

struct Counter {
    config: Config,
    counts: Mutex<Counts>,
}

/// The number of how its state is written.
const FORMAT: u32 = 1;

impl Application for Counter {
    type Config = Config;

    fn init(config: Config, _: Purpose) -> dsgi::Result<Self> {
        Ok(Self { config, counts: Mutex::default() })
    }

    fn call(&self, _: Environ, start_response: StartResponse) -> dsgi::Result<Body> {
        let mut counts = self.counts();
        *counts.entry(dsgi::generation()).or_default() += 1;
        let visitor = self.config.start + counts.values().sum::<u64>();
        drop(counts);
        start_response("200 OK", &[("Content-Type", "text/plain; charset=utf-8")])?;
        Ok(Body::from(format!("{}, visitor {visitor}\n", self.config.greeting)))
    }

    fn export_state(&self) -> dsgi::Result<Option<State>> {
        Ok(Some(State::new(FORMAT, serde_json::to_vec(&*self.counts())?)))
    }

    /// The same count may come twice, and an older one later: the larger one is the newer.
    fn import_state(&self, state: &State, _: Handover) -> dsgi::Result<()> {
        if state.format() != FORMAT {
            return Err(Error::new(format!("counts of format {} are not known", state.format())));
        }
        let theirs: Counts = serde_json::from_slice(state.bytes())?;
        let mut counts = self.counts();
        for (version, count) in theirs {
            let known = counts.entry(version).or_default();
            *known = count.max(*known);
        }
        Ok(())
    }
}

impl Counter {
    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

dsgi::app!(type Counter, name = "counter");

#[cfg(test)]
mod tests {
    use dsgi::test::App;
    use serde_json::json;

    use super::Counter;

    fn counter(start: u64) -> App {
        App::start::<Counter>(json!({ "greeting": "Hello", "start": start })).unwrap()
    }

    #[test]
    fn visitors_are_counted_from_a_start() {
        let app = counter(41);
        assert_eq!(app.get("/").text(), "Hello, visitor 42\n");
        assert_eq!(app.get("/").text(), "Hello, visitor 43\n");
    }

    #[test]
    fn the_next_version_goes_on_counting() {
        let (app, next) = (counter(0), counter(0));
        app.get("/");
        app.hand_over(&next).unwrap();
        assert_eq!(next.get("/").text(), "Hello, visitor 2\n");
    }

    #[test]
    fn a_greeting_is_needed() {
        let refused = App::start::<Counter>(json!({})).unwrap_err();
        assert!(refused.message().contains("greeting"), "{refused:?}");
    }
}
