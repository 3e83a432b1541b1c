//! The baseline server as a program: it says where it listens and answers the hello.
//!
//! Every ratio of the bench is against this answer, so a baseline that answers less would make
//! all figures wrong without a sign of it.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

struct Baseline {
    child: Child,
    address: SocketAddr,
}

impl Baseline {
    fn start() -> Self {
        let child = Command::new(env!("CARGO_BIN_EXE_dsgi-bench"))
            .arg("static")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the bench starts");
        // The guard first: what follows may fail.
        let mut baseline = Self { child, address: SocketAddr::from(([127, 0, 0, 1], 0)) };
        let mut line = String::new();
        let stdout = baseline.child.stdout.take().expect("stdout is piped");
        BufReader::new(stdout).read_line(&mut line).expect("it prints a line");
        let address = line.trim_end().strip_prefix("listening on http://");
        let address = address.and_then(|address| address.parse().ok());
        baseline.address = address.expect("the first line names the address");
        baseline
    }

    fn exchange(&self, requests: &str) -> std::io::Result<String> {
        let mut stream = TcpStream::connect(self.address)?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        stream.write_all(requests.as_bytes())?;
        let mut answers = String::new();
        stream.read_to_string(&mut answers)?;
        Ok(answers)
    }
}

impl Drop for Baseline {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn the_baseline_answers_the_hello_and_keeps_the_connection() {
    let baseline = Baseline::start();
    let requests = "GET / HTTP/1.1\r\nhost: localhost\r\n\r\n\
                    GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    let answers = baseline.exchange(requests).unwrap();
    assert_eq!(answers.matches("HTTP/1.1 200 OK\r\n").count(), 2, "{answers}");
    assert_eq!(answers.matches("content-type: text/plain; charset=utf-8\r\n").count(), 2);
    assert!(answers.ends_with("\r\n\r\nI'm a DSGI application.\n"), "{answers}");
}

#[test]
fn the_baseline_is_no_echo() {
    let answers = Baseline::start().exchange("this is no http\r\n\r\n").unwrap();
    assert!(answers.starts_with("HTTP/1.1 400"), "{answers}");
    assert!(!answers.contains("DSGI"));
}

#[test]
fn a_bench_that_does_not_exist_is_a_usage_error() {
    let output = Command::new(env!("CARGO_BIN_EXE_dsgi-bench")).arg("statics").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
}
