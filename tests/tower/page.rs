//! What docs/axum.md tells the author of an existing application to do, done: the crate that it
//! prints stands beside the application, its command serves it, and a change of the application
//! takes the place of what was served.

use crate::harness::client::{get, request};
use crate::harness::crates::{Crates, Target};
use crate::harness::operated::Operated;
use crate::harness::{eventually, project};

/// An application that knows nothing of us: a library with its routes, and a program.
const EXISTING: &str = r#"
use axum::extract::{Path, State};
use axum::{Json, Router, routing::get};
use std::sync::{Arc, atomic::{AtomicU64, Ordering}};

pub fn router() -> Router {
    let greet = async |Path(who): Path<String>| format!("Good morning, {who}\n");
    let count = async |State(count): State<Arc<AtomicU64>>, body: String| {
        Json((count.fetch_add(1, Ordering::Relaxed) + 1, body))
    };
    Router::new()
        .route("/hello/{who}", get(greet))
        .route("/count", axum::routing::post(count))
        .with_state(Arc::new(AtomicU64::new(0)))
}
"#;

const MANIFEST: &str = r#"
[package]
name = "my-app"
version = "0.1.0"
edition = "2024"

[dependencies.axum]
version = "0.8"
default-features = false
features = ["http1", "json", "matched-path", "tokio"]

[dependencies.tokio]
version = "1"
default-features = false
features = ["macros", "net", "rt"]
"#;

/// A fenced block of the page, at whatever depth, that has this in it; without its indentation.
fn printed(page: &str, mark: &str) -> String {
    let mut blocks = page.split("```").skip(1).step_by(2);
    let block = blocks.find(|block| block.contains(mark)).unwrap_or_else(|| panic!("no {mark}"));
    let (_language, text) = block.split_once('\n').expect("a line with its language");
    let lines = text.lines().map(str::trim_start).filter(|line| !line.is_empty());
    lines.map(|line| format!("{line}\n")).collect()
}

#[test]
fn an_existing_application_is_live_and_swapped_by_the_page_alone() {
    let page = std::fs::read_to_string(project().join("docs/axum.md")).expect("the page");
    let crates = Crates::new();
    let main = printed(&page, "axum::serve(").replace(".await?;", ".await");
    let main = format!(
        "#[tokio::main(flavor = \"current_thread\")]\nasync fn main() -> std::io::Result<()> {{\n\
         let listener = tokio::net::TcpListener::bind(\"127.0.0.1:3000\").await?;\n{main}}}\n"
    );
    crates.write("my-app/Cargo.toml", MANIFEST);
    crates.write("my-app/src/lib.rs", EXISTING);
    crates.write("my-app/src/main.rs", &main);

    let ours = project().join("plugin-api");
    let manifest = printed(&page, "my-app = { path");
    assert!(manifest.contains("PATH/TO/dsgi/plugin-api"), "{manifest}");
    let manifest = manifest.replace("PATH/TO/dsgi/plugin-api", &ours.display().to_string());
    crates.write("my-plugin/Cargo.toml", &manifest);
    crates.write("my-plugin/src/lib.rs", &printed(&page, "dsgi::service!(my_app::router)"));
    crates.lock_versions("my-plugin");
    crates.lock_versions("my-app");

    let command = printed(&page, "--load ./my-plugin --watch");
    let words = command.trim_end().strip_prefix("host ").expect("a command of ours").split(' ');
    // Debug is built sooner.
    let host = Operated::start(crates.host(Target::Shared).args(words).arg("--debug"));
    let answer = get(host.address(), "/hello/gopher");
    assert_eq!((answer.status, answer.text()), (200, "Good morning, gopher\n"));
    let post = "POST /count HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\ntea";
    let counted = request(host.address(), post);
    assert_eq!(counted.text(), "[1,\"tea\"]");
    assert_eq!(counted.header("content-type"), Some("application/json"));

    crates.write("my-app/src/lib.rs", &EXISTING.replace("Good morning", "Good evening"));
    host.wait_for_logs("in service", 2);
    eventually("the change", || {
        (get(host.address(), "/hello/gopher").text() == "Good evening, gopher\n").then_some(())
    });

    let mut native = crates.cargo(&Target::Shared);
    let built = native.current_dir(crates.path("my-app")).args(["check", "--bins"]).output();
    let built = built.expect("cargo runs");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
}
