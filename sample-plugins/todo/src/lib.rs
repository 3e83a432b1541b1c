//! Things to do, in SQLite: an application of axum with a database, a pool of its own, a task that
//! tidies up, and a WebSocket that tells of changes.
//!
//! ```text
//! host --load sample-plugins/todo --set todo.db=todo.db
//! ```

mod database;

use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade, close_code};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{any, get, post};
use axum::{Form, Json, Router};
use dsgi::Purpose;
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast::{self, Sender, error::RecvError};
use tokio::time::{MissedTickBehavior, interval};

use database::{Database, Failure};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// The file, made when it is not there.
    pub(crate) db: PathBuf,
    /// How long what is done stays in the list, in seconds.
    #[serde(default = "a_day")]
    pub(crate) keep: u64,
}

const fn a_day() -> u64 {
    24 * 60 * 60
}

/// What each handler has.
#[derive(Clone)]
struct Todo {
    database: Database,
    changes: Sender<Utf8Bytes>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Item {
    id: i64,
    title: String,
    done: bool,
}

#[derive(Deserialize)]
struct New {
    title: String,
}

/// Whoever is slower than so many changes misses some.
const BACKLOG: usize = 256;

/// How often is looked for what may go.
const TIDY: Duration = Duration::from_secs(1);

pub(crate) async fn router(config: Config, purpose: Purpose) -> Result<Router, Failure> {
    let database = Database::new(config.db);
    // A probe looks whether this works, and changes nothing.
    if purpose != Purpose::Probe {
        database.migrate().await?;
        tokio::spawn(tidy(database.clone(), Duration::from_secs(config.keep)));
    }
    let todo = Todo { database, changes: broadcast::channel(BACKLOG).0 };
    Ok(Router::new()
        .route("/", get(page).post(enter))
        .route("/items", get(list).post(add))
        .route("/items/{id}/done", post(done))
        .route("/changes", any(changes))
        .with_state(todo))
}

// SQLite is part of the library, and two copies of it in one process do not see each other's locks
// on the file: one version ends before the next begins, while requests wait.
dsgi::service!(router, name = "todo", exclusive);

impl Todo {
    async fn list(&self) -> Result<Vec<Item>, Failure> {
        let list = |connection: &mut rusqlite::Connection| {
            let mut all = connection.prepare(
                "SELECT id, title, done_at IS NOT NULL FROM item ORDER BY id DESC LIMIT 100",
            )?;
            let item = |row: &rusqlite::Row<'_>| {
                Ok(Item { id: row.get(0)?, title: row.get(1)?, done: row.get(2)? })
            };
            all.query_map((), item)?.collect()
        };
        self.database.run(list).await
    }

    async fn add(&self, title: String) -> Result<Item, Failure> {
        let add = move |connection: &mut rusqlite::Connection| {
            connection.execute("INSERT INTO item (title) VALUES (?)", [&title])?;
            Ok(Item { id: connection.last_insert_rowid(), title, done: false })
        };
        let item = self.database.run(add).await?;
        self.tell(format!("{} is to be done", item.title));
        Ok(item)
    }

    /// Tells whoever listens.
    fn tell(&self, change: String) {
        // An error is that nobody does.
        let _ = self.changes.send(change.into());
    }
}

async fn list(State(todo): State<Todo>) -> Result<Json<Vec<Item>>, Failure> {
    Ok(Json(todo.list().await?))
}

async fn add(
    State(todo): State<Todo>,
    Json(new): Json<New>,
) -> Result<(StatusCode, Json<Item>), Failure> {
    Ok((StatusCode::CREATED, Json(todo.add(new.title).await?)))
}

async fn done(State(todo): State<Todo>, Path(id): Path<i64>) -> Result<StatusCode, Failure> {
    let now = seconds(SystemTime::now());
    let done = move |connection: &mut rusqlite::Connection| {
        let update = "UPDATE item SET done_at = ? WHERE id = ? AND done_at IS NULL";
        connection.execute(update, (now, id))
    };
    match todo.database.run(done).await? {
        0 => Ok(StatusCode::NOT_FOUND),
        _ => {
            todo.tell(format!("{id} is done"));
            Ok(StatusCode::NO_CONTENT)
        }
    }
}

async fn enter(State(todo): State<Todo>, Form(new): Form<New>) -> Result<Redirect, Failure> {
    todo.add(new.title).await?;
    Ok(Redirect::to("./"))
}

async fn page(State(todo): State<Todo>) -> Result<Html<String>, Failure> {
    let mut items = String::new();
    for item in todo.list().await? {
        let mark = if item.done { "&#9745;" } else { "&#9744;" };
        items.push_str(&format!("<li>{mark} {}</li>", escaped(&item.title)));
    }
    Ok(Html(include_str!("page.html").replace("{items}", &items)))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

/// What changes, for as long as somebody listens or this version serves.
async fn changes(upgrade: WebSocketUpgrade, State(todo): State<Todo>) -> Response {
    upgrade.on_upgrade(move |socket| tell(socket, todo))
}

const GOODBYE: CloseFrame =
    CloseFrame { code: close_code::RESTART, reason: Utf8Bytes::from_static("a new version") };

async fn tell(mut socket: WebSocket, todo: Todo) {
    let mut changes = todo.changes.subscribe();
    loop {
        tokio::select! {
            change = changes.recv() => match change {
                Ok(change) => {
                    if socket.send(Message::Text(change)).await.is_err() {
                        return;
                    }
                }
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return,
            },
            said = socket.recv() => match said {
                Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                Some(Ok(_)) => {}
            },
            _ = dsgi::tower::leave() => {
                // Whoever is gone already needs no goodbye.
                drop(socket.send(Message::Close(Some(GOODBYE))).await);
                return;
            }
        }
    }
}

/// Forgets what was done long ago, until this version ends.
async fn tidy(database: Database, keep: Duration) {
    let mut ticks = interval(TIDY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let until = seconds(SystemTime::now() - keep);
        let forget = move |connection: &mut rusqlite::Connection| {
            connection.execute("DELETE FROM item WHERE done_at < ?", [until])
        };
        if let Err(error) = database.run(forget).await {
            eprintln!("todo: {error}");
        }
    }
}

fn seconds(time: SystemTime) -> i64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs().cast_signed())
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        eprintln!("todo: {self}");
        StatusCode::INTERNAL_SERVER_ERROR.into_response()
    }
}

#[cfg(test)]
mod tests {
    use dsgi::test::App;
    use serde_json::{Value, json};
    use tempfile::TempDir;

    use super::router;

    fn app(folder: &TempDir) -> App {
        App::service(router, json!({ "db": folder.path().join("todo.db") })).unwrap()
    }

    #[test]
    fn what_is_entered_is_listed_and_done() {
        let folder = TempDir::new().unwrap();
        let app = app(&folder);
        let form = app.request("POST", "/").form(&[("title", "<b> & so on")]).send();
        assert_eq!((form.status(), form.header("location")), (303, Some("./")));
        let added = app.request("POST", "/items").json(&json!({ "title": "write" })).send();
        assert_eq!((added.status(), added.json::<Value>()["id"].clone()), (201, json!(2)));
        assert_eq!(app.request("POST", "/items/1/done").send().status(), 204);
        assert_eq!(app.request("POST", "/items/1/done").send().status(), 404);
        assert_eq!(
            app.get("/items").json::<Value>(),
            json!([
                { "id": 2, "title": "write", "done": false },
                { "id": 1, "title": "<b> & so on", "done": true },
            ])
        );
        let page = app.get("/").text().to_owned();
        assert!(page.contains("&#9745; &lt;b> &amp; so on"), "{page}");
    }

    #[test]
    fn what_is_there_stays_for_the_next_version() {
        let folder = TempDir::new().unwrap();
        let first = app(&folder);
        first.request("POST", "/items").json(&json!({ "title": "stay" })).send();
        drop(first);
        assert_eq!(app(&folder).get("/items").json::<Value>()[0]["title"], "stay");
    }

    #[test]
    fn a_database_that_cannot_be_opened_is_told() {
        let folder = TempDir::new().unwrap();
        let refused = App::service(router, json!({ "db": folder.path() }));
        let told = refused.map(drop).unwrap_err().to_string();
        assert!(told.contains("the database: "), "{told}");
    }
}
