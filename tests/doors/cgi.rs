//! One request for each process: `host cgi FILE`, and what no client can make of it.

use crate::harness::doors::{Answer, get, post, set};
use crate::harness::host::Launch;
use crate::harness::libraries::{c_app, fault_app, sample};
use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Output;

fn launch(variables: &[(String, String)]) -> Launch {
    let launch = Launch::new().env("GATEWAY_INTERFACE", "CGI/1.1");
    variables.iter().fold(launch, |launch, (name, value)| launch.env(name, value))
}

/// What `host cgi FILE` answers; nothing but the answer is on standard output.
fn cgi(file: impl AsRef<Path>, variables: &[(String, String)]) -> Answer {
    answer(&launch(variables).arg("cgi").arg(file.as_ref()).run())
}

fn answer(output: &Output) -> Answer {
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{:?}: {said}", output.status);
    Answer::read(&output.stdout)
}

#[test]
fn a_request_comes_from_the_environment() {
    let mut variables = get("/cgi-bin/app/a%2Fb//c%20d?x=1%20&y");
    set(&mut variables, "SCRIPT_NAME", "/cgi-bin/app");
    set(&mut variables, "PATH_INFO", "/a/b/c d");
    let answer = cgi(sample("environ"), &variables);
    assert_eq!((answer.status, &*answer.first), (200, "Status: 200 OK"));
    let length = answer.body.len().to_string();
    assert_eq!(answer.header("content-length"), Some(&*length));
    let environ = answer.environ();
    for (name, value) in [
        ("SCRIPT_NAME", "/cgi-bin/app"),
        ("PATH_INFO", "/a/b//c d"),
        ("REQUEST_URI", "/cgi-bin/app/a%2Fb//c%20d?x=1%20&y"),
        ("QUERY_STRING", "x=1%20&y"),
        ("SERVER_NAME", "a.test"),
        ("SERVER_PORT", "8081"),
        ("REMOTE_ADDR", "192.0.2.7"),
        ("REMOTE_PORT", "4711"),
        ("HTTP_HOST", "a.test:8081"),
        ("dsgi.gateway", "cgi"),
        ("dsgi.run_once", "true"),
        ("dsgi.multithread", "false"),
        ("dsgi.multiprocess", "true"),
    ] {
        assert_eq!(environ.get(name).map(String::as_str), Some(value), "{name}");
    }
    for name in ["HTTP_PROXY", "CONTENT_LENGTH", "CONTENT_TYPE"] {
        assert_eq!(environ.get(name), None, "{name}");
    }
    // Where a server has rewritten the target, what the client sees is meant.
    set(&mut variables, "REQUEST_URI", "/nice");
    let environ = cgi(sample("environ"), &variables).environ();
    assert_eq!((&*environ["SCRIPT_NAME"], &*environ["PATH_INFO"]), ("", "/nice"));
}

#[test]
fn no_byte_behind_the_body_is_read() {
    let mut file = tempfile::tempfile().unwrap();
    let body = "x".repeat(200_000);
    file.write_all(format!("{body}of somebody else").as_bytes()).unwrap();
    for length in [body.len(), 3] {
        file.seek(SeekFrom::Start(0)).unwrap();
        let input: File = file.try_clone().unwrap();
        let launch = launch(&post("/", length)).arg("cgi").arg(sample("upload")).stdin(input);
        let answer = answer(&launch.run());
        assert_eq!(answer.text(), body[..length]);
        assert_eq!(file.stream_position().unwrap(), length as u64, "the child reads no further");
    }
}

#[test]
fn a_body_that_is_short_is_a_client_that_left() {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(b"abc").unwrap();
    file.seek(SeekFrom::Start(0)).unwrap();
    let launch = launch(&post("/", 4)).arg("cgi").arg(sample("upload")).stdin(file);
    let output = launch.run();
    assert_eq!(Answer::read(&output.stdout).text(), "abc");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("the client left within its request body"), "{said}");
}

#[test]
fn whatever_is_printed_is_no_answer() {
    let app = c_app(&["CALL puts(\"noise\"); fflush(stdout);"]);
    let output = launch(&get("/")).arg("cgi").arg(&*app).run();
    assert_eq!(answer(&output).text(), "in C\n");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("noise"), "it goes to the error log: {said}");
}

#[test]
fn every_flavour_answers() {
    for name in ["misbehave", "misbehave-inline", "misbehave-async"] {
        let app = fault_app(name);
        assert_eq!(cgi(&app, &get("/answer?block=abc&block=def")).text(), "abcdef", "{name}");
        assert_eq!(cgi(&app, &get("/answer?status=204&block=abc")).body, b"", "{name}");
        let mut head = get("/answer?block=abc");
        set(&mut head, "REQUEST_METHOD", "HEAD");
        assert_eq!(cgi(&app, &head).body, b"", "{name}");
        assert_eq!(cgi(&app, &get("/error/first")).status, 503, "{name}");
    }
}

#[test]
fn a_script_has_two_lines() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("lib")).unwrap();
    std::fs::copy(sample("environ"), folder.path().join("lib/app.so")).unwrap();
    let script = folder.path().join("app.cgi");
    let host = env!("CARGO_BIN_EXE_host");
    std::fs::write(&script, format!("#!{host} cgi\nlib/app.so\n")).unwrap();
    std::fs::set_permissions(&script, PermissionsExt::from_mode(0o755)).unwrap();
    // By the kernel, with what a server makes of a query behind it.
    for arguments in [vec![], vec!["--load", "x.so", "--listen", "127.0.0.1:0"], vec!["-h"]] {
        let program = Launch::program(script.to_str().unwrap());
        let program =
            get("/a?b").iter().fold(program, |program, (name, value)| program.env(name, value));
        let output = program.env("GATEWAY_INTERFACE", "CGI/1.1").args(arguments).run();
        assert_eq!(answer(&output).environ()["PATH_INFO"], "/a");
    }
}

#[test]
fn no_query_becomes_a_command_line() {
    let app = sample("environ");
    for arguments in [
        vec!["--load", "x.so", "--listen", "127.0.0.1:0"],
        vec!["-h"],
        vec!["--set", "A"],
        vec!["deploy", "a", "b"],
        vec!["cgi", "/no/such/file.so"],
    ] {
        let mut variables = get("/");
        set(&mut variables, "QUERY_STRING", &arguments.join("+"));
        let output = launch(&variables).env("DSGI_LOAD", &app).args(&arguments).run();
        assert_eq!(answer(&output).environ()["dsgi.gateway"], "cgi", "{arguments:?}");
        let output = launch(&variables).args(&arguments).run();
        let answer = Answer::read(&output.stdout);
        assert_eq!(answer.status, 500, "{arguments:?}");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains("error: ") && said.contains("DSGI_LOAD"), "{said}");
    }
}

#[test]
fn a_config_has_mounts_and_layers() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("host.toml");
    let text = format!(
        "enable = [\"validator\"]\n\
         [apps.seen]\npath = \"{}\"\n[[mount]]\npath = \"/seen\"\napp = \"seen\"\n",
        sample("environ").display()
    );
    std::fs::write(&file, text).unwrap();
    let ask = |target: &str| answer(&launch(&get(target)).env("DSGI_CONFIG", &file).run());
    assert_eq!(ask("/seen/x").environ()["SCRIPT_NAME"], "/seen");
    assert_eq!(ask("/elsewhere").status, 404);
}

#[test]
fn what_cannot_start_is_an_error_that_a_client_sees() {
    let output = launch(&get("/")).args(["cgi", "/no/such/file.so"]).run();
    assert_eq!(output.status.code(), Some(65));
    assert_eq!(Answer::read(&output.stdout).status, 500);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("no such file: `/no/such/file.so`"), "{said}");
}

#[test]
fn what_is_no_whole_application_is_told_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("libapp.so");
    let whole = std::fs::read(c_app(&[])).unwrap();
    let mut elsewhere = whole.clone();
    // e_machine of the ELF header, of a processor that this is not.
    elsewhere[18] = if cfg!(target_arch = "x86_64") { 183 } else { 62 };
    let half = whole.len() / 2;
    let cut = format!("and the file has {half} bytes");
    for (bytes, why) in [
        (&whole[..half], &*cut),
        (&whole[..100], "is cut short"),
        (b"", "is empty"),
        (b"Dear diary,\n", "is not a shared library: it is a text file"),
        (&elsewhere, "is built for"),
    ] {
        std::fs::write(&file, bytes).unwrap();
        let output = launch(&get("/")).arg("cgi").arg(&file).run();
        assert_eq!((output.status.code(), Answer::read(&output.stdout).status), (Some(65), 500));
        let said = String::from_utf8_lossy(&output.stderr);
        let told = said.lines().filter(|line| line.starts_with("error: ")).collect::<Vec<_>>();
        assert!(matches!(&*told, [line] if line.contains(why)), "{why}: {said}");
    }
    std::fs::write(&file, whole).unwrap();
    assert_eq!(cgi(&file, &get("/")).text(), "in C\n", "the control");
}
