//! An application of axum that uses what applications of axum use. It knows nothing of this
//! project: it is served by `axum::serve` and as a library, and both must answer alike.

mod streams;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path as Folder;
use std::time::Duration;

use axum::extract::{
    ConnectInfo, DefaultBodyLimit, Extension, Multipart, OriginalUri, Path, Query, Request, State,
};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{AppendHeaders, IntoResponse};
use axum::routing::{any, get, post};
use axum::{Form, Json, Router};
use hyper::ext::ReasonPhrase;
use serde::{Deserialize, Serialize};
use tower_http::compression::CompressionLayer;
use tower_http::cors::CorsLayer;
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::services::ServeDir;
use tower_http::set_header::SetResponseHeaderLayer;
use tower_http::timeout::TimeoutLayer;
use tower_http::trace::TraceLayer;

/// Longer than an idle machine needs for anything here.
const PATIENCE: Duration = Duration::from_millis(50);

#[derive(Clone, Debug)]
struct Shop {
    name: &'static str,
}

#[derive(Debug, Deserialize, Serialize)]
struct Order {
    item: String,
    count: u32,
}

/// All of it.
pub fn router() -> Router {
    Router::new()
        .merge(extractors())
        .merge(layered())
        .merge(streams::router())
        .nest("/nested", Router::new().route("/{one}", get(nested)).fallback(nested_fallback))
        .fallback(nowhere)
        .layer(Extension(7_u64))
        .with_state(Shop { name: "corner shop" })
}

fn extractors() -> Router<Shop> {
    Router::new()
        .route("/", get(async || "root\n"))
        .route("/json", get(async || Json(Order { item: "tea".into(), count: 2 })).post(order))
        .route("/form", post(async |Form(order): Form<Order>| Json(order)))
        .route("/multipart", post(multipart))
        .route("/query", get(async |Query(order): Query<Order>| Json(order)))
        .route("/path/{one}/{two}", get(async |Path(both): Path<(String, u32)>| Json(both)))
        .route("/rest/{*rest}", get(async |Path(rest): Path<String>| rest))
        .route("/state", get(async |State(shop): State<Shop>| shop.name))
        .route("/extension", get(async |Extension(number): Extension<u64>| number.to_string()))
        .route("/peer", get(peer))
        .route("/original", get(async |OriginalUri(uri): OriginalUri| uri.to_string()))
        .route("/request", any(request))
        .route("/cookies", get(cookies))
        .route("/status/{status}", any(status))
        .route("/reason", get(reason))
        .route("/empty", get(async || ()))
}

fn layered() -> Router<Shop> {
    let files = Folder::new(env!("CARGO_MANIFEST_DIR")).join("files");
    let text = "a text that is worth being compressed, because it is repeated; ".repeat(40);
    let slow = || async {
        tokio::time::sleep(Duration::from_secs(60)).await;
        "never"
    };
    let limited = post(async |body: String| body.len().to_string());
    let server = SetResponseHeaderLayer::overriding(header::SERVER, HeaderValue::from_static("me"));
    Router::new()
        .route("/compressed", get(async move || text.clone()).layer(CompressionLayer::new()))
        .route("/cors", get(async || "shared").layer(CorsLayer::permissive()))
        .route(
            "/timeout",
            get(slow).layer(TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, PATIENCE)),
        )
        .route("/limited", limited.clone().layer(RequestBodyLimitLayer::new(16)))
        .route("/bounded", limited.layer(DefaultBodyLimit::max(16)))
        .route("/traced", get(async || "traced").layer(TraceLayer::new_for_http()))
        .route("/headed", get(async || "headed").layer(server))
        .nest_service("/files", ServeDir::new(files))
}

async fn order(Json(order): Json<Order>) -> (StatusCode, Json<Order>) {
    (StatusCode::CREATED, Json(order))
}

async fn multipart(mut multipart: Multipart) -> Result<String, StatusCode> {
    let mut told = String::new();
    while let Some(part) = multipart.next_field().await.map_err(|_| StatusCode::BAD_REQUEST)? {
        let name = part.name().unwrap_or_default().to_owned();
        let file = part.file_name().unwrap_or_default().to_owned();
        let bytes = part.bytes().await.map_err(|_| StatusCode::BAD_REQUEST)?;
        told += &format!("{name} {file} {}\n", bytes.len());
    }
    Ok(told)
}

async fn peer(ConnectInfo(peer): ConnectInfo<SocketAddr>) -> String {
    peer.ip().to_string()
}

/// What an application sees of a request, but for what the two servers are called.
async fn request(request: Request) -> Json<BTreeMap<String, String>> {
    let fields = request.headers().iter().filter(|(name, _)| **name != header::HOST);
    let fields = fields.map(|(name, value)| {
        (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned())
    });
    let mut told: BTreeMap<String, String> = fields.collect();
    let length = http_body::Body::size_hint(request.body()).exact();
    told.insert("method".into(), request.method().to_string());
    told.insert("path".into(), request.uri().path().to_owned());
    told.insert("query".into(), format!("{:?}", request.uri().query()));
    told.insert("scheme".into(), format!("{:?}", request.uri().scheme_str()));
    told.insert("named".into(), request.uri().authority().is_some().to_string());
    told.insert("version".into(), format!("{:?}", request.version()));
    if request.version() < axum::http::Version::HTTP_2 {
        told.insert("length".into(), format!("{length:?}"));
    }
    Json(told)
}

async fn cookies(headers: HeaderMap) -> impl IntoResponse {
    let given = headers.get(header::COOKIE).map_or(&b""[..], HeaderValue::as_bytes).to_vec();
    let set = AppendHeaders([(header::SET_COOKIE, "a=1; Path=/"), (header::SET_COOKIE, "b=2")]);
    (set, given)
}

async fn status(Path(status): Path<u16>) -> Result<impl IntoResponse, StatusCode> {
    let status = StatusCode::from_u16(status).map_err(|_| StatusCode::BAD_REQUEST)?;
    Ok((status, [("x-status", "said")], "a body"))
}

async fn reason() -> impl IntoResponse {
    (StatusCode::IM_A_TEAPOT, Extension(ReasonPhrase::from_static(b"Short and Stout")), "tea")
}

async fn nested(Path(one): Path<String>, OriginalUri(uri): OriginalUri) -> String {
    format!("{one} {}", uri.path())
}

async fn nested_fallback() -> (StatusCode, &'static str) {
    (StatusCode::NOT_FOUND, "nothing is nested here")
}

async fn nowhere(request: Request) -> (StatusCode, String) {
    (StatusCode::NOT_FOUND, format!("nowhere: {} {}\n", request.method(), request.uri().path()))
}
