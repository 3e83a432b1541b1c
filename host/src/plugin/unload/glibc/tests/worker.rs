//! A host's thread that lives on, does what it is told, and takes mail.

use std::sync::mpsc;
use std::thread::{self, JoinHandle};

use crate::plugin::unload::glibc::purge;

enum Message {
    Do(Box<dyn FnOnce() + Send>, mpsc::Sender<()>),
    Mail,
    End,
}

/// A thread that ends when this is dropped.
pub(super) struct Worker {
    send: mpsc::Sender<Message>,
    thread: Option<JoinHandle<()>>,
}

/// Whether a thread takes mail.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Takes {
    Mail,
    NoMail,
}

impl Worker {
    pub(super) fn start(takes: Takes) -> Self {
        let (send, receive) = mpsc::channel();
        let ask = send.clone();
        let (ready, is_ready) = mpsc::channel();
        let work = move || {
            let _mailbox = (takes == Takes::Mail).then(|| {
                purge::enrol(move || {
                    // The thread may be at its end.
                    let _ = ask.send(Message::Mail);
                })
            });
            ready.send(()).unwrap();
            for message in receive {
                match message {
                    Message::Do(job, done) => {
                        job();
                        // Nobody may wait.
                        let _ = done.send(());
                    }
                    Message::Mail => purge::run_pending(),
                    Message::End => return,
                }
            }
        };
        let thread = thread::Builder::new().name(String::from("worker")).spawn(work).unwrap();
        is_ready.recv().unwrap();
        Self { send, thread: Some(thread) }
    }

    /// Waits until the thread has done it.
    pub(super) fn run(&self, job: impl FnOnce() + Send + 'static) {
        self.begin(job).recv().unwrap();
    }

    /// Tells when the thread has done it.
    pub(super) fn begin(&self, job: impl FnOnce() + Send + 'static) -> mpsc::Receiver<()> {
        let (done, wait) = mpsc::channel();
        self.send.send(Message::Do(Box::new(job), done)).unwrap();
        wait
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.send.send(Message::End).unwrap();
        self.thread.take().unwrap().join().unwrap();
    }
}
