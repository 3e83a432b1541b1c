//! A store of snippets.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::{DefaultBodyLimit, Path, Query, State};
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::Deserialize;

/// Bytes of one snippet.
const MOST: usize = 64 * 1024;

#[derive(Clone, Debug, Default)]
struct Snippets(Arc<Mutex<BTreeMap<u64, String>>>);

impl Snippets {
    fn all(&self) -> MutexGuard<'_, BTreeMap<u64, String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// All of the application.
pub fn router() -> Router {
    let snippets = Router::new()
        .route("/", get(list).post(keep))
        .route("/{id}", get(show).delete(forget))
        .layer(DefaultBodyLimit::max(MOST))
        .with_state(Snippets::default());
    Router::new()
        .route("/", get(async || "Snippets: POST text to /snippets\n"))
        .nest("/snippets", snippets)
        .fallback(async || (StatusCode::NOT_FOUND, "no such page\n"))
}

#[derive(Deserialize)]
struct Search {
    #[serde(default)]
    with: String,
}

/// `GET /snippets?with=word`: the numbers of those that have the word.
async fn list(State(snippets): State<Snippets>, Query(search): Query<Search>) -> Json<Vec<u64>> {
    let all = snippets.all();
    let found = all.iter().filter(|(_, text)| text.contains(&search.with));
    Json(found.map(|(id, _)| *id).collect())
}

/// `POST /snippets` with text.
async fn keep(State(snippets): State<Snippets>, text: String) -> Response {
    let mut all = snippets.all();
    let id = all.last_key_value().map_or(1, |(last, _)| last + 1);
    all.insert(id, text);
    (StatusCode::CREATED, [(LOCATION, format!("snippets/{id}"))]).into_response()
}

async fn show(State(snippets): State<Snippets>, Path(id): Path<u64>) -> Result<String, StatusCode> {
    snippets.all().get(&id).cloned().ok_or(StatusCode::NOT_FOUND)
}

async fn forget(State(snippets): State<Snippets>, Path(id): Path<u64>) -> StatusCode {
    match snippets.all().remove(&id) {
        Some(_) => StatusCode::NO_CONTENT,
        None => StatusCode::NOT_FOUND,
    }
}
