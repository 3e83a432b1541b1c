//! A clock by server-sent events, with axum.
//!
//! A browser that loses the stream comes back by itself and tells which event it has heard last. So
//! a deploy says goodbye, and the clock goes on at the new version where it was.

use std::convert::Infallible;
use std::time::{Duration, SystemTime};

use axum::Router;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Html;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::routing::get;
use futures_util::stream::{self, Stream};
use serde::Deserialize;

/// How soon a browser is to come back to the new version.
const SOON: Duration = Duration::from_millis(100);

#[derive(Clone, Copy, Debug, Deserialize)]
pub(crate) struct Config {
    /// Milliseconds from one event to the next.
    #[serde(default = "second")]
    pub(crate) tick_ms: u64,
}

fn second() -> u64 {
    1000
}

pub(crate) fn router(config: Config) -> Router {
    Router::new().route("/", get(page)).route("/time", get(time)).with_state(config)
}

dsgi::service!(router, name = "sse-clock");

async fn page() -> Html<&'static str> {
    Html(include_str!("page.html"))
}

/// Events for as long as somebody listens: `curl -N`.
async fn time(
    State(Config { tick_ms }): State<Config>,
    headers: HeaderMap,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let heard = headers.get("last-event-id").and_then(|id| id.to_str().ok()?.parse().ok());
    let first = heard.map_or(1_u64, |id: u64| id.saturating_add(1));
    let events = stream::unfold(Some(first), move |tick| async move {
        let tick = tick?;
        // Who has just come hears the time at once.
        let wait = if tick == first { 0 } else { tick_ms };
        tokio::select! {
            biased;
            _ = dsgi::tower::leave() => Some((Ok(goodbye()), None)),
            () = tokio::time::sleep(Duration::from_millis(wait)) => {
                Some((Ok(now(tick)), tick.checked_add(1)))
            }
        }
    });
    Sse::new(events).keep_alive(KeepAlive::default())
}

fn now(tick: u64) -> Event {
    Event::default().id(tick.to_string()).data(httpdate::fmt_http_date(SystemTime::now()))
}

fn goodbye() -> Event {
    Event::default().event("goodbye").retry(SOON).data("a new version is here")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use dsgi::test::{App, Streaming};

    use super::router;

    /// The lines of the next event.
    fn event(response: &mut Streaming) -> Vec<String> {
        let block = response.next_block().unwrap().unwrap();
        str::from_utf8(&block).unwrap().lines().map(str::to_owned).collect()
    }

    #[test]
    fn it_ticks_from_one_or_from_what_was_heard() {
        let app = App::service(router, BTreeMap::from([("tick_ms", 1)])).unwrap();
        for (heard, ids) in [(None, [1, 2]), (Some("41"), [42, 43]), (Some("x"), [1, 2])] {
            let mut request = app.request("GET", "/time");
            if let Some(heard) = heard {
                request = request.header("Last-Event-ID", heard);
            }
            let mut response = request.start();
            assert_eq!(response.header("content-type"), Some("text/event-stream"));
            for id in ids {
                let event = event(&mut response);
                assert_eq!(event[0], format!("id: {id}"), "{heard:?}");
                assert!(event[1].starts_with("data: ") && event[1].ends_with(" GMT"), "{event:?}");
            }
            response.leave();
        }
    }
}
