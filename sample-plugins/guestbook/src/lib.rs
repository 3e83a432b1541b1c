//! A guestbook: one application between two layers, which lend it a session and a database.
//!
//! It names no store and no driver: whether sessions lie in memory or in Redis, and entries in
//! SQLite or in PostgreSQL, is said where the host is told of the layers, in `host.toml`.
//!
//! ```text
//! host --config sample-plugins/guestbook/host.toml
//! ```

mod form;

use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use dsgi::{Application, Body, Environ, Error, Purpose, Result, StartResponse};
use dsgi_connection_pool::{Cell, Database};
use dsgi_session::Session;
use minijinja::{Environment, context};

use form::{Form, LONGEST};

#[derive(serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Config {
    title: String,
    /// How many entries the page shows, the newest first.
    entries: i64,
}

impl Default for Config {
    fn default() -> Self {
        Self { title: "Guestbook".to_owned(), entries: 50 }
    }
}

struct Guestbook {
    config: Config,
    pages: Environment<'static>,
    table: Mutex<Table>,
}

#[derive(Clone, Copy, PartialEq)]
enum Table {
    Unknown,
    Made,
}

impl Application for Guestbook {
    type Config = Config;

    fn init(config: Config, _: Purpose) -> Result<Self> {
        let mut pages = Environment::new();
        pages.add_template("page.html", include_str!("../templates/page.html"))?;
        Ok(Self { config, pages, table: Mutex::new(Table::Unknown) })
    }

    fn call(&self, mut environ: Environ, start_response: StartResponse) -> Result<Body> {
        let form = match &environ["REQUEST_METHOD"] {
            "GET" | "HEAD" => None,
            "POST" => Some(Form::read(&mut environ)?),
            method => return Err(Error::status(405, format!("{method} is not for a guestbook"))),
        };
        let session = environ.value::<Session>()?;
        match (&environ["PATH_INFO"], form) {
            ("" | "/", None) => {
                let page = self.page(&environ, session)?;
                let policy = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'";
                start_response(
                    "200 OK",
                    &[
                        ("Content-Type", "text/html; charset=utf-8"),
                        ("Cache-Control", "no-store"),
                        ("Content-Security-Policy", policy),
                    ],
                )?;
                Ok(Body::from(page))
            }
            (path, Some(form)) => {
                session.check_form_token(form.get("token"))?;
                match path {
                    "/login" => log_in(session, &form)?,
                    "/sign" => self.sign(environ.value()?, session, &form)?,
                    "/logout" => session.destroy()?,
                    path => return Err(Error::status(404, format!("no form at {path}"))),
                }
                // So that reloading the page does not send the form again.
                let page = format!("{}/", &environ["SCRIPT_NAME"]);
                start_response("303 See Other", &[("Location", &page)])?;
                Ok(Body::empty())
            }
            (path, None) => Err(Error::status(404, format!("no page at {path}"))),
        }
    }
}

fn log_in(session: &Session, form: &Form) -> Result<()> {
    session.regenerate()?;
    session.set("name", &form.filled("name")?)
}

impl Guestbook {
    fn page(&self, environ: &Environ, session: &Session) -> Result<String> {
        let database = environ.value::<Database>()?;
        self.make_table(database)?;
        let text = "SELECT name, message FROM guestbook ORDER BY signed_at DESC LIMIT $1";
        let found = database.query(text, &[self.config.entries.into()])?;
        let entry = |row: &Vec<Cell>| {
            context! { name => row[0].as_text(), message => row[1].as_text() }
        };
        let page = self.pages.get_template("page.html")?;
        Ok(page.render(context! {
            title => &self.config.title,
            base => &environ["SCRIPT_NAME"],
            longest => LONGEST,
            token => session.form_token()?,
            name => session.get::<String>("name")?,
            entries => found.rows.iter().map(entry).collect::<Vec<_>>(),
        })?)
    }

    fn sign(&self, database: &Database, session: &Session, form: &Form) -> Result<()> {
        let Some(name) = session.get::<String>("name")? else {
            return Err(Error::status(403, "a message of nobody"));
        };
        self.make_table(database)?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_micros();
        let entry = [i64::try_from(now)?.into(), name.into(), form.filled("message")?.into()];
        database.execute("INSERT INTO guestbook VALUES ($1, $2, $3)", &entry)?;
        Ok(())
    }

    /// In the first request: no request has a database before it.
    fn make_table(&self, database: &Database) -> Result<()> {
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        if *table == Table::Unknown {
            let text = "CREATE TABLE IF NOT EXISTS guestbook \
                        (signed_at BIGINT NOT NULL, name TEXT NOT NULL, message TEXT NOT NULL)";
            database.execute(text, &[])?;
            *table = Table::Made;
        }
        Ok(())
    }
}

dsgi::app!(type Guestbook, name = "guestbook");
