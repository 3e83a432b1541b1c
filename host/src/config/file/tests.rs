//! Files that are read, and files that are refused with their line.

use std::time::Duration;

use super::*;

fn read(text: &str) -> Result<ConfigFile, FileError> {
    let file = tempfile::Builder::new().suffix(".toml").tempfile().unwrap();
    fs::write(file.path(), text).unwrap();
    ConfigFile::read(file.path())
}

const EVERY_KEY: &str = r#"
[server]
listen = ["127.0.0.1:0"]
control = "control.sock"
drain_timeout = "5s"
request_timeout = 7
retained_limit = 3
[server.limits]
header_bytes = 1
header_count = 2
target_bytes = 3
body_bytes = 4
header_timeout = "5ms"
keep_alive_timeout = "6ms"
body_timeout = "7ms"
write_timeout = "8ms"
connections = 9
streams = 10
pool_threads = 11
pool_queue = 12
probe_timeout = "13ms"
init_timeout = "14ms"
handover_timeout = "15ms"
handover_bytes = 16
[[listen]]
bind = "[::1]:0"
protocol = "http"
[apps.shop]
path = "shop.so"
[apps.shop.config]
currency = "EUR"
[apps.shop.deploy]
keep_previous = "none"
panics = 2
window = "1m"
exclusive_hold = "3s"
probe = "open"
[[mount]]
path = "/"
app = "shop"
"#;

#[test]
fn every_key_is_read() {
    let file = read(EVERY_KEY).unwrap();
    let tables = &file.tables;
    let limits = tables.server.limits(Limits::default());
    let times = [
        limits.drain_timeout,
        limits.request_timeout,
        limits.header_timeout,
        limits.keep_alive_timeout,
        limits.body_timeout,
        limits.write_timeout,
        limits.probe_timeout,
        limits.init_timeout,
        limits.handover_timeout,
    ];
    assert_eq!(times.map(|time| time.as_millis()), [5000, 7000, 5, 6, 7, 8, 13, 14, 15]);
    let sizes = [
        limits.retained,
        limits.header_bytes,
        limits.header_count,
        limits.target_bytes,
        limits.connections,
        limits.pool_threads,
        limits.pool_queue,
        limits.handover_bytes,
    ];
    assert_eq!(sizes, [3, 1, 2, 3, 9, 11, 12, 16]);
    assert_eq!((limits.body_bytes, limits.streams), (4, 10));
    let app = tables.apps.values().next().unwrap();
    let window = Duration::from_secs(60);
    let (keep_previous, exclusive_hold) = (Keep::Nothing, Duration::from_secs(3));
    let place = file.place(&(EVERY_KEY.find("\"open\"").unwrap()..EVERY_KEY.len()));
    let probe = Some(Wish { reach: Reach::Open, place });
    let policy = Policy { keep_previous, panics: 2, window, exclusive_hold, probe };
    assert_eq!(app.policy(&file), policy);
    assert_eq!(app.config["currency"].as_str(), Some("EUR"));
}

#[test]
fn what_is_wrong_has_its_line_and_the_nearest_name() {
    for (text, line, what, help) in [
        ("[sever]\n", 1, "unknown key `sever`", "did you mean `server`?"),
        ("[server]\n\nlisen = []\n", 3, "unknown key `lisen`", "did you mean `listen`?"),
        ("[server]\nfavourite = 1\n", 2, "unknown key `favourite`", "possible here: listen, "),
        ("[server.limits]\nbody_byte = 1\n", 2, "`body_byte`", "`body_bytes`?"),
        ("[server]\nlisten = 3\n", 2, "integer `3`, expected a sequence", ""),
        ("[server]\ndrain_timeout = \"5x\"\n", 2, "`5x` is not a time such as", ""),
        ("[server]\ndrain_timeout = true\n", 2, "expected a time such as \"30s\"", ""),
        ("[server]\ndrain_timeout = -1\n", 2, "`-1` is not a time", ""),
        ("[server.limits]\nstreams = -1\n", 2, "`-1`", ""),
        ("[[listen]]\nbind = \"x\"\nmode = \"0600\"\n", 3, "unknown key `mode`", ""),
        ("[[listen]]\n", 1, "the key `bind` is missing", ""),
        ("[apps.shop]\nconfig = {}\n", 1, "the key `path` is missing", ""),
        ("[apps.a]\npath = \"a\"\n[apps.a.deploy]\npanic = 1\n", 4, "`panic`", "`panics`?"),
        (
            "[apps.a]\npath = \"a\"\ndeploy = { keep_previous = \"fil\" }\n",
            3,
            "unknown value `fil`",
            "did you mean `file`?",
        ),
        ("[[mount]]\npath = \"/\"\nap = \"x\"\n", 3, "unknown key `ap`", ""),
        ("[server]\n[server]\n", 2, "", ""),
        ("x = = 1\n", 1, "", ""),
    ] {
        let error = read(text).expect_err(text);
        let said = error.to_string();
        assert!(said.contains(&format!(".toml:{line}`: ")) && said.contains(what), "{text}{said}");
        let helped = error.help().unwrap_or_default();
        assert!(helped.contains(help), "{text}{said}\n{helped}");
    }
}
