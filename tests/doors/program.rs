//! A program of one's own that a CGI server starts for each request: `dsgi_host::cgi::run`.
//!
//! The program is that of these tests, with one of them to run: started as by a server it is that
//! one request, else there is nothing to do.

use crate::harness::doors::{Answer, get, post, set};
use crate::harness::host::Launch;
use dsgi::{Environ, StartResponse};
use dsgi_host::{ServeError, cgi};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::process::Output;

/// What the program is told to run.
const MAIN: &str = "doors::program::main_of_a_program";

/// What libtest says before it, on the standard output that is the program's.
const BEFORE: &str = "\nrunning 1 test\n";

#[test]
fn main_of_a_program() -> Result<(), ServeError> {
    match std::env::var_os("GATEWAY_INTERFACE") {
        Some(_) => cgi::run(app),
        None => Ok(()),
    }
}

fn app(mut environ: Environ, start_response: StartResponse) -> dsgi::Result<[String; 1]> {
    writeln!(io::stdout(), "printed")?;
    rustix::io::write(rustix::stdio::stdout(), b"written\n")?;
    let mut body = String::new();
    environ.input().read_to_string(&mut body)?;
    let [once, many] = ["dsgi.run_once", "dsgi.multithread"].map(|key| environ[key].to_owned());
    start_response("200 OK", &[("Content-Type", "text/plain; charset=utf-8")])?;
    writeln!(io::stdout(), "printed behind the head")?;
    Ok([format!("{} {once} {many} `{body}`", &environ["PATH_INFO"])])
}

/// Runs the program as a CGI server does.
fn run(variables: &[(String, String)], input: Option<File>) -> Output {
    let program = std::env::current_exe().expect("a program");
    let launch = Launch::program(program.to_str().expect("a path in UTF-8"));
    let launch = launch.args([MAIN, "--exact", "--nocapture", "--test-threads=2"]);
    let launch = launch.env_remove("RUST_TEST_THREADS").env("GATEWAY_INTERFACE", "CGI/1.1");
    let launch = variables.iter().fold(launch, |launch, (name, value)| launch.env(name, value));
    input.into_iter().fold(launch, Launch::stdin).run()
}

fn answer(output: &Output) -> Answer {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    for noise in ["printed", "written", "printed behind the head"] {
        assert!(said.lines().any(|line| line == noise), "it goes to the error log: {said}");
    }
    let bytes = output.stdout.strip_prefix(BEFORE.as_bytes());
    Answer::read(bytes.expect("nothing is printed before the answer but by libtest"))
}

#[test]
fn a_program_answers_one_request_and_ends() {
    let mut variables = get("/cgi-bin/app/a%20b?c");
    set(&mut variables, "SCRIPT_NAME", "/cgi-bin/app");
    let answer = answer(&run(&variables, None));
    assert_eq!(answer.first, "Status: 200 OK");
    assert_eq!(answer.header("content-type"), Some("text/plain; charset=utf-8"));
    assert_eq!(answer.header("content-length"), Some(&*answer.body.len().to_string()));
    assert_eq!(answer.text(), "/a b true false ``");
}

#[test]
fn it_reads_no_byte_behind_the_body() {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(b"hello, and what is of somebody else").unwrap();
    file.seek(SeekFrom::Start(0)).unwrap();
    let output = run(&post("/x", 5), Some(file.try_clone().unwrap()));
    assert_eq!(answer(&output).text(), "/x true false `hello`");
    assert_eq!(file.stream_position().unwrap(), 5);
}
