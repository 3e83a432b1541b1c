//! From a request on the control socket to its answer.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, Request, Response, StatusCode};
use hyper::body::Incoming;
use serde::Deserialize;
use tokio::sync::Semaphore;

use super::body::{Body, EVENTS, Fed, Feed, JSON, LINES, TEXT, response};
use super::request::{Asked, Form, Rejected, bad_request, json, reject};
use super::work::{Until, Wish, begin, finish};
use crate::limits::ControlLimits;
use crate::operator::{App, Deployment, Operator, Quarantine, Refused};

/// Where requests are answered.
pub(super) struct Desk {
    operator: Arc<dyn Operator>,
    /// For a request's body: how large, how slow.
    body: (usize, Duration),
    threads: Arc<Semaphore>,
    followers: Arc<Semaphore>,
}

/// The body of a deployment.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(clippy::struct_excessive_bools, reason = "what JSON says")]
struct Wanted {
    file: PathBuf,
    #[serde(default)]
    force: bool,
    #[serde(default)]
    wait: bool,
}

/// The body of a wish that says everything by its path.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

impl Desk {
    pub(super) fn new(operator: Arc<dyn Operator>, limits: &ControlLimits) -> Self {
        let threads = Arc::new(Semaphore::new(limits.wishes));
        let followers = Arc::new(Semaphore::new(limits.followers));
        let body = (limits.body_bytes, limits.body_timeout);
        Self { operator, body, threads, followers }
    }

    /// Answers a request.
    pub(super) async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        self.find(request).await.unwrap_or_else(Into::into)
    }

    async fn find(&self, request: Request<Incoming>) -> Result<Response<Body>, Rejected> {
        let operator = &self.operator;
        let document = |body| response(StatusCode::OK, JSON, body);
        let form = Form::of(request.headers());
        match Asked::of(&request)? {
            Asked::Live => Ok(response(StatusCode::OK, TEXT, Body::text("ok\n"))),
            Asked::Ready => Ok(self.ready(request.uri().query())),
            Asked::Status => Ok(document(Body::json(&operator.status()))),
            Asked::Apps => Ok(document(Body::json(&operator.apps()))),
            Asked::App(name) => Ok(document(Body::json(&self.app(&name)?))),
            Asked::Events => self.follow(request.headers()),
            Asked::Deploy(app) => {
                let Wanted { file, force, wait } = json(request, self.body).await?;
                if !file.is_absolute() {
                    let file = file.display();
                    return Err(bad_request(&format!("`file` is not absolute: `{file}`")));
                }
                let quarantine = if force { Quarantine::Lift } else { Quarantine::Respect };
                let until = if wait { Until::Judged } else { Until::Live };
                let deployment = Deployment { file, quarantine };
                self.grant(Wish::Deploy { app, deployment, until }, form).await
            }
            Asked::Rollback(app) => {
                let Nothing {} = json(request, self.body).await?;
                self.grant(Wish::Rollback { app }, form).await
            }
            Asked::Drain(app) => {
                let Nothing {} = json(request, self.body).await?;
                self.grant(Wish::Drain { app }, form).await
            }
        }
    }

    fn app(&self, name: &str) -> Result<App, Rejected> {
        let mut apps = self.operator.apps();
        match apps.iter().position(|app| app.name == name) {
            Some(at) => Ok(apps.swap_remove(at)),
            None => {
                let apps = apps.into_iter().map(|app| app.name).collect();
                Err(Refused::UnknownApp { app: name.to_owned(), apps }.problem().into())
            }
        }
    }

    /// As Kubernetes and its readers know it: a line for each check when it is asked verbosely, or
    /// when something is wrong.
    fn ready(&self, query: Option<&str>) -> Response<Body> {
        let checks = self.operator.readiness();
        let ready = checks.iter().all(|check| check.ok);
        let verbose = query.is_some_and(|query| {
            query.split('&').any(|part| part.split('=').next() == Some("verbose"))
        });
        let mut text = String::new();
        for check in checks.iter().filter(|check| verbose || !check.ok) {
            let sign = if check.ok { '+' } else { '-' };
            text.push_str(&format!("[{sign}] {}: {}\n", check.name, check.text));
        }
        text.push_str(if ready { "ok\n" } else { "not ready\n" });
        let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        response(status, TEXT, Body::text(text))
    }

    fn follow(&self, headers: &HeaderMap) -> Result<Response<Body>, Rejected> {
        let Ok(place) = Arc::clone(&self.followers).try_acquire_owned() else {
            let detail = "it has as many followers as it takes";
            return Err(reject("busy", "Busy", StatusCode::SERVICE_UNAVAILABLE, detail));
        };
        let last = headers.get("last-event-id").and_then(|value| value.to_str().ok());
        let follower = self.operator.events().follow(last);
        let feed = Feed { follower, state: Fed::Following, _place: place };
        Ok(response(StatusCode::OK, EVENTS, Body::Events(feed)))
    }

    async fn grant(&self, wish: Wish, form: Form) -> Result<Response<Body>, Rejected> {
        let (Wish::Deploy { app, .. } | Wish::Rollback { app } | Wish::Drain { app }) = &wish;
        // Known before any thread is made for it, and before a stream has said 200.
        self.app(app)?;
        let said = begin(&self.operator, &self.threads, wish)?;
        match form {
            Form::Lines => Ok(response(StatusCode::OK, LINES, Body::Lines(said))),
            Form::Whole => {
                let outcome = finish(said).await?;
                Ok(response(StatusCode::OK, JSON, Body::json(&outcome)))
            }
        }
    }
}
