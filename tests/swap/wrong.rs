//! A server that does what a host without leases would do now and then, so that the loader is seen
//! to find it.

use super::loader::Wrong;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Of so many responses one is wrong.
const OF: u64 = 16;

/// Serves until the process ends.
pub(super) fn serve(wrong: Option<Wrong>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let count = Arc::new(AtomicU64::new(0));
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let count = Arc::clone(&count);
            std::thread::spawn(move || answer(stream, wrong, &count));
        }
    });
    address
}

fn answer(mut stream: TcpStream, wrong: Option<Wrong>, count: &AtomicU64) -> Option<()> {
    let mut requests = BufReader::new(stream.try_clone().ok()?).lines();
    loop {
        while !requests.next()?.ok()?.is_empty() {}
        let turn = count.fetch_add(1, Ordering::Relaxed) % OF == OF - 1;
        let wrong = wrong.filter(|_| turn);
        let status =
            if wrong == Some(Wrong::Failed) { "503 Service Unavailable" } else { "200 OK" };
        let mut body = "a".repeat(64);
        match wrong {
            Some(Wrong::Mixed) => body.replace_range(60.., "bbbb"),
            Some(Wrong::Cut) => body.truncate(60),
            Some(Wrong::Failed) | None => {}
        }
        let head = "Content-Length: 64\r\nX-Version: a\r\nX-Received: 0\r\n";
        write!(stream, "HTTP/1.1 {status}\r\n{head}\r\n{body}").ok()?;
        if wrong == Some(Wrong::Cut) {
            return None;
        }
    }
}
