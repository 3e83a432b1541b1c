//! The config file: it says what the command line can say, and the command line wins.

mod broken;
mod layers;

use crate::harness::client::get;
use crate::harness::host::{Launch, run};
use crate::harness::libraries::{TemporaryLibrary, c_app, fault_app};
use crate::harness::project;
use crate::harness::refusal::{refused, refuses};
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A folder with a config file, and libraries beside it.
struct Place(TempDir);

impl Place {
    fn new(config: &str) -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        place.write(config);
        place
    }

    fn write(&self, config: &str) {
        fs::write(self.config(), config).unwrap();
    }

    fn config(&self) -> PathBuf {
        self.0.path().join("host.toml")
    }

    fn add(&self, name: &str, library: &Path) {
        fs::copy(library, self.0.path().join(name)).unwrap();
    }

    fn launch(&self) -> Launch {
        Launch::new().arg("--config").arg(self.config())
    }
}

fn version(text: &str) -> TemporaryLibrary {
    c_app(&[&format!("TEXT \"{text}\\n\"")])
}

const TWO: &str = r#"
[server]
listen = ["127.0.0.1:0"]
[apps.shop]
path = "one.so"
[apps.blog]
path = "two.so"
[[mount]]
path = "/shop"
app = "shop"
[[mount]]
path = "/"
app = "blog"
[[mount]]
path = "/blog"
app = "blog"
"#;

#[test]
fn it_says_what_is_served_and_the_command_line_wins() {
    let place = Place::new(TWO);
    place.add("one.so", &version("one"));
    place.add("two.so", &version("two"));
    let host = place.launch().start();
    for (path, text) in [("/shop", "one\n"), ("/", "two\n"), ("/blog", "two\n")] {
        assert_eq!(get(host.address(), path).text(), text, "{path}");
    }
    assert_eq!(host.wait_for_logs("in service, layout", 2).len(), 2);
    let three = version("three");
    let mount = format!("/shop=other={}", three.display());
    let host = place.launch().args(["--mount", &mount, "--listen", "127.0.0.1:0"]).start();
    for (path, text) in [("/shop", "three\n"), ("/", "two\n")] {
        assert_eq!(get(host.address(), path).text(), text, "{path}");
    }
}

/// The settings reach the application, a setting of the command line with them.
#[test]
fn an_application_is_given_its_config() {
    let app = fault_app("misbehave");
    let place = Place::new(&format!(
        "[server]\nlisten = [\"127.0.0.1:0\"]\n[apps.bad]\npath = {app:?}\n[apps.bad.config]\n\
         nonsense = 1\n[[mount]]\npath = \"/\"\napp = \"bad\"\n"
    ));
    let refusal = refuses(place.launch(), 65);
    refusal.says(["init failed", "nonsense"]);
}

/// All that is wrong at once, each with its line, before any library is tried.
#[test]
fn check_shows_every_mistake() {
    let place = Place::new(
        "[server]\nlimts = { streams = 64 }\n[apps.shop]\npath = \"shop.so\"\n\
         [[mount]]\npath = \"/\"\napp = \"shop\"\nhost = 3\n",
    );
    place.add("shop.so", &c_app(&["INIT ABORT"]));
    let check = || Launch::new().current_dir(&place.0).args(["check", "host.toml"]).run();
    let output = check();
    assert_eq!(output.status.code(), Some(78));
    let shown = String::from_utf8(output.stderr).unwrap();
    assert_eq!(shown, SHOWN);
    // A start tells the first, and where the others are.
    let start = Launch::new().current_dir(&place.0).args(["--config", "host.toml"]).run();
    let told = String::from_utf8(start.stderr).unwrap();
    assert!(told.ends_with("note: `host check host.toml` shows one more mistake\n"), "{told}");
    assert_eq!(told.matches("error: ").count(), 1, "{told}");
    // What is named and is not there is told where it is named.
    fs::remove_file(place.0.path().join("shop.so")).unwrap();
    place.write(&TWO.replace("one.so", "shop.so"));
    let told = String::from_utf8(check().stderr).unwrap();
    assert!(told.contains("no file `shop.so`\n --> host.toml:5:8\n"), "{told}");
    assert!(told.contains("no file `two.so`\n --> host.toml:7:8\n"), "{told}");
}

const SHOWN: &str = r#"error: unknown key `limts`
 --> host.toml:2:1
  |
2 | limts = { streams = 64 }
  | ^^^^^
  |
help: did you mean `limits`?

error: invalid type: integer `3`, expected a string
 --> host.toml:8:8
  |
8 | host = 3
  |        ^
"#;

#[test]
fn the_schema_is_printed() {
    let output = run(["config", "schema"]);
    let schema: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(schema["$defs"]["Mount"]["additionalProperties"], false);
    assert!(schema["properties"]["apps"]["description"].is_string());
}

/// What is kept of the version before, and what a rollback finds.
#[test]
fn the_policy_of_an_application_is_kept() {
    for (keep, kept) in [("file", Some("file")), ("standby", Some("standby")), ("none", None)] {
        let place = Place::new(&format!(
            "[server]\nlisten = [\"127.0.0.1:0\"]\n[apps.shop]\npath = \"one.so\"\n\
             [apps.shop.deploy]\nkeep_previous = \"{keep}\"\n\
             [[mount]]\npath = \"/\"\napp = \"shop\"\n"
        ));
        place.add("one.so", &version("one"));
        let control = place.0.path().join("control");
        let host = place.launch().env("DSGI_CONTROL_DIR", &control).start();
        let verb =
            |words: &[&str]| Launch::new().env("DSGI_CONTROL_DIR", &control).args(words).run();
        let two = version("two");
        assert!(verb(&["deploy", "shop", two.to_str().unwrap()]).status.success());
        let shown = verb(&["ps", "--json"]).stdout;
        let shown: serde_json::Value = serde_json::from_slice(&shown).unwrap();
        assert_eq!(shown[0]["apps"][0]["previous"]["kept"].as_str(), kept, "{shown}");
        let back = verb(&["rollback", "shop"]);
        assert_eq!(back.status.success(), kept.is_some(), "{back:?}");
        let text = if kept.is_some() { "one\n" } else { "two\n" };
        assert_eq!(get(host.address(), "/").text(), text, "{keep}");
    }
}

/// One application with this in its `deploy`, and nothing of it mounted elsewhere.
fn deployed_by(deploy: &str) -> String {
    format!(
        "[server]\nlisten = [\"127.0.0.1:0\"]\n[apps.shop]\npath = \"one.so\"\n\
         [apps.shop.deploy]\n{deploy}\n[[mount]]\npath = \"/\"\napp = \"shop\"\n"
    )
}

/// A probe goes as far as the library allows, or less; a wish for more is a mistake of the config.
#[test]
fn a_probe_goes_as_far_as_is_said() {
    let place = Place::new(&deployed_by(""));
    // Its start is for the real one only.
    place.add("one.so", &c_app(&["INIT if (given->purpose == DSGI_PURPOSE_PROBE) abort();"]));
    refuses(place.launch(), 65).says(["in init it was ended by SIGABRT"]);
    for probe in ["layout", "open"] {
        place.write(&deployed_by(&format!("probe = \"{probe}\"")));
        let host = place.launch().start();
        assert_eq!(get(host.address(), "/").text(), "in C\n");
    }
    place.write(&deployed_by("probe = \"open\""));
    place.add("one.so", &c_app(&["CONSTRUCTOR ABORT"]));
    refuses(place.launch(), 65).says(["while its constructors ran"]);

    place.write(&deployed_by("probe = \"request\""));
    place.add("one.so", &c_app(&["PROBE DSGI_PROBE_REQUEST", "STATUS 500"]));
    refuses(place.launch(), 65).says(["500"]);
    place.write(&deployed_by("probe = \"init\""));
    drop(place.launch().start());
    for (probe, options, allowed, help) in [
        ("request", &[][..], "init", "names no path"),
        ("init", &["PROBE DSGI_PROBE_LAYOUT"], "layout", "probe = \"layout\""),
        ("init", &["FLAGS DSGI_TRAIT_FLAG_EXCLUSIVE"], "layout", "would be a second one"),
    ] {
        place.add("one.so", &c_app(options));
        place.write(&deployed_by(&format!("probe = \"{probe}\"")));
        for refusal in [
            refuses(place.launch(), 78),
            refused(&run(["check".as_ref(), place.config().as_os_str()]), 78),
        ] {
            let text = format!("must not go as far as `{probe}`, only to `{allowed}`");
            refusal.says(["host.toml:6:9`: ", "one.so", &text]).helps([help]);
        }
        // Not even beside one that could serve.
        let other = format!("/other=other={}", version("other").display());
        let output = place.launch().args(["--mount", &other]).run();
        assert_eq!(output.status.code(), Some(78), "{output:?}");
    }
    place.write(&deployed_by("probe = \"deep\""));
    refuses(place.launch(), 78).says(["host.toml:6:9`: unknown value `deep`"]);
}

/// The same while the host serves: a reload changes nothing, and a deploy is refused.
#[test]
fn a_probe_that_would_go_too_far_is_refused_while_the_host_serves() {
    let place = Place::new(&deployed_by("probe = \"init\""));
    place.add("one.so", &version("one"));
    let control = place.0.path().join("control");
    let host = place.launch().env("DSGI_CONTROL_DIR", &control).start();
    let other = c_app(&["PROBE DSGI_PROBE_LAYOUT"]);
    let deploy = ["deploy", "shop", other.to_str().unwrap()];
    let output = Launch::new().env("DSGI_CONTROL_DIR", &control).args(deploy).run();
    refused(&output, 78).says(["host.toml:6:9`: ", "only to `layout`"]);
    place.write(&deployed_by("probe = \"request\""));
    host.signal(rustix::process::Signal::HUP);
    let line = host.wait_for_log("everything stays as it was");
    assert!(line.contains("host.toml:6:9`: ") && line.contains("only to `init`"), "{line}");
    assert_eq!(get(host.address(), "/").text(), "one\n");
}

#[test]
fn check_tries_every_application() {
    let place = Place::new(TWO);
    place.add("one.so", &version("one"));
    place.add("two.so", &version("two"));
    let output = run(["check".as_ref(), place.config().as_os_str()]);
    let text = String::from_utf8(output.stdout).unwrap();
    for part in ["`shop` passed its probe", "`blog` passed its probe", "fine, with 3 mounts"] {
        assert!(text.contains(part), "{text}");
    }
    place.add("two.so", &c_app(&["INIT ABORT"]));
    let output = run(["check".as_ref(), place.config().as_os_str()]);
    assert_eq!(output.status.code(), Some(65));
    assert!(String::from_utf8(output.stderr).unwrap().contains("SIGABRT"));
}

/// The example of the page is a config, and names each limit.
#[test]
fn the_page_says_what_is_read() {
    let page = fs::read_to_string(project().join("docs/config.md")).unwrap();
    let (_, rest) = page.split_once("```toml\n").unwrap();
    let (example, _) = rest.split_once("```").unwrap();
    let place = Place::new(&example.replace("/run/shop/host.sock", "own/host.sock"));
    fs::create_dir(place.0.path().join("own")).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o700);
    fs::set_permissions(place.0.path().join("own"), mode).unwrap();
    place.add("shop.so", &version("shop"));
    let host = place.launch().args(["--listen", "127.0.0.1:0"]).start();
    assert_eq!(get(host.address(), "/").text(), "shop\n");
    assert!(place.0.path().join("own/host.sock").exists(), "not beside the file");
}
