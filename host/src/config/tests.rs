//! What a config means, and how much it costs to find out.

use std::fs;
use std::time::Duration;

use super::*;
use crate::plugin::probe::{Reach, Wish};
use crate::slot::Keep;

/// A host with these.
pub(super) fn kinds() -> Kinds {
    Kinds { layers: vec!["access-log", "cors", "gzip", "validator"], apps: vec!["static"] }
}

/// Reads a config of these files, the first of which is the config.
fn read(files: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let file = folder.path().join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }
    let config = Some(folder.path().join(files[0].0));
    Config::resolve_with(Serve { config, ..Serve::default() }, &kinds())
}

fn resolved(text: &str) -> Config {
    read(&[("host.toml", text)]).unwrap()
}

const EVERY_LIMIT: &str = r#"
[server]
listen = ["127.0.0.1:0"]
drain_timeout = "5s"
request_timeout = 7
retained_limit = 3
debug_headers = true
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
bind = "http://[::1]:0"
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
fn every_limit_and_policy_is_read() {
    let config = resolved(EVERY_LIMIT);
    let limits = &config.limits;
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
    assert_eq!(config.debug_headers, DebugHeaders::Shown);
    let listen: Vec<String> = config.listen.iter().map(|one| one.address.to_string()).collect();
    assert_eq!(listen, ["127.0.0.1:0", "[::1]:0"]);
    assert_eq!(config.settings.json("shop"), r#"{"currency":"EUR"}"#);
    let policy = &config.policies["shop"];
    let Some(Wish { reach: Reach::Open, place }) = &policy.probe else { panic!("{policy:?}") };
    let line = EVERY_LIMIT.lines().position(|line| line.contains("open")).unwrap() + 1;
    assert!(place.ends_with(&format!("host.toml:{line}:9")), "{place}");
    assert_eq!((policy.keep_previous, policy.panics), (Keep::Nothing, 2));
    let times = (policy.window, policy.exclusive_hold);
    assert_eq!(times, (Duration::from_secs(60), Duration::from_secs(3)));
}

const SANDWICH: &str = r#"
enable = ["log", "validator"]
[layers.log]
kind = "access-log"
config = { format = "json" }
[layers.session]
path = "session.so"
deploy = { panics = 3 }
[layers.gzip.config]
level = 5
[apps.shop]
path = "shop.so"
[[mount]]
path = "/"
app = "shop"
[[mount]]
host = "Example.org"
path = "/"
app = "shop"
stack = ["session", "gzip"]
[[mount]]
host = "*.example.org"
path = "/files"
static = "files"
stack = ["gzip"]
"#;

#[test]
fn layers_and_hosts_lead_to_what_they_name() {
    let config = resolved(SANDWICH);
    let shown = |origin: &Origin| match origin {
        Origin::File(file) => file.file_name().unwrap().to_string_lossy().into_owned(),
        Origin::Linked(kind) => format!("linked {kind}"),
    };
    let layers = config
        .layers
        .iter()
        .map(|layer| (layer.name.as_deref().unwrap(), shown(&layer.origin), layer.around));
    let expected = [
        ("log", "linked access-log", Around::Every),
        ("validator", "linked validator", Around::Every),
        ("session", "session.so", Around::Named),
        ("gzip", "linked gzip", Around::Named),
    ];
    assert!(layers.eq(expected.map(|(name, origin, around)| (name, origin.to_owned(), around))));
    let mounts: Vec<_> = config
        .mounts
        .iter()
        .map(|mount| {
            let host = mount.host.as_ref().map(HostPattern::to_string);
            let Mount { path, name, origin, layers, .. } = mount;
            format!("{host:?} {path:?} {} {} {layers:?}", name.as_deref().unwrap(), shown(origin))
        })
        .collect();
    let expected = [
        r#"None "" shop shop.so []"#,
        r#"Some("example.org") "" shop shop.so ["session", "gzip"]"#,
        r#"Some("*.example.org") "/files" static:*.example.org/files/ linked static ["gzip"]"#,
    ];
    assert_eq!(mounts, expected);
    assert_eq!(config.settings.json("log"), r#"{"format":"json"}"#);
    assert_eq!(config.settings.json("gzip"), r#"{"level":5}"#);
    assert!(config.settings.json("static:*.example.org/files/").starts_with(r#"{"root":"#));
    assert_eq!(config.policies["session"].panics, 3);
}

#[test]
fn what_is_typed_takes_the_place_of_what_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("host.toml");
    fs::write(&file, SANDWICH.replace("host = \"Example.org\"\npath = \"/\"", "path = \"/two\""))
        .unwrap();
    let typed = |mount: &[&str]| {
        let mount = mount.iter().map(|mount| String::from(*mount)).collect();
        let config = Some(file.clone());
        Config::resolve_with(Serve { config, mount, ..Serve::default() }, &kinds()).unwrap()
    };
    let names = |config: &Config| {
        let names = config.layers.iter().filter_map(|layer| layer.name.clone());
        names.collect::<Vec<_>>().join(" ")
    };
    assert_eq!(names(&typed(&[])), "log validator session gzip");
    // The mount by host stays, and what stands around it.
    let config = typed(&["/two=two.so", "/files=files.so"]);
    assert_eq!(names(&config), "log validator gzip");
    assert_eq!(config.mounts.len(), 4);
    assert_eq!(typed(&[]), typed(&[]));
}

#[test]
fn files_are_put_together() {
    let config = read(&[
        (
            "host.toml",
            "include = [\"conf.d/*.toml\", \"one.toml\"]\n[[mount]]\npath = \"/\"\napp = \"a\"\n\
             [apps.a]\npath = \"a.so\"\n[apps.b.config]\nfrom = \"host\"\n",
        ),
        ("conf.d/2.toml", "[[mount]]\npath = \"/2\"\napp = \"b\"\n[server]\nstate = \"state\"\n"),
        ("conf.d/1.toml", "include = [\"deep/*\"]\n[[mount]]\npath = \"/1\"\napp = \"b\"\n"),
        ("conf.d/deep/b", "\u{feff}[apps.b]\npath = \"b.so\"\nconfig.file = \"${file:b}\"\n"),
        ("conf.d/.hidden.toml", "not read"),
        ("conf.d/other.txt", "not read"),
        ("one.toml", "[server]\ndebug_headers = true\n"),
    ]);
    let config = config.unwrap();
    let paths: Vec<&str> = config.mounts.iter().map(|mount| &*mount.path).collect();
    assert_eq!(paths, ["", "/1", "/2"]);
    let Origin::File(file) = &config.mounts[1].origin else { panic!("{config:?}") };
    assert!(file.ends_with("conf.d/deep/b.so"), "{file:?}");
    assert!(config.state.unwrap().ends_with("conf.d/state"));
    assert_eq!(config.debug_headers, DebugHeaders::Shown);
    let json: serde_json::Value = serde_json::from_str(&config.settings.json("b")).unwrap();
    assert_eq!(json["from"], "host");
    assert!(json["file"].as_str().unwrap().contains("path = \"b.so\""), "{json}");
}

/// What a text stands for is in the value and in no message.
#[test]
fn a_secret_is_not_told() {
    let secret = "swordfish";
    let app = "[apps.a]\npath = \"a.so\"\n[[mount]]\npath = \"/\"\napp = \"a\"\n";
    let config = read(&[
        ("host.toml", &format!("{app}[apps.a.config]\nkey = \"<${{file:secret}}>\"\n")),
        ("secret", secret),
    ]);
    assert_eq!(config.unwrap().settings.json("a"), format!("{{\"key\":\"<{secret}>\"}}"));
    for wrong in [
        "server.drain_timeout = \"${file:secret}\"\n",
        "server.debug_headers = \"${file:secret}\"\n",
        "server.limits = \"${file:secret}\"\n",
        "server.listen = [\"${file:secret}\"]\n",
        "server.listen = [\"${file:secret}://x\"]\n",
        "listen = [{ bind = \"a:1\", protocol = \"${file:secret}\" }]\n",
        "enable = [\"${file:secret}\"]\n",
        "enable = [\"cors\", \"cors\", \"${file:secret}\"]\n",
        "apps.b = { path = \"b\", deploy = { keep_previous = \"${file:secret}\" } }\n",
        "layers.b = { kind = \"${file:secret}\" }\nenable = [\"b\"]\n",
        "mount = [{ path = \"${file:secret}\", app = \"a\" }]\n",
        "mount = [{ path = \"/${file:secret}\" }]\n",
        "mount = [{ path = \"/\", app = \"${file:secret}\" }]\n",
        "mount = [{ path = \"/\", app = \"a\", host = \"${file:secret}:1\" }]\n",
        "[[mount]]\npath = \"/${file:secret}\"\napp = \"a\"\n\
         [[mount]]\npath = \"/${file:secret}\"\napp = \"a\"\n",
        "mount = [{ path = \"/\", app = \"a\", stack = [\"${file:secret}\"] }]\n",
    ] {
        let rest = if wrong.contains("mount") { &app[..app.find("[[").unwrap()] } else { app };
        let error = read(&[("host.toml", &format!("{wrong}{rest}")), ("secret", secret)]);
        let error = error.expect_err(wrong);
        let told = error.mistakes().expect(wrong).pictures();
        assert!(told.contains("${file:secret}"), "{told}");
        for text in [told, error.to_string(), error.help().unwrap_or_default()] {
            assert!(!text.contains(secret), "{wrong}\n{text}");
        }
    }
}

#[test]
fn a_kind_is_one_that_is_linked_in() {
    let app = "[apps.a]\npath = \"a.so\"\n";
    let mount = "[[mount]]\npath = \"/\"\napp = \"a\"\n";
    for (rest, what, help) in [
        ("stack = [\"crs\"]\n", "no layer is named `crs`", "did you mean `cors`?"),
        ("stack = [\"x\"]\n", "no layer is named `x`", "possible here: access-log, cors, gzip"),
        ("[layers.cors]\n", "the layer `cors` stands in no stack", "enable = [\"cors\"]"),
        (
            "stack = [\"x\"]\n[layers.x]\n",
            "the layer `x` has neither `path` nor `kind`",
            "possible kinds: access-log, cors, gzip, validator",
        ),
        (
            "stack = [\"x\"]\n[layers.x]\nkind = \"corse\"\n",
            "nothing in the host is of the kind `corse`",
            "did you mean `cors`?",
        ),
        (
            "stack = [\"cors\"]\n[layers.cors.deploy]\npanics = 1\n",
            "`cors` is linked into the host: no version replaces it",
            "",
        ),
        // One that is an application stands around nothing.
        ("stack = [\"static\"]\n", "no layer is named `static`", "possible here: "),
    ] {
        let error = read(&[("host.toml", &format!("{app}{mount}{rest}"))]).expect_err(rest);
        assert!(error.to_string().ends_with(what), "{error}");
        assert!(error.help().unwrap_or_default().starts_with(help), "{:?}", error.help());
    }
}

/// Of ten thousand mounts each has its own.
#[test]
fn many_mounts_are_read_in_no_time() {
    use std::fmt::Write as _;

    let mut text = String::new();
    for number in 0..10_000 {
        let _ = write!(
            text,
            "[apps.a{number}]\npath = \"a.so\"\ndeploy.probe = \"open\"\n\
             [[mount]]\nhost = \"h{}.org\"\npath = \"/m{number}\"\napp = \"a{number}\"\n\
             stack = [\"gzip\"]\n",
            number % 100,
        );
    }
    let began = std::time::Instant::now();
    let config = resolved(&text);
    eprintln!("{} bytes took {:?}", text.len(), began.elapsed());
    assert_eq!(config.mounts.len(), 10_000);
}
