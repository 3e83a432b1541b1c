//! A room where everybody hears what everybody says, over WebSockets of axum.
//!
//! Who is in the room stays in it with the version that they came to, until another one takes its
//! place: then everybody is told so, and their page comes back to the new one.

use axum::Router;
use axum::extract::State;
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade, close_code};
use axum::response::{Html, Response};
use axum::routing::{any, get};
use tokio::sync::broadcast::{self, Sender, error::RecvError};

/// What is said, on its way to all who listen.
type Room = Sender<Utf8Bytes>;

/// Who is slower than so many messages misses some.
const BACKLOG: usize = 64;

const GOODBYE: CloseFrame = CloseFrame {
    code: close_code::RESTART,
    reason: Utf8Bytes::from_static("a new version is here"),
};

pub(crate) fn router() -> Router {
    let (room, _) = broadcast::channel(BACKLOG);
    Router::new().route("/", get(page)).route("/room", any(enter)).with_state(room)
}

dsgi::service!(router, name = "websocket-chat");

async fn enter(upgrade: WebSocketUpgrade, State(room): State<Room>) -> Response {
    upgrade.on_upgrade(move |socket| talk(socket, room))
}

/// Until the visitor leaves.
async fn talk(mut socket: WebSocket, room: Room) {
    let mut heard = room.subscribe();
    loop {
        tokio::select! {
            said = socket.recv() => match said {
                // An error is that nobody listens, and this one does.
                Some(Ok(Message::Text(text))) => drop(room.send(text)),
                Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                Some(Ok(_)) => {}
            },
            text = heard.recv() => match text {
                Ok(text) => {
                    if socket.send(Message::Text(text)).await.is_err() {
                        return;
                    }
                }
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return,
            },
            _ = dsgi::tower::leave() => {
                // Who is gone already needs no goodbye.
                drop(socket.send(Message::Close(Some(GOODBYE))).await);
                return;
            }
        }
    }
}

async fn page() -> Html<&'static str> {
    Html(include_str!("page.html"))
}

#[cfg(test)]
mod tests {
    use dsgi::test::{App, Message};

    #[test]
    fn everybody_hears_what_somebody_says() -> dsgi::Result<()> {
        let app = App::service(super::router, ())?;
        let (mut tea, mut milk) =
            (app.request("GET", "/room").websocket(), app.request("GET", "/room").websocket());
        // Who hears oneself is in the room.
        for visitor in [&mut tea, &mut milk] {
            visitor.send("here");
            assert_eq!(visitor.receive()?, Some(Message::Text("here".into())));
        }
        tea.send("who takes sugar?");
        let heard = |visitor: &mut dsgi::test::WebSocket| loop {
            match visitor.receive() {
                // Of whoever came later.
                Ok(Some(Message::Text(text))) if text == "here" => {}
                other => return other,
            }
        };
        for visitor in [&mut tea, &mut milk] {
            assert_eq!(heard(visitor)?, Some(Message::Text("who takes sugar?".into())));
        }
        // Who leaves is let go, and the others stay.
        milk.close(1000);
        assert_eq!(milk.receive()?, None);
        tea.send("nobody?");
        assert_eq!(tea.receive()?, Some(Message::Text("nobody?".into())));
        Ok(())
    }
}
