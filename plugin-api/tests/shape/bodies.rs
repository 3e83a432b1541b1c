//! Bodies made by hand: a panic anywhere in one stays in it, and its bytes are freed by their
//! maker whoever holds them last.

use std::sync::Arc;
use std::task::{Poll, Waker};
use std::thread;

use dsgi::Outcome;
use dsgi::bridge::body::{Frame, Pull, Pulled, Stream};
use dsgi::bridge::bytes::SharedBytes;

/// Panics wherever it is asked.
struct Nervous;

impl Pull for Nervous {
    fn pull(&mut self, _: Option<&Waker>) -> Pulled {
        panic!("pulled")
    }

    fn size_hint(&self) -> Option<(u64, u64)> {
        panic!("asked for its size")
    }

    fn close(self: Box<Self>, _: Outcome, _: u64) {
        panic!("closed")
    }
}

impl Drop for Nervous {
    fn drop(&mut self) {
        // A second panic while the first one unwinds would end the process.
        if !thread::panicking() {
            panic!("dropped");
        }
    }
}

#[test]
fn a_panic_stays_inside() {
    let mut stream = Stream::of(Nervous);
    assert_eq!(stream.size_hint(), None);
    let Poll::Ready(Some(Err(failure))) = stream.pull(None) else { panic!("no failure") };
    assert_eq!((failure.status, failure.message.as_str()), (0, "panicked: pulled"));
    stream.close(Outcome::Completed, 0);
    drop(Stream::of(Nervous));
}

/// Whether a pull brings a waker is seen by the maker: without one it may wait.
#[test]
fn a_pull_with_and_without_a_waker_are_told_apart() {
    struct Asks;
    impl Pull for Asks {
        fn pull(&mut self, waker: Option<&Waker>) -> Pulled {
            let said: &[u8] = if waker.is_some() { b"waker" } else { b"none" };
            Poll::Ready(Some(Ok(Frame::Data(SharedBytes::from(said.to_vec())))))
        }

        fn close(self: Box<Self>, _: Outcome, _: u64) {}
    }
    let mut stream = Stream::of(Asks);
    for (waker, expected) in [(Some(Waker::noop()), b"waker".as_slice()), (None, b"none")] {
        let Poll::Ready(Some(Ok(Frame::Data(said)))) = stream.pull(waker) else {
            panic!("no block");
        };
        assert_eq!(*said, *expected);
    }
}

/// Bytes whose owner is counted, and may panic when it goes.
struct Owner {
    _count: Arc<()>,
    nervous: Option<Nervous>,
}

impl AsRef<[u8]> for Owner {
    fn as_ref(&self) -> &[u8] {
        if self.nervous.is_some() { b"nervous" } else { b"calm" }
    }
}

/// Two blocks, handed over as they are.
struct Two {
    count: Arc<()>,
    left: usize,
}

impl Pull for Two {
    fn pull(&mut self, _: Option<&Waker>) -> Pulled {
        let Some(left) = self.left.checked_sub(1) else { return Poll::Ready(None) };
        self.left = left;
        let owner =
            Owner { _count: Arc::clone(&self.count), nervous: (left == 0).then(|| Nervous) };
        Poll::Ready(Some(Ok(Frame::Data(SharedBytes::from_owner(owner)))))
    }

    fn close(self: Box<Self>, _: Outcome, _: u64) {}
}

#[test]
fn blocks_outlive_their_body_and_are_freed_once_on_any_thread() {
    let count = Arc::new(());
    let mut stream = Stream::of(Two { count: Arc::clone(&count), left: 2 });
    let mut blocks = Vec::new();
    while let Poll::Ready(Some(Ok(Frame::Data(block)))) = stream.pull(None) {
        blocks.push(block);
    }
    stream.close(Outcome::Completed, 11);
    assert_eq!(
        blocks.iter().map(|block| &**block).collect::<Vec<_>>(),
        [b"calm".as_slice(), b"nervous"]
    );
    assert_eq!(Arc::strong_count(&count), 3);
    thread::spawn(move || drop(blocks)).join().expect("a panic left a destructor");
    assert_eq!(Arc::strong_count(&count), 1);
}
