//! A server in this process, as frameworks have their own, beside which a library is looked at.

use std::net::{SocketAddr, TcpListener};
use std::thread::JoinHandle;

use axum::Router;
use tokio::sync::oneshot;

/// A server on a thread of this process, until it is dropped.
pub(super) struct Native {
    pub(super) address: SocketAddr,
    end: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Native {
    /// A router under `axum::serve`.
    pub(super) fn serve(router: Router) -> Self {
        Self::start(async |listener| {
            let service = router.into_make_service_with_connect_info::<SocketAddr>();
            axum::serve(listener, service).await.unwrap();
        })
    }

    /// Whatever serves connections of a listener.
    pub(super) fn start<S>(serve: S) -> Self
    where
        S: AsyncFnOnce(tokio::net::TcpListener) + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let (end, ended) = oneshot::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                tokio::select! {
                    () = serve(listener) => {}
                    _ = ended => {}
                }
            });
        });
        Self { address, end: Some(end), thread: Some(thread) }
    }
}

impl Drop for Native {
    fn drop(&mut self) {
        drop(self.end.take());
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            eprintln!("the native server has panicked");
        }
    }
}
