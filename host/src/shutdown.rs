//! The end: who asks for it, and what applications are told.

use std::convert::Infallible;
use std::future::pending;
use std::io;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Instant;

use tokio::sync::oneshot;
use tokio::time::timeout_at;

use crate::platform::signals::End;
use crate::tenure::Tenure;

/// What applications are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// No new requests will come.
    Drain,
    /// Nothing is at work any more.
    Shutdown,
}

/// Ready when the process is asked to end, by TERM or INT. A second signal ends it at once.
///
/// From this call on, not only from the first poll of what it returns, no signal is missed. It is
/// made within a runtime.
pub(crate) fn signal() -> io::Result<impl Future<Output = io::Result<()>>> {
    let mut signals = End::heed()?;
    Ok(async move {
        let first = signals.next().await?;
        tracing::info!("{} received: finishing what is in hand", first.name);
        tokio::spawn(async move {
            if let Ok(second) = signals.next().await {
                tracing::warn!("{} received again: ending now", second.name);
                crate::platform::end(128 + second.number);
            }
        });
        Ok(())
    })
}

/// Tells every application, each on a thread of its own, so that one that hangs keeps nobody else
/// from ending. Waits until all are done or the time is over.
pub(crate) async fn apps(tenures: &[Arc<Tenure>], asked: Asked, until: Instant) {
    let told: Vec<_> = tenures.iter().map(|tenure| tell(tenure, asked, until)).collect();
    for (tenure, done) in tenures.iter().zip(told) {
        let done = async {
            match done {
                Ok(done) => drop(done.await),
                Err(_) => pending().await,
            }
        };
        if timeout_at(until.into(), done).await.is_err() {
            let app = tenure.name();
            tracing::warn!(app, "did not finish its {asked:?} within the drain timeout");
        }
    }
}

/// Runs the last steps on a thread of their own and waits for them, but not for ever.
pub(crate) fn within(until: Instant, last: impl FnOnce() + Send + 'static) {
    let (done, wait) = mpsc::channel::<Infallible>();
    let run = move || {
        last();
        drop(done);
    };
    if thread::Builder::new().name(String::from("end")).spawn(run).is_ok() {
        // Nothing is ever sent: the channel closes when the steps are done.
        let _ = wait.recv_timeout(until.saturating_duration_since(Instant::now()));
    }
}

fn tell(tenure: &Arc<Tenure>, asked: Asked, until: Instant) -> io::Result<oneshot::Receiver<()>> {
    let (done, receive) = oneshot::channel();
    let tenure = Arc::clone(tenure);
    let tell = move || {
        match asked {
            Asked::Drain => {
                tenure.drain(until.saturating_duration_since(Instant::now()));
            }
            Asked::Shutdown => {
                // A close that a pool still has to do comes before the application's end.
                if tenure.quiet(until).is_ok() {
                    tenure.generation().shutdown();
                }
            }
        }
        // Given back before that is told: the last of it begins the application's end.
        drop(tenure);
        // The receiver may have given up.
        let _ = done.send(());
    };
    thread::Builder::new().name(String::from("shutdown")).spawn(tell)?;
    Ok(receive)
}
