//! The guest list: what any axum application has, and nothing else.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::sse::{Event, Sse};
use axum::routing::get;
use axum::{Form, Json, Router};
use futures_util::stream::{self, Stream};
use serde::{Deserialize, Serialize};

/// What all requests share; it starts anew with each version.
type Guests = Arc<Mutex<Vec<Guest>>>;

#[derive(Clone, Debug, Deserialize, Serialize)]
struct Guest {
    name: String,
    table: u8,
}

pub(crate) fn router() -> Router {
    Router::new()
        .route("/", get(hello))
        .route("/guests", get(list).post(enter).put(invite))
        .route("/guests/{name}", get(find))
        .route("/later", get(later))
        .route("/clock", get(clock))
        .with_state(Guests::default())
}

async fn hello() -> &'static str {
    "I'm an axum application.\n"
}

#[derive(Deserialize)]
struct Seated {
    table: Option<u8>,
}

/// `GET /guests?table=1`.
async fn list(State(guests): State<Guests>, Query(seated): Query<Seated>) -> Json<Vec<Guest>> {
    let guests = guests.lock().unwrap_or_else(PoisonError::into_inner);
    let sits = |guest: &&Guest| seated.table.is_none_or(|table| guest.table == table);
    Json(guests.iter().filter(sits).cloned().collect())
}

/// `POST /guests` with a form.
async fn enter(State(guests): State<Guests>, Form(guest): Form<Guest>) -> StatusCode {
    guests.lock().unwrap_or_else(PoisonError::into_inner).push(guest);
    StatusCode::CREATED
}

/// `PUT /guests` with JSON.
async fn invite(State(guests): State<Guests>, Json(guest): Json<Guest>) -> StatusCode {
    guests.lock().unwrap_or_else(PoisonError::into_inner).push(guest);
    StatusCode::CREATED
}

/// `GET /guests/ada`.
async fn find(
    State(guests): State<Guests>,
    Path(name): Path<String>,
) -> Result<Json<Guest>, StatusCode> {
    let guests = guests.lock().unwrap_or_else(PoisonError::into_inner);
    let guest = guests.iter().find(|guest| guest.name == name);
    guest.cloned().map(Json).ok_or(StatusCode::NOT_FOUND)
}

/// A timer and a task, on the runtime that came with this version.
async fn later() -> &'static str {
    let task = tokio::spawn(tokio::time::sleep(Duration::from_millis(5)));
    if task.await.is_ok() { "later\n" } else { "never\n" }
}

/// Events for as long as somebody listens: `curl -N`.
async fn clock() -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    Sse::new(stream::unfold(1_u64, |tick| async move {
        if tick > 1 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Some((Ok(Event::default().data(tick.to_string())), tick + 1))
    }))
}
