//! An application of axum whose answers are measured. It knows nothing of this project: it is
//! served by `axum::serve`, by hyper and as a library.

use std::convert::Infallible;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::routing::{get, post};
use axum::{Json, Router};
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use serde::Serialize;

/// Bytes of a piece, and of the large answer.
pub const PIECE_BYTES: usize = 64 * 1024;
/// Pieces of the stream: 10 MiB.
pub const PIECES: usize = 160;

static PIECE: [u8; PIECE_BYTES] = [b'x'; PIECE_BYTES];

#[derive(Clone, Debug)]
struct Shop {
    currency: &'static str,
}

#[derive(Debug, Serialize)]
struct Article {
    name: String,
    price: u32,
    currency: &'static str,
    in_stock: bool,
}

/// All of it.
pub fn router() -> Router {
    Router::new()
        .route("/empty", get(async || ()))
        .route("/articles/{name}", get(article))
        .route("/large", get(async || Bytes::from_static(&PIECE)))
        .route("/stream", get(pieces))
        .route("/echo", post(async |body: Body| body))
        .route("/copy", post(async |body: Body| copied(body)))
        .with_state(Shop { currency: "EUR" })
}

async fn article(State(shop): State<Shop>, Path(name): Path<String>) -> Json<Article> {
    Json(Article { name, price: 1250, currency: shop.currency, in_stock: true })
}

async fn pieces() -> Body {
    let piece = || Ok::<_, Infallible>(Bytes::from_static(&PIECE));
    Body::from_stream(stream::iter((0..PIECES).map(move |_| piece())))
}

/// The same bytes, each copied once: what a copy costs.
fn copied(body: Body) -> Body {
    let pieces = body.into_data_stream();
    Body::from_stream(pieces.map(|piece| piece.map(|piece| Bytes::copy_from_slice(&piece))))
}
