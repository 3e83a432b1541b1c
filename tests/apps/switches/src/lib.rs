//! Takes connections over, and gives trailers, as the path says; and does it wrongly where asked.

use std::future::{pending, poll_fn};
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use dsgi::{Body, Duplex, Environ, Result, StartResponse};

/// Another version of this library has another text here.
static VERSION: &str = "version one";

async fn app(mut environ: Environ, start_response: StartResponse) -> Result<Body> {
    let path = environ["PATH_INFO"].to_owned();
    let said = |name| environ.get(name).unwrap_or("-").to_owned();
    let asked = format!("{} {}", said("HTTP_UPGRADE"), said("HTTP_CONNECTION"));
    let switch = |status| {
        let protocol = said("HTTP_UPGRADE");
        let fields = [("Connection", "Upgrade"), ("Upgrade", &*protocol), ("X-Asked", &*asked)];
        start_response(status, &fields)
    };
    let plain = || start_response("200 OK", &[("Content-Type", "text/plain")]);
    let body = match &*path {
        "/version" => {
            plain()?;
            return Ok(Body::from(VERSION));
        }
        "/trailers" => {
            let fields = [("Content-Type", "text/plain"), ("Trailer", "X-Sum, X-Got, Set-Cookie")];
            start_response("200 OK", &fields)?;
            return trailers(&mut environ).await;
        }
        "/events" => {
            start_response("200 OK", &[("Content-Type", "text/event-stream; charset=utf-8")])?;
            return Ok(endless());
        }
        "/endless" => {
            plain()?;
            return Ok(endless());
        }
        "/bare" => {
            switch("101 Switching Protocols")?;
            return Ok(Body::empty());
        }
        "/early" => {
            plain()?;
            Body::upgrade(echo)
        }
        "/echo" => Body::upgrade(echo),
        "/thread" => Body::upgrade(elsewhere),
        "/last-words" => Body::upgrade(last_words),
        "/frames" => Body::upgrade(frames),
        "/half" => Body::upgrade(half_a_frame),
        "/push" => Body::upgrade(push),
        "/waits" => Body::upgrade(waits),
        "/panics" => Body::upgrade(panics),
        "/fails" => Body::upgrade(async |_| Err(dsgi::Error::new("it does not like to"))),
        _ => return Err(dsgi::Error::status(404, "no such path")),
    };
    if path != "/early" {
        switch("101 Switching Protocols")?;
    }
    Ok(body.on_close(move |outcome, sent| eprintln!("app: {path} closed {outcome:?} {sent}")))
}

/// Everything comes back in capitals; the end too.
async fn echo(mut duplex: Duplex) -> Result<()> {
    while let Some(block) = duplex.read().await? {
        duplex.write(block.bytes().to_ascii_uppercase()).await?;
    }
    duplex.write("over").await?;
    duplex.shutdown().await
}

/// Ends its own direction first, and listens on.
async fn last_words(mut duplex: Duplex) -> Result<()> {
    duplex.write("last words").await?;
    duplex.shutdown().await?;
    let mut heard = 0;
    while let Some(block) = duplex.read().await? {
        heard += block.bytes().len();
    }
    eprintln!("app: has heard {heard} bytes behind its end");
    Ok(())
}

/// As [`echo`], on a thread of the library's own, while the call waits for that.
async fn elsewhere(duplex: Duplex) -> Result<()> {
    let done = Arc::new(Bell::default());
    let bell = Arc::clone(&done);
    let work = thread::spawn(move || {
        let ended = block_on(echo(duplex));
        bell.ring();
        ended
    });
    poll_fn(|context| done.poll(context)).await;
    work.join().map_err(|_| dsgi::Error::new("it has panicked"))?
}

/// A frame at first and one for each block that comes.
async fn frames(mut duplex: Duplex) -> Result<()> {
    duplex.write(b"\x81\x05hello").await?;
    while let Some(block) = duplex.read().await? {
        let length = u8::try_from(block.bytes().len())?.min(125);
        duplex.write([&[0x82, length], &block.bytes()[..usize::from(length)]].concat()).await?;
    }
    Ok(())
}

/// A part of a frame, and the rest of it once something has come.
async fn half_a_frame(mut duplex: Duplex) -> Result<()> {
    duplex.write(b"\x82\x0afirst").await?;
    duplex.read().await?;
    // More than the frame is given at once; what is behind it may not be sent any more.
    let more = duplex.write(b"later\x82\x01x\x82\x01y").await;
    eprintln!("app: the rest was {}", if more.is_ok() { "sent" } else { "cut" });
    duplex.read().await.map(drop)
}

/// As much as the client takes.
async fn push(mut duplex: Duplex) -> Result<()> {
    let block = vec![b'x'; 64 * 1024];
    let mut sent = 0;
    loop {
        let write = poll_fn(|context| {
            let written = duplex.poll_write(context, &block);
            if written.is_pending() {
                eprintln!("app: waits after {sent} bytes");
            }
            written
        });
        sent += write.await?;
    }
}

/// Neither reads nor writes.
async fn waits(duplex: Duplex) -> Result<()> {
    let _kept = duplex;
    pending().await
}

async fn panics(mut duplex: Duplex) -> Result<()> {
    duplex.read().await?;
    panic!("within a connection")
}

/// One event, and then nothing for ever.
fn endless() -> Body {
    let mut first = Some("data: 1\n\n");
    Body::poll_blocks(move |_| match first.take() {
        Some(event) => Poll::Ready(Some(event.into())),
        None => Poll::Pending,
    })
    .on_close(|outcome, sent| eprintln!("app: stream closed {outcome:?} {sent}"))
}

/// The length of the body in a trailer, and the trailers that came; and what may not be one.
async fn trailers(environ: &mut Environ) -> Result<Body> {
    let mut input = environ.input();
    let mut length = 0;
    while let Some(block) = input.next().await? {
        length += block.bytes().len();
    }
    let mut got: Vec<_> = input
        .trailers()
        .map(|(name, value)| format!("{name}={}", String::from_utf8_lossy(value)))
        .collect();
    got.sort();
    Ok(Body::blocks(["one\n", "two\n"]).with_trailers(move || {
        let got = got.join(" ");
        [("X-Sum", length.to_string()), ("X-Got", got), ("Set-Cookie", "a=b".to_owned())]
    }))
}

/// Wakes whoever polls it.
#[derive(Default)]
struct Bell(Mutex<(bool, Option<Waker>)>);

impl Bell {
    fn ring(&self) {
        let mut state = self.0.lock().expect("nobody panics here");
        state.0 = true;
        state.1.take().into_iter().for_each(Waker::wake);
    }

    fn poll(&self, context: &Context<'_>) -> Poll<()> {
        let mut state = self.0.lock().expect("nobody panics here");
        state.1 = Some(context.waker().clone());
        if state.0 { Poll::Ready(()) } else { Poll::Pending }
    }
}

/// Waits on this thread.
fn block_on<T>(work: impl Future<Output = T>) -> T {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut work = pin!(work);
    loop {
        match work.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(done) => return done,
            Poll::Pending => thread::park(),
        }
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

dsgi::app!(app);
