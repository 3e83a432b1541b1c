//! Layers of tower-http, as one layer around whatever there is.

use std::time::Duration;

use dsgi::tower::{HttpService, InnerService};
use http::{HeaderName, HeaderValue, StatusCode};
use serde::Deserialize;
use tower::ServiceBuilder;
use tower_http::compression::CompressionLayer;
use tower_http::set_header::{SetRequestHeaderLayer, SetResponseHeaderLayer};
use tower_http::timeout::TimeoutLayer;
use tower_http::trace::TraceLayer;
use tower_layer::Layer;

#[derive(Deserialize)]
struct Config {
    patience_ms: u64,
}

fn around(config: Config) -> impl Layer<InnerService, Service = impl HttpService> {
    let name = HeaderName::from_static;
    let value = HeaderValue::from_static;
    let patience = Duration::from_millis(config.patience_ms);
    ServiceBuilder::new()
        .layer(TraceLayer::new_for_http())
        .layer(SetResponseHeaderLayer::overriding(name("x-tower"), value("around")))
        .layer(SetRequestHeaderLayer::overriding(name("x-inwards"), value("told")))
        .layer(TimeoutLayer::with_status_code(StatusCode::GATEWAY_TIMEOUT, patience))
        .layer(CompressionLayer::new())
}

dsgi::middleware!(tower around, name = "tower-around");
