//! A real browser without a window, spoken to by the DevTools protocol over a pair of pipes: no
//! port, no driver, no client library.

use super::DEADLINE;
use super::service::program;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Instant;
use tempfile::TempDir;

/// A browser with one page. Dropping it ends it.
#[derive(Debug)]
pub(crate) struct Browser {
    child: Child,
    said: Receiver<Value>,
    commands: ChildStdin,
    last: u64,
    session: Value,
    profile: TempDir,
}

/// The browser speaks on descriptors 3 and 4; this is the shell's way to give it those.
const ON_PIPES: &str = r#"exec "$0" "$@" 3<&0 4>&1 </dev/null >/dev/null 2>&1"#;

impl Browser {
    /// None where none is installed.
    pub(crate) fn start() -> Option<Self> {
        let names = ["chromium", "chromium-browser", "google-chrome"];
        let program = names.iter().find_map(|name| program(name, &[]))?;
        let profile = tempfile::tempdir().expect("a temporary folder");
        let mut child = Command::new("sh")
            .args(["-c", ON_PIPES])
            .arg(program)
            .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"])
            .args(["--no-first-run", "--disable-background-networking", "--remote-debugging-pipe"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .env("HOME", profile.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("a shell starts");
        let commands = child.stdin.take().expect("a pipe");
        let out = child.stdout.take().expect("a pipe");
        let (send, said) = channel();
        std::thread::spawn(move || {
            let messages = BufReader::new(out).split(0).map_while(Result::ok);
            for message in messages.filter_map(|text| serde_json::from_slice(&text).ok()) {
                if send.send(message).is_err() {
                    break;
                }
            }
        });
        let mut browser = Self { child, said, commands, last: 0, session: Value::Null, profile };
        let page = browser.call("Target.createTarget", json!({ "url": "about:blank" }));
        let attach = json!({ "targetId": page["targetId"], "flatten": true });
        browser.session = browser.call("Target.attachToTarget", attach)["sessionId"].clone();
        browser.call("Page.enable", json!({}));
        Some(browser)
    }

    /// Opens an address, and returns once the page is there.
    pub(crate) fn open(&mut self, address: &str) {
        self.page_after("Page.navigate", json!({ "url": address }));
    }

    pub(crate) fn reload(&mut self) {
        self.page_after("Page.reload", json!({}));
    }

    /// Types into the field that a CSS selector names.
    pub(crate) fn type_into(&mut self, field: &str, text: &str) {
        self.evaluate(&format!("document.querySelector({}).focus()", json!(field)));
        self.call("Input.insertText", json!({ "text": text }));
    }

    /// Clicks what a CSS selector names, and returns once the page that it leads to is there.
    pub(crate) fn click(&mut self, what: &str) {
        let expression = format!("document.querySelector({}).click()", json!(what));
        self.page_after("Runtime.evaluate", json!({ "expression": expression }));
    }

    /// The value of an expression in the page.
    pub(crate) fn evaluate(&mut self, expression: &str) -> Value {
        let parameters = json!({ "expression": expression, "returnByValue": true });
        let said = self.call("Runtime.evaluate", parameters);
        assert!(said["exceptionDetails"].is_null(), "{expression}: {said}");
        said["result"]["value"].clone()
    }

    /// What a visitor reads.
    pub(crate) fn text(&mut self) -> String {
        self.evaluate("document.body.innerText").as_str().unwrap_or_default().to_owned()
    }

    fn page_after(&mut self, method: &str, parameters: Value) {
        let id = self.send(method, parameters);
        // The page may be there before the answer.
        let (mut is_answered, mut is_there) = (false, false);
        while !is_answered || !is_there {
            let message = self.next();
            assert!(message["error"].is_null(), "{method}: {message}");
            is_answered |= message["id"] == id;
            is_there |= message["method"] == "Page.loadEventFired";
        }
    }

    fn call(&mut self, method: &str, parameters: Value) -> Value {
        let id = self.send(method, parameters);
        loop {
            let mut message = self.next();
            if message["id"] == id {
                assert!(message["error"].is_null(), "{method}: {message}");
                return message["result"].take();
            }
        }
    }

    fn send(&mut self, method: &str, parameters: Value) -> u64 {
        self.last += 1;
        let mut command = json!({ "id": self.last, "method": method, "params": parameters });
        if !self.session.is_null() {
            command["sessionId"] = self.session.clone();
        }
        write!(self.commands, "{command}\0").expect("the browser listens");
        self.last
    }

    fn next(&self) -> Value {
        self.said.recv_timeout(DEADLINE).expect("the browser says something")
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Its own word first: it ends its processes itself. Both fail only if it has ended.
        let _ = write!(self.commands, "{{\"id\":0,\"method\":\"Browser.close\"}}\0");
        let until = Instant::now() + DEADLINE;
        while Instant::now() < until && !matches!(self.child.try_wait(), Ok(Some(_)) | Err(_)) {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::super::skip::skip;
    use super::*;

    #[test]
    fn a_page_is_read_and_written_in() {
        let name = "harness::browser::tests::a_page_is_read_and_written_in";
        let Some(mut browser) = Browser::start() else {
            return skip(name, "chromium is not installed");
        };
        browser.open("data:text/html,<p>seen</p><input name=a><script>var b = 1 + 1</script>");
        assert_eq!((browser.text(), browser.evaluate("b")), ("seen".to_owned(), json!(2)));
        browser.type_into("input[name=a]", "\u{e9} & <");
        assert_eq!(browser.evaluate("document.querySelector('input').value"), "\u{e9} & <");
        browser.reload();
        assert_eq!(browser.evaluate("document.querySelector('input').value"), "");
    }
}
