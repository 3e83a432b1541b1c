//! The application of the framework, served by hyper as `static` serves the hello: what the same
//! thread layout costs without a host.

use anyhow::Result;
use hyper::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tower_service::Service as _;

use crate::static_server::listen;

/// Serves it.
pub(crate) fn run() -> Result<()> {
    let router = app_answers::router();
    listen(move |stream| {
        let router = router.clone();
        async move {
            // A clone for each request, as the framework's own server makes one.
            let service =
                service_fn(move |request: Request<Incoming>| router.clone().call(request));
            let connection = hyper::server::conn::http1::Builder::new()
                .header_read_timeout(None)
                .serve_connection(TokioIo::new(stream), service);
            // A client that leaves is no event for a baseline.
            let _ = connection.await;
        }
    })
}
