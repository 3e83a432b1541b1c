//! That another version takes over, as sockets and endless bodies of this one want to know.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// Waits until no new requests come to this version, because another one has taken its place or
/// the host ends, and gives the time that is left for what it has in hand. A connection that goes
/// on for ever may then say goodbye; when the time is over the host ends it.
///
/// ```
/// use axum::extract::ws::{Message, WebSocket};
///
/// async fn echo(mut socket: WebSocket) {
///     loop {
///         tokio::select! {
///             message = socket.recv() => match message {
///                 Some(Ok(message)) => drop(socket.send(message).await),
///                 _ => return,
///             },
///             _ = dsgi::tower::leave() => {
///                 drop(socket.send(Message::text("come back for the new version")).await);
///                 return drop(socket.send(Message::Close(None)).await);
///             }
///         }
///     }
/// }
/// # let _ = echo;
/// ```
pub const fn leave() -> Leave {
    Leave { number: None }
}

/// What [`leave`] gives.
#[derive(Debug)]
#[must_use = "it waits only when it is awaited"]
pub struct Leave {
    /// Under which it is woken, once it waits.
    number: Option<u64>,
}

/// Who waits, and whether it has come to it.
struct Leaving {
    left: Option<Duration>,
    next: u64,
    wakers: BTreeMap<u64, Waker>,
}

static LEAVING: Mutex<Leaving> =
    Mutex::new(Leaving { left: None, next: 0, wakers: BTreeMap::new() });

/// Tells all that wait.
pub(super) fn begin(left: Duration) {
    let mut leaving = lock();
    leaving.left = Some(left);
    let wakers = std::mem::take(&mut leaving.wakers);
    drop(leaving);
    wakers.into_values().for_each(Waker::wake);
}

/// Requests come again.
pub(super) fn stay() {
    lock().left = None;
}

fn lock() -> MutexGuard<'static, Leaving> {
    // Whole at each step.
    LEAVING.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Future for Leave {
    type Output = Duration;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Duration> {
        let mut leaving = lock();
        if let Some(left) = leaving.left {
            return Poll::Ready(left);
        }
        let number = *self.number.get_or_insert_with(|| {
            leaving.next += 1;
            leaving.next
        });
        leaving.wakers.insert(number, context.waker().clone());
        Poll::Pending
    }
}

impl Drop for Leave {
    fn drop(&mut self) {
        let waker = self.number.and_then(|number| lock().wakers.remove(&number));
        drop(waker);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_waits_is_told_and_who_does_not_is_forgotten() {
        let mut waiting = leave();
        let mut context = Context::from_waker(Waker::noop());
        assert!(Pin::new(&mut waiting).poll(&mut context).is_pending());
        let mut other = leave();
        assert!(Pin::new(&mut other).poll(&mut context).is_pending());
        assert_eq!(lock().wakers.len(), 2);
        drop(other);
        assert_eq!(lock().wakers.len(), 1, "who is gone is kept");
        begin(Duration::from_secs(3));
        assert_eq!(Pin::new(&mut waiting).poll(&mut context), Poll::Ready(Duration::from_secs(3)));
        stay();
        assert!(Pin::new(&mut waiting).poll(&mut context).is_pending());
    }
}
