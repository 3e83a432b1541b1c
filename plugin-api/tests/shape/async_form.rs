//! The async form: it waits by a waker, is woken from another thread, and is cancelled by being
//! dropped.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Wake, Waker};
use std::thread;

use dsgi::export::link;
use dsgi::{Body, Chunk, Environ, Error, StartResponse};

use crate::host::{Done, Host, Input, Part, Started, poll};

async fn length(mut environ: Environ, start_response: StartResponse) -> dsgi::Result<[String; 1]> {
    // Borrowed across the waits below.
    let path = environ.get("PATH_INFO").unwrap_or_default().to_owned();
    let from = environ.get("HTTP_X_FROM").unwrap_or("nobody").to_owned();
    let mut length = 0;
    while let Some(block) = environ.input().next().await? {
        length += block.bytes().len();
    }
    start_response("200 OK", &[])?;
    Ok([format!("{length} bytes to {path} from {from}")])
}

/// Counts wakes.
#[derive(Default)]
struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

fn waiting() -> Host {
    Host::with(vec![link(length).into()], Input::arrived(vec![Part::Data("three")]))
}

#[test]
fn it_waits_for_input_and_is_woken_from_another_thread() {
    let host = waiting();
    let (answer, ()) = thread::scope(|scope| {
        let answered = scope.spawn(|| host.run());
        let fed = scope.spawn(|| {
            for part in [Part::Data("more"), Part::End] {
                host.until_awaited();
                host.feed(part);
            }
        });
        (answered.join().expect("an answer"), fed.join().expect("fed"))
    });
    assert_eq!(answer.blocks, ["9 bytes to /outside from client"]);
}

#[test]
fn nothing_happens_until_the_waker_is_woken() {
    let host = waiting();
    let Started::Pending(mut pending) = host.start() else { panic!("it did not wait") };
    let wakes = Arc::new(Wakes::default());
    let waker = Waker::from(Arc::clone(&wakes));
    assert!(poll(&mut pending, &waker).is_none());
    assert_eq!((wakes.0.load(Ordering::SeqCst), host.is_awaited()), (0, true));
    host.feed(Part::End);
    assert_eq!((wakes.0.load(Ordering::SeqCst), host.is_awaited()), (1, false));
    let answer = poll(&mut pending, &waker).expect("an answer");
    assert_eq!(answer.reply().finish().blocks, ["5 bytes to /outside from client"]);
    drop(pending);
    drop(waker);
    assert_eq!(Arc::strong_count(&wakes), 1, "a clone of the waker was leaked");
}

#[test]
fn a_dropped_call_releases_its_handle_and_its_waker() {
    for polls in [0, 1, 2] {
        let host = waiting();
        let Started::Pending(mut pending) = host.start() else { panic!("it did not wait") };
        let wakes = Arc::new(Wakes::default());
        let waker = Waker::from(Arc::clone(&wakes));
        for _ in 0..polls {
            assert!(poll(&mut pending, &waker).is_none());
        }
        drop(waker);
        assert_eq!((host.held(), host.is_awaited()), (1, polls > 0));
        drop(pending);
        assert_eq!((host.held(), host.is_awaited()), (0, false), "after {polls} polls");
        assert_eq!(Arc::strong_count(&wakes), 1, "a clone of the waker was leaked");
    }
}

/// The future may be polled by one thread and dropped by another.
#[test]
fn it_moves_between_threads() {
    let host = waiting();
    let Started::Pending(mut pending) = host.start() else { panic!("it did not wait") };
    thread::scope(|scope| {
        let polled = scope.spawn(move || {
            assert!(poll(&mut pending, Waker::noop()).is_none());
            pending
        });
        let pending = polled.join().expect("polled");
        scope.spawn(move || drop(pending));
    });
    assert_eq!(host.held(), 0);
}

/// A borrowed environ may be kept across a wait: the handle is `Sync` on this side.
#[test]
fn a_borrowed_environ_lives_across_a_wait() {
    async fn from(environ: &Environ) -> &str {
        std::future::ready(()).await;
        environ.get("HTTP_X_FROM").unwrap_or("nobody")
    }
    async fn app(environ: Environ, start_response: StartResponse) -> dsgi::Result<Vec<String>> {
        let from = from(&environ).await.to_owned();
        start_response("200 OK", &[])?;
        Ok(vec![from])
    }
    assert_eq!(Host::new(link(app)).run().blocks, ["client"]);
}

#[test]
fn its_errors_and_panics_are_answers() {
    async fn error(_: Environ, _: StartResponse) -> dsgi::Result<Body> {
        std::future::ready(()).await;
        Err(Error::status(404, "not here"))
    }
    async fn panics(environ: Environ, _: StartResponse) -> dsgi::Result<Body> {
        std::future::ready(()).await;
        panic!("late at {}", &environ["PATH_INFO"])
    }
    fn early(_: Environ, _: StartResponse) -> std::future::Ready<dsgi::Result<Body>> {
        panic!("before there was a future")
    }
    assert_eq!(Host::new(link(error)).run(), Done::fault(404, "not here".to_owned()));
    assert_eq!(
        Host::new(link(panics)).run(),
        Done::fault(500, "panicked: late at /outside".into())
    );
    let text = "panicked: before there was a future";
    assert_eq!(Host::new(link(early)).run(), Done::fault(500, text.into()));
}

#[test]
fn a_panic_while_a_call_is_dropped_goes_no_further() {
    struct Bang;
    impl Drop for Bang {
        fn drop(&mut self) {
            panic!("dropping the call");
        }
    }
    async fn app(environ: Environ, _: StartResponse) -> dsgi::Result<Body> {
        let held = (Bang, environ);
        std::future::pending::<()>().await;
        drop(held);
        Ok(Body::empty())
    }
    let host = Host::new(link(app));
    let Started::Pending(mut pending) = host.start() else { panic!("it did not wait") };
    assert!(poll(&mut pending, Waker::noop()).is_none());
    drop(pending);
    assert_eq!(host.held(), 0);
}

/// A body that waits: the environ moves into it, and the waker of the pull reaches the input.
#[test]
fn a_polled_body_waits_for_input() {
    async fn echo(mut environ: Environ, start_response: StartResponse) -> dsgi::Result<Body> {
        start_response("200 OK", &[])?;
        Ok(Body::poll_blocks(move |context| {
            environ.input().poll_next(context).map(|next| next.transpose().map(Chunk::from))
        }))
    }
    let host = Host::with(vec![link(echo).into()], Input::arrived(vec![Part::Data("one")]));
    thread::scope(|scope| {
        let answered = scope.spawn(|| host.run());
        scope.spawn(|| {
            for part in [Part::Data("two"), Part::End] {
                host.until_awaited();
                host.feed(part);
            }
        });
        assert_eq!(answered.join().expect("an answer").blocks, ["one", "two"]);
    });
}
