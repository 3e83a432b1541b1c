//! A service that tells what it does, by `tracing` and by `log`, and how often it had to write out
//! what it told.

use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use dsgi::tower::{Body, HttpService};
use http::{Request, Response};
use serde::Deserialize;
use tower::service_fn;
use tracing::{Instrument, info_span};

#[derive(Deserialize)]
struct Config {
    #[serde(default)]
    subscriber: Whose,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Whose {
    Own,
    #[default]
    Host,
}

async fn service(config: Config) -> impl HttpService {
    if let Whose::Own = config.subscriber {
        tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    }
    tracing::info!(step = 1, "the constructor");
    // A span for as long as the version, which every core and the runtime's threads enter.
    tokio::spawn(beats().instrument(info_span!("heart", beats = "always")));
    service_fn(|request: Request<Body>| {
        let path = request.uri().path().to_owned();
        let span = info_span!("request", path = %path);
        answer(path).instrument(span)
    })
}

dsgi::service!(service, name = "traces");

async fn beats() {
    loop {
        tokio::time::sleep(Duration::from_millis(1)).await;
        tracing::trace!("beat");
    }
}

async fn answer(path: String) -> dsgi::Result<Response<String>> {
    match path.as_str() {
        "/" => {
            tracing::info!(answer = 42, "asked");
            let task = async {
                tokio::time::sleep(Duration::from_millis(1)).await;
                tracing::warn!("in a task");
            };
            tokio::spawn(task.instrument(info_span!("task", number = 1))).await?;
        }
        // Each is below the usual level.
        "/costly" => {
            tracing::debug!(value = ?Costly, "looked at closely");
            tracing::debug!(target: "elsewhere", value = ?Costly, "looked at elsewhere");
            log::debug!("recorded closely: {Costly:?}");
        }
        "/log" => log::warn!(target: "another::crate", "a record of {}", "log"),
        "/panic" => panic!("in its span"),
        "/panic-in-task" => {
            let _ = tokio::spawn(async { panic!("in its task") }).await;
        }
        // A task that outlives its request, and the span of it.
        "/leave" => {
            let later = async {
                tokio::time::sleep(Duration::from_secs(3_600)).await;
            };
            drop(tokio::spawn(later.instrument(info_span!("left"))));
        }
        _ => {}
    }
    let written = WRITTEN.load(Ordering::Relaxed).to_string();
    Ok(Response::builder().header("content-type", "text/plain").body(written)?)
}

/// How often it was written out.
static WRITTEN: AtomicU32 = AtomicU32::new(0);

struct Costly;

impl fmt::Debug for Costly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        WRITTEN.fetch_add(1, Ordering::Relaxed);
        f.write_str("Costly")
    }
}
