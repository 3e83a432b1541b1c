//! Applications that nobody here wrote: published crates, each served by its own server and, not
//! changed, as a library. Judges that are not ours, and clients, see the same of both.

use super::program::Program;
use crate::harness::DEADLINE;
use crate::harness::client::{Connection, Response};
use crate::harness::host::{Host, Launch};
use crate::harness::libraries::fault_app;
use crate::harness::skip::skip;
use futures_util::{SinkExt as _, StreamExt as _};
use std::net::SocketAddr;
use std::process::Command;
use tokio_tungstenite::tungstenite::Message;

/// The server that a crate brings or its documentation tells of.
fn native(app: &str, argument: &str) -> Program {
    // The program is built with the library.
    Program::start(&fault_app(app).with_file_name(format!("{app}-native")), [argument])
}

/// What the judge of WebDAV servers says, without where the server is.
fn litmus(address: SocketAddr, path: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let judged = Command::new("litmus")
        .args(["-k", &format!("http://{address}{path}/")])
        .current_dir(&folder)
        .output()
        .unwrap();
    let said = String::from_utf8(judged.stdout).unwrap() + &String::from_utf8_lossy(&judged.stderr);
    said.replace(&address.to_string(), "ADDRESS")
}

fn dav(prefix: &str) -> Host {
    let library = fault_app("dav");
    let mount = if prefix.is_empty() { "/" } else { prefix };
    let launch = Launch::new().bare().args(["--set", &format!("dav.prefix={prefix}")]);
    launch.args(["--mount", &format!("{mount}=dav={}", library.display())]).start()
}

#[test]
fn litmus_judges_dav_server_alike() {
    if Command::new("litmus").arg("--version").output().is_err() {
        return skip("tower::published::litmus_judges_dav_server_alike", "litmus is not installed");
    }
    for prefix in ["", "/some/files"] {
        let native = litmus(native("dav", prefix).address, prefix);
        let plugin = litmus(dav(prefix).address(), prefix);
        assert_eq!(native, plugin, "at {prefix:?}");
        // Of basic, copymove, props, locks and http, each test.
        assert_eq!(plugin.matches(", 0 failed. 100.0%").count(), 5, "at {prefix:?}: {plugin}");
    }
    // The control: it sees that nothing is there.
    let elsewhere = litmus(dav("/some/files").address(), "/others");
    assert!(elsewhere.contains("FAIL"), "{elsewhere}");
}

/// The examples of the specification of JSON-RPC 2.0, and what goes wrong beside them.
const CALLS: &[&str] = &[
    r#"{"jsonrpc": "2.0", "method": "subtract", "params": [42, 23], "id": 1}"#,
    r#"{"jsonrpc": "2.0", "method": "subtract", "params": [23, 42], "id": 2}"#,
    r#"{"jsonrpc": "2.0", "method": "subtract",
        "params": {"subtrahend": 23, "minuend": 42}, "id": 3}"#,
    r#"{"jsonrpc": "2.0", "method": "subtract",
        "params": {"minuend": 42, "subtrahend": 23}, "id": 4}"#,
    r#"{"jsonrpc": "2.0", "method": "foobar", "id": "1"}"#,
    r#"{"jsonrpc": "2.0", "method": "foobar, "params": "bar", "baz]"#,
    r#"{"jsonrpc": "2.0", "method": 1, "params": "bar"}"#,
    r#"[{"jsonrpc": "2.0", "method": "sum", "params": [1,2,4], "id": "1"},
        {"jsonrpc": "2.0", "method""#,
    "[]",
    "[1]",
    "[1,2,3]",
    r#"[{"jsonrpc": "2.0", "method": "sum", "params": [1,2,4], "id": "1"},
        {"jsonrpc": "2.0", "method": "notify_hello", "params": [7]},
        {"jsonrpc": "2.0", "method": "subtract", "params": [42,23], "id": "2"},
        {"foo": "boo"},
        {"jsonrpc": "2.0", "method": "foo.get", "params": {"name": "myself"}, "id": "5"},
        {"jsonrpc": "2.0", "method": "get_data", "id": "9"}]"#,
    r#"{"jsonrpc": "2.0", "method": "subtract", "params": {"minuend": 42}, "id": 5}"#,
    r#"{"jsonrpc": "2.0", "method": "later", "params": ["a while"], "id": 6}"#,
];

/// Calls that ask for no answer.
const NOTIFICATIONS: &[&str] = &[
    r#"{"jsonrpc": "2.0", "method": "update", "params": [1,2,3,4,5]}"#,
    r#"{"jsonrpc": "2.0", "method": "foobar"}"#,
    r#"[{"jsonrpc": "2.0", "method": "notify_sum", "params": [1,2,4]},
        {"jsonrpc": "2.0", "method": "notify_hello", "params": [7]}]"#,
];

fn asked(address: SocketAddr, method: &str, kind: &str, body: &str) -> Response {
    let mut connection = Connection::open(address);
    let length = body.len();
    connection.send(format!(
        "{method} / HTTP/1.1\r\nHost: a\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n\
         {body}"
    ));
    let mut response = connection.response().unwrap();
    // A server decides what becomes of a connection whose request nobody has read to its end.
    response.headers.retain(|(name, _)| name != "date" && name != "connection");
    response.headers.sort();
    response
}

#[test]
fn json_rpc_is_answered_alike() {
    let native = native("json-rpc", "");
    let host = Launch::new().bare().arg("--load").arg(fault_app("json-rpc")).start();
    let (json, large) = ("application/json", format!("[{}]", " ".repeat(10_000)));
    let others = [
        ("POST", json, large.as_str()),
        ("POST", "text/plain", CALLS[0]),
        ("GET", json, ""),
        ("PUT", json, ""),
    ];
    let calls = CALLS.iter().chain(NOTIFICATIONS).map(|call| ("POST", json, *call));
    let mut told = Vec::new();
    for (method, kind, body) in calls.chain(others) {
        let ask = |at| asked(at, method, kind, body);
        let answers = [native.address, host.address()].map(ask);
        assert_eq!(answers[0], answers[1], "{method} {kind} {body}");
        told.push(answers[1].text().to_owned());
    }
    assert_eq!(told[0], r#"{"jsonrpc":"2.0","id":1,"result":19}"#);
    assert_eq!(told[1], r#"{"jsonrpc":"2.0","id":2,"result":-19}"#);
}

/// What comes back to each call over one WebSocket, and to one that asks for more than an answer.
fn talked(address: SocketAddr) -> Vec<String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let stream = tokio::net::TcpStream::connect(address).await.unwrap();
        let url = format!("ws://{address}/");
        let (mut socket, _) = tokio_tungstenite::client_async(url, stream).await.unwrap();
        for silent in NOTIFICATIONS {
            socket.send(Message::text(*silent)).await.unwrap();
        }
        let mut told = Vec::new();
        let count = r#"{"jsonrpc": "2.0", "method": "count", "id": 7}"#;
        for (call, answers) in CALLS.iter().map(|call| (*call, 1)).chain([(count, 4)]) {
            socket.send(Message::text(call)).await.unwrap();
            for _ in 0..answers {
                let next = tokio::time::timeout(DEADLINE, socket.next()).await;
                told.push(match next.expect("an answer in time") {
                    Some(Ok(Message::Text(text))) => text.to_string(),
                    other => format!("{other:?}"),
                });
            }
        }
        socket.close(None).await.unwrap();
        let end = tokio::time::timeout(DEADLINE, socket.next()).await.expect("an end in time");
        told.push(format!("{end:?}"));
        told
    })
}

#[test]
fn json_rpc_talks_alike_over_a_websocket() {
    let native = native("json-rpc", "");
    let host = Launch::new().bare().arg("--load").arg(fault_app("json-rpc")).start();
    // Subscriptions have a number that is drawn by lot.
    let plain = |told: Vec<String>| -> Vec<String> {
        let answer = told.iter().find(|text| text.contains(r#""id":7"#)).expect("a subscription");
        let (_, drawn) = answer.split_once(r#""result":"#).expect("its number");
        let drawn = drawn.trim_end_matches('}').to_owned();
        told.into_iter().map(|text| text.replace(&drawn, "its number")).collect()
    };
    let (native, plugin) = (plain(talked(native.address)), plain(talked(host.address())));
    assert_eq!(native, plugin);
    assert!(plugin.iter().any(|text| text.contains("counted")), "{plugin:?}");
}
