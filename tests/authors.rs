//! What the README tells an author to write, in a cargo project outside of this workspace: each
//! form is built by the host and asked by HTTP.

use crate::harness::client::{get, request};
use crate::harness::crates::{Crates, Target};
use crate::harness::host::Host;
use crate::harness::libraries::sample as sample_library;
use crate::harness::project;
use std::fs;

#[test]
fn a_function_of_ten_lines() {
    let source = block("rust");
    assert!(source.lines().filter(|line| !line.is_empty()).count() <= 10, "{source}");
    let (_crates, host) = serving("my-function", &source, "", &[]);
    let response = get(host.address(), "/a/page?x=1");
    assert_eq!((response.status, response.text()), (200, "you asked for /a/page\n"));
    assert_eq!(response.header("content-type"), Some("text/plain; charset=utf-8"));
}

#[test]
fn a_type_with_config() {
    let serde = "serde = { version = \"1\", features = [\"derive\"] }\nserde_json = \"1\"\n";
    let settings = ["--set", "counter.greeting=Hello", "--set", "counter.start=41"];
    let (_crates, host) = serving("my-counter", &sample("counter"), serde, &settings);
    for visitor in [42, 43] {
        assert_eq!(get(host.address(), "/").text(), format!("Hello, visitor {visitor}\n"));
    }
}

#[test]
fn an_async_function() {
    let (_crates, host) = serving("my-length", &sample("async-length"), "", &[]);
    let post = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello";
    assert_eq!(request(host.address(), post).text(), "5 bytes\n");
}

#[test]
fn a_test_without_a_host() {
    let test = block_with("rust", "dsgi::test::get");
    let run = |source: String| {
        let crates = written("my-tested", &source, "");
        let mut cargo = crates.cargo(&Target::Shared);
        let tried = cargo.current_dir(crates.path("my-tested")).arg("test").output().unwrap();
        let said = [tried.stdout, tried.stderr].map(|said| String::from_utf8(said).unwrap());
        (tried.status.success(), said.concat())
    };
    let (passed, said) = run(block("rust") + &test);
    assert!(passed && said.contains("test it_greets ... ok"), "{said}");
    let (passed, said) = run(block("rust").replace("200 OK", "404 Not Found") + &test);
    assert!(!passed && said.contains("test it_greets ... FAILED"), "{said}");
}

#[test]
fn a_layer_of_ten_lines() {
    let source = block_with("rust", "dsgi::middleware!");
    assert!(source.lines().filter(|line| !line.is_empty()).count() <= 10, "{source}");
    let crates = written("my-login", &source, "");
    let hello = sample_library("hello");
    let host = crates.host(Target::Shared).args(["--load", hello.to_str().unwrap(), "--debug"]);
    let host = host.args(["--enable", "./my-login"]).start();
    let stranger = get(host.address(), "/");
    assert_eq!((stranger.status, stranger.text()), (401, "who are you?\n"));
    assert_eq!(stranger.header("www-authenticate"), Some("Basic realm=\"shop\""));
    let known = "GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Basic YWRhOg==\r\n\r\n";
    assert_eq!(request(host.address(), known).text(), "I'm a DSGI application.\n");
}

fn serving(name: &str, source: &str, dependencies: &str, arguments: &[&str]) -> (Crates, Host) {
    let crates = written(name, source, dependencies);
    let folder = format!("./{name}");
    let host = crates.host(Target::Shared).args(["--load", &folder, "--debug"]);
    let host = host.args(arguments).start();
    (crates, host)
}

/// The README's crate with this name, since all are built in one folder, and this source.
fn written(name: &str, source: &str, dependencies: &str) -> Crates {
    let crates = Crates::new();
    let kit = project().join("plugin-api");
    let kit = kit.to_str().unwrap();
    let manifest = block("toml").replace("PATH/TO/dsgi/plugin-api", kit).replace("my-app", name);
    assert!(manifest.contains(kit) && manifest.contains(name), "the README says another thing");
    crates.write(&format!("{name}/Cargo.toml"), &format!("{manifest}{dependencies}"));
    crates.write(&format!("{name}/src/lib.rs"), source);
    crates.lock_versions(name);
    crates
}

/// The README's own crate, word for word but for the path to the kit.
pub(crate) fn the_readmes() -> Crates {
    written("my-app", &block("rust"), "")
}

/// The first block of the README in this language.
fn block(language: &str) -> String {
    block_with(language, "")
}

/// The first one that has this text.
fn block_with(language: &str, text: &str) -> String {
    let readme = fs::read_to_string(project().join("README.md")).unwrap();
    let start = format!("\n```{language}\n");
    let mut blocks = readme.split(&start).skip(1).filter_map(|rest| rest.split("```").next());
    let block = blocks.find(|block| block.contains(text));
    block.unwrap_or_else(|| panic!("no {language} block with `{text}`")).to_owned()
}

/// A sample that the README names as the example of a form.
fn sample(name: &str) -> String {
    let readme = fs::read_to_string(project().join("README.md")).unwrap();
    assert!(readme.contains(&format!("(sample-plugins/{name})")), "the README has lost {name}");
    fs::read_to_string(project().join("sample-plugins").join(name).join("src/lib.rs")).unwrap()
}
