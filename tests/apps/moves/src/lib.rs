//! Moves its visitor's session into tasks, which look at it when the response is long over.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Router};
use dsgi::tower::Exchange;
use dsgi_session::Session;
use tokio::sync::Notify;

const KEY: &str = "value";

/// How long a task keeps a session that it will look at.
const LATER: Duration = Duration::from_millis(20);

#[derive(Default)]
struct Tasks {
    ended: AtomicU64,
    wrong: Mutex<Vec<String>>,
    release: Notify,
}

struct Failure(dsgi::Error);

fn router() -> Router {
    Router::new()
        .route("/set", get(set))
        .route("/get", get(value))
        .route("/hold", get(hold))
        .route("/release", get(async |State(tasks): State<Arc<Tasks>>| tasks.release.notify_one()))
        .route("/told", get(told))
        .with_state(Arc::default())
}

dsgi::service!(router, name = "moves");

/// What the visitor has.
fn value_of(exchange: &Exchange) -> dsgi::Result<String> {
    let value = exchange.value::<Session>()?.get::<String>(KEY)?;
    Ok(value.unwrap_or_else(|| "nothing".to_owned()))
}

async fn value(Extension(exchange): Extension<Exchange>) -> Result<String, Failure> {
    Ok(value_of(&exchange)?)
}

async fn set(
    State(tasks): State<Arc<Tasks>>,
    Extension(exchange): Extension<Exchange>,
    RawQuery(query): RawQuery,
) -> Result<String, Failure> {
    let query = query.unwrap_or_default();
    exchange.value::<Session>()?.set(KEY, &query)?;
    let expected = query.clone();
    tokio::spawn(async move {
        tokio::time::sleep(LATER).await;
        match value_of(&exchange) {
            Ok(found) if found == expected => {}
            other => {
                let mut wrong = tasks.wrong.lock().unwrap_or_else(PoisonError::into_inner);
                wrong.push(format!("{other:?} in place of {expected}"));
            }
        }
        tasks.ended.fetch_add(1, Ordering::Relaxed);
    });
    Ok(query)
}

/// Keeps the exchange, and with it all that stands around this application, until it is released.
async fn hold(State(tasks): State<Arc<Tasks>>, Extension(exchange): Extension<Exchange>) {
    tokio::spawn(async move {
        tasks.release.notified().await;
        drop(exchange);
    });
}

async fn told(State(tasks): State<Arc<Tasks>>) -> String {
    let wrong = tasks.wrong.lock().unwrap_or_else(PoisonError::into_inner);
    let first = wrong.first().map(String::as_str).unwrap_or_default();
    format!("{} {} {first}", tasks.ended.load(Ordering::Relaxed), wrong.len())
}

impl From<dsgi::Error> for Failure {
    fn from(error: dsgi::Error) -> Self {
        Self(error)
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        eprintln!("moves: {}", self.0);
        StatusCode::INTERNAL_SERVER_ERROR.into_response()
    }
}
