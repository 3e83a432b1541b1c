//! A layer that does to a request what a header field of its name asks for, and says how it ended.
//!
//! `X-Outer: edit` is for the one that was configured as `outer`; what does not name it, does not
//! concern it.

use std::io::Write as _;

use dsgi::{Body, Chunk, Environ, Filter, Head, Remote, Request, Service, Text};

#[derive(serde::Deserialize)]
pub(crate) struct Config {
    name: String,
}

pub(crate) struct Acts {
    name: String,
    header: String,
}

dsgi::value! {
    name = "User";
    /// Who asks, as a layer has found out.
    struct User { id: u64, name: Text, adds: Remote }
}

pub(crate) mod other {
    //! What a later release might call the same.
    dsgi::value! {
        name = "User";
        pub(crate) struct User { pub(crate) name: dsgi::Text }
    }
}

dsgi::value! {
    /// This crate's own.
    struct Visitor { id: u64 }
}

/// Adds up what it is asked.
struct Adds(u64);

impl Service for Adds {
    fn call(&mut self, request: &[u8]) -> dsgi::Result<Vec<u8>> {
        self.0 += std::str::from_utf8(request)?.parse::<u64>()?;
        Ok(self.0.to_string().into_bytes())
    }
}

/// Keeps every block back until the end.
struct Swallows(Vec<u8>);

impl Filter for Swallows {
    fn block(&mut self, block: Chunk) -> dsgi::Result<Chunk> {
        self.0.extend_from_slice(block.bytes());
        Ok(Chunk::from(""))
    }

    fn end(&mut self) -> dsgi::Result<Option<Chunk>> {
        Ok(Some(Chunk::from(std::mem::take(&mut self.0))))
    }
}

impl Acts {
    pub(crate) fn new(config: Config) -> Self {
        let header = format!("x-{}", config.name);
        Self { name: config.name, header }
    }

    pub(crate) fn concerns(&self, request: &Request<'_>) -> bool {
        request.header(&self.header).is_some()
    }

    /// What it is to do.
    pub(crate) fn act(&self, environ: &Environ) -> String {
        let key = format!("HTTP_X_{}", self.name.to_ascii_uppercase());
        environ.get(&key).unwrap_or("call").to_owned()
    }

    /// What it changes of a request.
    pub(crate) fn change(&self, act: &str, environ: &mut Environ) -> dsgi::Result<()> {
        match act {
            "panic-before" => panic!("before the inner call"),
            "change" => {
                environ.set("REQUEST_METHOD", "PURGE");
                environ.set("PATH_INFO", "/tell/x y");
                environ.set("QUERY_STRING", "a=b");
                environ.set("HTTP_X_USER", self.name.clone());
                environ.remove("HTTP_X_SECRET");
                environ.set(format!("layer.{}", self.name), "was here");
            }
            "value" => {
                let user =
                    User { id: 40, name: Text::from(&*self.name), adds: Remote::new(Adds(40)) };
                environ.set_value(user)?;
            }
            "visitor" => {
                if let Ok(visitor) = environ.value::<Visitor>() {
                    environ.set(format!("layer.{}", self.name), visitor.id.to_string());
                }
                environ.set_value(Visitor { id: 41 })?;
            }
            "wrong-value" => environ.set_value(other::User { name: Text::default() })?,
            "replace" => environ.replace_input(Body::blocks(["an", "other"])),
            _ => {}
        }
        Ok(())
    }

    /// What it changes of a head.
    pub(crate) fn edit(&self, act: &str) -> impl FnMut(&mut Head) + Send + use<> {
        let (edits, name) = (act == "edit", self.name.clone());
        move |head| {
            if edits {
                let before = head.get("X-Edited").map_or(String::new(), |it| format!("{it} "));
                head.set("X-Edited", format!("{before}{name}"));
                head.remove("X-Inside");
            }
        }
    }

    /// What it changes of a body.
    pub(crate) fn wrap(&self, act: &str, body: Body) -> Body {
        assert!(act != "panic-after", "after the inner call");
        let name = self.name.clone();
        let panics = act == "panic-close";
        let body = body.on_close(move |outcome, sent| {
            say(&format!("{name} closed {outcome:?} {sent}"));
            assert!(!panics, "in the close");
        });
        match act {
            "map" => body.map(|block| block.bytes().to_ascii_uppercase()),
            "swallow" => body.filter(Swallows(Vec::new())),
            "panic-body" => body.map(|block| {
                assert!(block.bytes() != b"last\n", "in the body");
                block
            }),
            _ => body,
        }
    }
}

/// One line of the log, not disturbed by other threads.
pub(crate) fn say(text: &str) {
    let _ = std::io::stderr().write_all(format!("app: {text}\n").as_bytes());
}
