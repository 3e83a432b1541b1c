//! `dav-server`, a published crate that answers WebDAV requests, unmodified.

use std::convert::Infallible;
use std::error::Error;

use dav_server::body::Body;
use dav_server::{DavHandler, memfs::MemFs, memls::MemLs};
use dsgi::tower::{Exchange, HttpService};
use http::{Request, Response};
use serde::Deserialize;
use tower::ServiceExt;
use tower::util::BoxCloneSyncService;

/// The service, with files and locks in memory. Its answers name files by whole paths, so that it
/// knows what stands before its own.
#[must_use]
pub fn dav<B>(prefix: &str) -> BoxCloneSyncService<Request<B>, Response<Body>, Infallible>
where
    B: http_body::Body<Error: Error + Send + Sync, Data: Send> + Send + 'static,
{
    let dav = DavHandler::builder().filesystem(MemFs::new()).locksystem(MemLs::new());
    // Locks have an owner.
    let dav = dav.strip_prefix(prefix).principal("somebody").build_handler();
    BoxCloneSyncService::new(tower::service_fn(move |request| {
        let dav = dav.clone();
        async move { Ok(dav.handle(request).await) }
    }))
}

#[derive(Deserialize)]
struct Config {
    /// Where it is mounted.
    #[serde(default)]
    prefix: String,
}

fn service(config: Config) -> impl HttpService {
    dav(&config.prefix).map_request(|mut request: Request<dsgi::tower::Body>| {
        let exchange = request.extensions().get::<Exchange>().expect("in each request");
        *request.uri_mut() = exchange.original_uri();
        request
    })
}

dsgi::service!(service, name = "dav");
