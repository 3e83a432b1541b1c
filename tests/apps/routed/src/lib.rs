//! The application of `routes`, as a library.

use std::net::{Ipv4Addr, SocketAddr};

use axum::Router;
use axum::extract::{ConnectInfo, OriginalUri};

fn router() -> Router {
    let nobody = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
    app_routes::router()
        .layer(dsgi::tower::extension(move |it| ConnectInfo(it.peer().unwrap_or(nobody))))
        .layer(dsgi::tower::extension(|it| OriginalUri(it.original_uri())))
}

dsgi::service!(router, name = "routed");
