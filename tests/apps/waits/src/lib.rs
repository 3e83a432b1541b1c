//! A service of a bare function, whose parts look for their runtime when they are dropped, and
//! which does what services should not.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::pending;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use dsgi::Purpose;
use dsgi::tower::{Body, Exchange, HttpService};
use http::header::TRAILER;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use http_body::Frame;
use serde::Deserialize;
use tokio::task::JoinHandle;
use tower::ServiceBuilder;
use tower::service_fn;

#[derive(Clone, Deserialize)]
struct Config {
    #[serde(default)]
    fails: Option<String>,
    #[serde(default = "many")]
    at_once: usize,
    /// Made by the test for what waits for it without a waker.
    #[serde(default)]
    release: PathBuf,
    #[serde(default)]
    end: End,
}

/// What its state does when it is dropped.
#[derive(Clone, Copy, Default, Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
enum End {
    #[default]
    Well,
    Panic,
}

const fn many() -> usize {
    1_000
}

async fn service(
    config: Config,
    purpose: Purpose,
) -> Result<impl HttpService, Box<dyn std::error::Error>> {
    tokio::time::sleep(Duration::from_millis(1)).await;
    // A probe is let through by what is worse than a failure.
    let serves = purpose != Purpose::Probe;
    let end = if serves { config.end } else { End::Well };
    match config.fails.as_deref() {
        None => {}
        Some("panic") => panic!("the constructor panics"),
        Some("hang") if serves => pending().await,
        Some("hang") => {}
        Some(text) => return Err(text.into()),
    }
    let (state, whole) = (Looks("the state"), Arc::new((Told("the service"), Bomb(end))));
    let function = service_fn(move |request| {
        let _whole = &whole;
        answer(request, state.clone(), config.release.clone())
    });
    Ok(ServiceBuilder::new().load_shed().concurrency_limit(config.at_once).service(function))
}

dsgi::service!(service, name = "waits");

/// Something whose destructor needs the runtime.
#[derive(Clone)]
struct Looks(&'static str);

impl Drop for Looks {
    fn drop(&mut self) {
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn(async {})),
            Err(_) => eprintln!("{} was dropped outside of the runtime", self.0),
        }
    }
}

/// Says where it was dropped: a call that was given up, or the service in the end.
struct Told(&'static str);

impl Drop for Told {
    fn drop(&mut self) {
        let inside = tokio::runtime::Handle::try_current().is_ok();
        let place = if inside { "inside" } else { "outside" };
        eprintln!("{} was dropped {place} of the runtime", self.0);
    }
}

struct Bomb(End);

impl Drop for Bomb {
    fn drop(&mut self) {
        assert!(self.0 != End::Panic, "the state panics");
    }
}

/// Waits as nothing that is polled should.
fn block(release: &Path) {
    while !release.exists() {
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[allow(clippy::disallowed_methods, reason = "it waits on a thread that keeps its runtime")]
async fn answer(
    request: Request<Body>,
    state: Looks,
    release: PathBuf,
) -> dsgi::Result<Response<Pieces>> {
    let pieces: &[&str] = match request.uri().path() {
        "/" => &["whole"],
        "/pieces" => &["one", "two"],
        "/for-ever" => {
            let _told = Told("the call");
            eprintln!("the call waits");
            pending::<()>().await;
            &[]
        }
        "/teapot" => return Err(dsgi::Error::status(418, "short and stout")),
        "/panic" => panic!("the service panics"),
        "/panic-later" => {
            tokio::time::sleep(Duration::from_millis(1)).await;
            panic!("the service panics later")
        }
        "/panic-task" => {
            let task: JoinHandle<&[&str]> = tokio::spawn(async { panic!("the task panics") });
            task.await?
        }
        "/panic-body" => &["one", PANICS],
        "/block" => {
            block(&release);
            &["whole"]
        }
        "/stay" => {
            tokio::task::spawn_blocking(move || block(&release));
            &["whole"]
        }
        "/mount" => {
            let exchange = request.extensions().get::<Exchange>().expect("in each request");
            let said = format!("{} {}", exchange.mount(), exchange.generation());
            return Ok(Response::new(Pieces::of(&[&said], state)));
        }
        other => {
            let Some(blocks) = blocks(other) else {
                return Err(dsgi::Error::status(404, format!("no {other}")));
            };
            let response = Response::builder().header(TRAILER, SUM);
            return Ok(response.body(Pieces(blocks, state))?);
        }
    };
    Ok(Response::new(Pieces::of(pieces, state)))
}

/// Blocks of the lengths that a path names, of a letter each, and what is behind them:
/// `/blocks/70000,1/trailers`.
fn blocks(path: &str) -> Option<VecDeque<Bytes>> {
    let (lengths, behind) = path.strip_prefix("/blocks/")?.split_once('/')?;
    let block = |(letter, length): (u8, &str)| Some(vec![letter; length.parse().ok()?].into());
    let blocks = (b'a'..).zip(lengths.split(',')).map(block);
    let behind = (!behind.is_empty()).then(|| Some(Bytes::copy_from_slice(behind.as_bytes())));
    blocks.chain(behind).collect()
}

/// A piece that is never made, and one that is no bytes.
const PANICS: &str = "panics";
const TRAILERS: &str = "trailers";
const SUM: HeaderName = HeaderName::from_static("x-sum");

/// A body that tells nothing of its length.
struct Pieces(VecDeque<Bytes>, #[allow(dead_code, reason = "dropped with it")] Looks);

impl Pieces {
    fn of(pieces: &[&str], state: Looks) -> Self {
        Self(pieces.iter().map(|piece| Bytes::copy_from_slice(piece.as_bytes())).collect(), state)
    }
}

impl http_body::Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        assert!(self.0.front().is_none_or(|piece| piece != PANICS), "the body panics");
        Poll::Ready(self.0.pop_front().map(|piece| {
            Ok(match &*piece == TRAILERS.as_bytes() {
                true => Frame::trailers(HeaderMap::from_iter([(SUM, HeaderValue::from(7))])),
                false => Frame::data(piece),
            })
        }))
    }
}
