//! A connection of the loopback, and a file of bytes that tell where they stand.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream as Client};
use std::sync::mpsc;

use bytes::Buf as _;
use tokio::runtime::{Builder, Runtime};

use super::*;

const LENGTH: usize = 50_000;

struct Bench {
    runtime: Runtime,
    stream: TcpStream,
    client: Client,
    file: Arc<File>,
    outlet: Outlet,
}

fn bytes(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at % 251) as u8).collect()
}

fn bench(length: usize) -> Bench {
    let runtime = Builder::new_current_thread().enable_io().build().expect("a runtime");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let client = Client::connect(listener.local_addr().expect("it has one")).expect("it listens");
    let (stream, _) = listener.accept().expect("it was connected");
    stream.set_nonblocking(true).expect("a socket");
    let stream = {
        let _runtime = runtime.enter();
        TcpStream::from_std(stream).expect("a socket")
    };
    let mut file = tempfile::tempfile().expect("a file");
    file.write_all(&bytes(length)).expect("it can be written");
    Bench { runtime, stream, client, file: Arc::new(file), outlet: Outlet::default() }
}

impl Bench {
    /// Writes once, as a socket does.
    fn write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let write = || self.outlet.write(&self.stream, slices);
        self.runtime.block_on(self.stream.async_io(tokio::io::Interest::WRITABLE, write))
    }

    /// What the client has got when the connection ends.
    fn received(self) -> Vec<u8> {
        let Self { runtime, stream, mut client, .. } = self;
        let _runtime = runtime.enter();
        drop(stream);
        let mut received = Vec::new();
        client.read_to_end(&mut received).expect("an orderly end");
        received
    }
}

fn slice(bytes: &[u8]) -> IoSlice<'_> {
    IoSlice::new(bytes)
}

/// How a part ends, and what is left of it then.
fn end(part: &Part) -> mpsc::Receiver<(End, u64)> {
    let (sender, receiver) = mpsc::channel();
    part.at_end(move |end, unsent| sender.send((end, unsent)).expect("it is waited for"));
    receiver
}

#[test]
fn a_part_is_sent_from_the_file() {
    let bench = bench(LENGTH);
    let (part, mut stand) = bench.outlet.take(Arc::clone(&bench.file), 10, LENGTH - 10);
    let end = end(&part);
    assert!(!bench.outlet.is_open());
    let (head, more) = (slice(b"head"), slice(b"more"));
    assert_eq!(bench.write(&[head, slice(&stand)]).expect("it is written"), 4);
    while !stand.is_empty() {
        assert!(end.try_recv().is_err(), "it has not ended");
        let sent = bench.write(&[slice(&stand), more]).expect("it is written");
        stand.advance(sent);
    }
    drop(stand);
    assert_eq!(end.try_recv(), Ok((End::Sent, 0)));
    assert!(bench.outlet.is_open());
    assert!(bench.received() == [b"head", &bytes(LENGTH)[10..]].concat());
}

#[test]
fn what_stands_for_a_part_never_goes_out() {
    let bench = bench(LENGTH);
    let (part, stand) = bench.outlet.take(Arc::clone(&bench.file), 0, LENGTH);
    let copy = stand.to_vec();
    for wrong in [&stand[1..], &stand[..LENGTH - 1], &copy] {
        let error = bench.write(&[slice(wrong)]).expect_err("it is no part");
        assert_eq!(error.kind(), io::ErrorKind::Other);
    }
    drop(stand);
    assert_eq!(end(&part).try_recv(), Ok((End::Cut, LENGTH as u64)));
    let (_, stand) = bench.outlet.take(Arc::clone(&bench.file), 0, LENGTH);
    let before = bench.outlet.take(Arc::clone(&bench.file), 0, LENGTH + 1);
    bench.write(&[slice(&stand)]).expect_err("another one is under way");
    drop(before);
    bench.write(&[slice(&stand)]).expect_err("none is under way");
    assert!(bench.received().is_empty());
}

#[test]
fn what_a_client_has_not_taken_is_counted() {
    let bench = bench(FILE_PART_BYTES);
    let (end, sent) = loop {
        let (part, stand) = bench.outlet.take(Arc::clone(&bench.file), 0, FILE_PART_BYTES);
        let (end, mut sent) = (end(&part), 0);
        while sent < FILE_PART_BYTES
            && let Ok(more) = bench.outlet.write(&bench.stream, &[slice(&stand[sent..])])
        {
            sent += more;
        }
        assert!(end.try_recv().is_err(), "it has not ended");
        drop(stand);
        if sent < FILE_PART_BYTES {
            break (end, sent);
        }
        assert_eq!(end.try_recv(), Ok((End::Sent, 0)));
    };
    assert_eq!(end.try_recv(), Ok((End::Cut, (FILE_PART_BYTES - sent) as u64)));
}

#[test]
fn a_part_that_is_not_there_any_more_ends_the_connection() {
    let bench = bench(LENGTH);
    let (part, stand) = bench.outlet.take(Arc::clone(&bench.file), 0, LENGTH);
    bench.file.set_len(100).expect("it can be cut");
    assert_eq!(bench.write(&[slice(&stand)]).expect("the first of it"), 100);
    let error = bench.write(&[slice(&stand[100..])]).expect_err("there is no more");
    assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    drop(stand);
    assert_eq!(end(&part).try_recv(), Ok((End::Broken, LENGTH as u64 - 100)));
    assert!(bench.received() == bytes(100));
}

/// However little the socket takes at once.
#[test]
fn blocks_leave_with_what_stands_around_them() {
    let bench = bench(0);
    rustix::net::sockopt::set_socket_send_buffer_size(&bench.stream, 4096).expect("a socket");
    let given = bytes(400_000);
    let ends = [0, 1, 2, 1000, 66_000, given.len()];
    let blocks = ends.windows(2).map(|ends| Bytes::copy_from_slice(&given[ends[0]..ends[1]]));
    let mut stand = bench.outlet.take_blocks(blocks.collect());
    let whole = [b"head", &given[..], b"more"].concat();
    let mut client = bench.client.try_clone().expect("a descriptor");
    let reader = std::thread::spawn(move || {
        let mut received = Vec::new();
        client.read_to_end(&mut received).map(|_| received)
    });
    let (mut sent, mut writes) = (0, 0);
    while !bench.outlet.is_open() {
        let head = &b"head"[sent.min(4)..];
        let slices = [head, &stand, b"more"].into_iter().filter(|it| !it.is_empty()).map(slice);
        let written = bench.write(&slices.collect::<Vec<_>>()).expect("it is written");
        stand.advance((written - written.min(head.len())).min(stand.len()));
        (sent, writes) = (sent + written, writes + 1);
    }
    assert!(writes > 1, "all of it at once");
    drop(bench);
    let received = reader.join().expect("it reads").expect("an orderly end");
    assert!(sent >= 4 + given.len() && received == whole[..sent]);
}

#[test]
fn what_stands_for_blocks_never_goes_out() {
    let bench = bench(0);
    let blocks = || vec![Bytes::from_static(b"one"), Bytes::from_static(b"two")];
    let stand = bench.outlet.take_blocks(blocks());
    for wrong in [&stand[1..], &stand[..5]] {
        bench.write(&[slice(wrong)]).expect_err("it is no part");
    }
    drop(stand);
    let stand = bench.outlet.take_blocks(blocks());
    assert_eq!(bench.write(&[slice(&stand)]).expect("it is written"), 6);
    bench.write(&[slice(&stand)]).expect_err("it was sent");
    assert!(bench.received() == b"onetwo");
}
