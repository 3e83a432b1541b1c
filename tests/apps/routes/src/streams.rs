//! Bodies that take their time, and connections that are taken over.

use std::convert::Infallible;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use futures_util::StreamExt as _;
use futures_util::stream;
use http_body::Frame;

/// Routes for any state.
pub(crate) fn router<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new()
        .route("/echo", post(async |body: Body| body))
        .route("/shout", post(shout))
        .route("/large", get(async || Bytes::from(vec![b'x'; 1024 * 1024])))
        .route("/sse", get(sse))
        .route("/trailers", get(trailers))
        .route("/received", post(received))
        .route("/broken", get(broken))
        .route("/ws", any(async |upgrade: WebSocketUpgrade| upgrade.on_upgrade(chat)))
}

/// Each block in capitals, as soon as it is there.
async fn shout(body: Body) -> Body {
    Body::from_stream(body.into_data_stream().map(|block| block.map(|it| it.to_ascii_uppercase())))
}

async fn sse() -> impl IntoResponse {
    Sse::new(stream::unfold(1, |tick| async move {
        tokio::time::sleep(Duration::from_millis(2)).await;
        (tick < 4).then(|| {
            let event = Event::default().event("tick").data(tick.to_string());
            (Ok::<_, Infallible>(event), tick + 1)
        })
    }))
}

/// A body with a field behind it.
async fn trailers() -> Response {
    let mut fields = HeaderMap::new();
    fields.insert("x-sum", HeaderValue::from_static("7"));
    let frames = [Frame::data(Bytes::from_static(b"one")), Frame::trailers(fields)];
    let mut response = Response::new(Body::new(Frames(frames.into_iter().collect())));
    response
        .headers_mut()
        .insert(HeaderName::from_static("trailer"), HeaderValue::from_static("x-sum"));
    response
}

/// What came behind the body of a request.
async fn received(body: Body) -> Result<String, String> {
    let mut body = body;
    let mut told = String::new();
    let mut next = async || {
        std::future::poll_fn(|context| {
            http_body::Body::poll_frame(std::pin::Pin::new(&mut body), context)
        })
        .await
    };
    while let Some(frame) = next().await {
        match frame.map_err(|error| error.to_string())?.into_trailers() {
            Ok(fields) => told += &format!("{fields:?}\n"),
            Err(frame) => told += &format!("{}\n", frame.into_data().map_or(0, |data| data.len())),
        }
    }
    Ok(told)
}

/// A body that fails when its head is long gone.
async fn broken() -> Body {
    let blocks = [Ok("half of it"), Err(std::io::Error::other("the other half is lost"))];
    Body::from_stream(stream::iter(blocks).then(|block| async {
        tokio::time::sleep(Duration::from_millis(2)).await;
        block
    }))
}

/// Sends everything back, and says goodbye when asked to.
async fn chat(mut socket: WebSocket) {
    while let Some(Ok(message)) = socket.recv().await {
        let answer = match message {
            Message::Text(text) if text == "close" => break,
            Message::Text(_) | Message::Binary(_) => message,
            _ => continue,
        };
        if socket.send(answer).await.is_err() {
            return;
        }
    }
    drop(socket.send(Message::Close(None)).await);
}

/// A body of these frames.
struct Frames(std::collections::VecDeque<Frame<Bytes>>);

impl http_body::Body for Frames {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        std::task::Poll::Ready(self.0.pop_front().map(Ok))
    }
}
