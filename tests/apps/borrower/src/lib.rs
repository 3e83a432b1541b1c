//! Runs the statement in the field `X-Statement`, and then ends as the path says.

use std::sync::{Mutex, PoisonError};

use dsgi::{Body, Environ, Error, Result, StartResponse};
use dsgi_connection_pool::Database;

/// Exchanges that are over, and that it does not let go of.
static FORGOTTEN: Mutex<Vec<Environ>> = Mutex::new(Vec::new());

fn app(mut environ: Environ, start_response: StartResponse) -> Result<Body> {
    if environ["PATH_INFO"].is_empty() || &environ["PATH_INFO"] == "/nothing" {
        start_response("200 OK", &[("Content-Type", "text/plain")])?;
        return Ok(Body::from("nothing"));
    }
    if &environ["PATH_INFO"] == "/remember" {
        return remember(start_response);
    }
    let text = environ["HTTP_X_STATEMENT"].to_owned();
    let database = environ.value::<Database>()?;
    let answer = if text.starts_with("SELECT") {
        serde_json::to_string(&database.query(&text, &[])?.rows)?
    } else {
        database.execute(&text, &[])?.to_string()
    };
    match &environ["PATH_INFO"] {
        "/run" => {}
        // Until the client has sent the rest of the request.
        "/hold" => while environ.input().block()?.is_some() {},
        "/panic" => panic!("with a connection in hand"),
        "/fail" => return Err(Error::new("with a connection in hand")),
        "/endless" => {
            start_response("200 OK", &[("Content-Type", "text/plain")])?;
            let block = std::iter::repeat_with(move || {
                // It is used for as long as the body lasts.
                let database = environ.value::<Database>().map(|one| one.query(&text, &[]));
                database.map_or_else(|error| error.to_string(), |_| "x".repeat(10_000))
            });
            return Ok(Body::blocks(block));
        }
        "/forget" => {
            start_response("200 OK", &[("Content-Type", "text/plain")])?;
            FORGOTTEN.lock().unwrap_or_else(PoisonError::into_inner).push(environ);
            return Ok(Body::from(answer));
        }
        path => return Err(Error::status(404, format!("nothing at {path}"))),
    }
    start_response("200 OK", &[("Content-Type", "application/json")])?;
    Ok(Body::from(answer))
}

/// What a connection says that belongs to a request which is over.
fn remember(start_response: StartResponse) -> Result<Body> {
    let forgotten = FORGOTTEN.lock().unwrap_or_else(PoisonError::into_inner).pop();
    let environ = forgotten.ok_or_else(|| Error::new("nothing was forgotten"))?;
    let said = match environ.value::<Database>()?.query("SELECT 1", &[]) {
        Ok(rows) => format!("{rows:?}"),
        Err(error) => error.to_string(),
    };
    start_response("200 OK", &[("Content-Type", "text/plain")])?;
    Ok(Body::from(said))
}

dsgi::app!(app, name = "borrower");
