//! A load at a constant rate: latency counts from the moment a request was due, so that a server
//! that stalls is charged for everybody who waits.

use std::net::SocketAddr;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use crate::client::{self, Connection};
use crate::figures::quantile;

/// What clients have seen.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Milliseconds from when a request was due to the end of its answer.
    latencies: Vec<f64>,
    /// Requests without a right answer, after one retry where a connection was cut.
    pub(super) failed: usize,
    /// Idle keep-alive connections that the server closed.
    pub(super) cut: usize,
}

/// Clients that keep their connection, and how many requests a second each makes.
const KEEPERS: (u32, f64) = (16, 62.5);
/// Clients that open a connection for each request.
const OPENERS: (u32, f64) = (4, 25.0);

impl Seen {
    pub(super) fn requests(&self) -> usize {
        self.latencies.len()
    }

    pub(super) fn quantile(&self, share: f64) -> f64 {
        quantile(&self.latencies, share)
    }

    pub(super) fn add(&mut self, other: Self) {
        self.latencies.extend(other.latencies);
        self.failed += other.failed;
        self.cut += other.cut;
    }
}

/// Loads a server for so long, 1,100 requests a second.
pub(super) fn run(address: SocketAddr, length: Duration) -> Result<Seen> {
    let (send, receive) = mpsc::channel();
    let begin = Instant::now() + Duration::from_millis(100);
    let mut clients = Vec::new();
    for (kind, (count, rate)) in [(Kind::Keeps, KEEPERS), (Kind::Opens, OPENERS)] {
        for number in 0..count {
            let send = send.clone();
            // Clients take turns, so that the rate is the same at every moment.
            let first =
                begin + Duration::from_secs_f64(f64::from(number) / f64::from(count) / rate);
            let (every, end) = (Duration::from_secs_f64(1.0 / rate), begin + length);
            clients.push(thread::spawn(move || {
                let _ = send.send(client(address, kind, first, every, end));
            }));
        }
    }
    drop(send);
    let mut seen = Seen::default();
    for one in receive {
        seen.add(one?);
    }
    for client in clients {
        client.join().ok().context("a client panicked")?;
    }
    Ok(seen)
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Keeps,
    Opens,
}

fn client(
    address: SocketAddr,
    kind: Kind,
    first: Instant,
    every: Duration,
    end: Instant,
) -> Result<Seen> {
    let request = client::request(client::FEW_HEADERS);
    let mut seen = Seen::default();
    let mut kept = match kind {
        Kind::Keeps => Some(Connection::open(address)?),
        Kind::Opens => None,
    };
    let mut due = first;
    while due < end {
        thread::sleep(due.saturating_duration_since(Instant::now()));
        let mut answered = match &mut kept {
            Some(connection) => connection.exchange(&request).is_ok(),
            None => Connection::open(address).is_ok_and(|mut one| one.exchange(&request).is_ok()),
        };
        if let Some(connection) = &mut kept
            && !answered
        {
            seen.cut += 1;
            if let Ok(fresh) = Connection::open(address) {
                *connection = fresh;
                answered = connection.exchange(&request).is_ok();
            }
        }
        if !answered {
            seen.failed += 1;
        }
        seen.latencies.push(due.elapsed().as_secs_f64() * 1_000.0);
        due += every;
    }
    Ok(seen)
}
