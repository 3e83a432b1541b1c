//! Files of a folder, as an application: with conditions, parts, and no way out of the folder.
//!
//! The host sends the file itself; this opens it and says what it is.

mod conditions;
mod place;
mod range;

use std::fs::{File, Metadata};
use std::ops::Range;
use std::path::{Path, PathBuf};

use dsgi::{Application, Body, Environ, Error, Flavour, Head, Purpose, Response, StartResponse};

use self::conditions::{Conditions, Met, Version};
use self::place::{Found, Hidden, Root};
use self::range::{Part, part};

/// The application `static`.
///
/// | key | default | what |
/// |---|---|---|
/// | `root` | none | the folder |
/// | `index` | `[]` | names of files that stand for their folder, as `["index.html"]` |
/// | `hidden` | `"off"` | or `"shown"`: names that begin with a dot |
/// | `cache_control` | none | value of that field |
///
/// Only GET and HEAD; other methods get 405. A folder without an index is not there: nothing is
/// listed. What lies outside of the folder is not there either, also where a symlink leads to it.
#[derive(Debug)]
pub struct StaticFiles {
    root: Root,
    index: Vec<String>,
    cache_control: Option<String>,
}

/// The config of [`StaticFiles`].
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    root: PathBuf,
    #[serde(default)]
    index: Vec<String>,
    #[serde(default)]
    hidden: Hidden,
    cache_control: Option<String>,
}

impl Application for StaticFiles {
    type Config = Config;

    /// To open a file may wait for the disk.
    const FLAVOUR: Flavour = Flavour::Blocking;

    fn init(config: Config, _: Purpose) -> dsgi::Result<Self> {
        let Config { root, index, hidden, cache_control } = config;
        if let Some(name) = index.iter().find(|name| name.is_empty() || name.contains('/')) {
            return Err(Error::new(format!("`{name}` in `index` is no name of a file")));
        }
        let opened = Root::new(&root, hidden).map_err(|error| {
            Error::new(format!("cannot use `{}` as root: {error}", root.display()))
        })?;
        Ok(Self { root: opened, index, cache_control })
    }

    fn call(&self, environ: Environ, start_response: StartResponse) -> dsgi::Result<Body> {
        self.answer(&environ)?.send(start_response)
    }
}

impl StaticFiles {
    fn answer(&self, environ: &Environ) -> dsgi::Result<Response> {
        if !matches!(environ.get_bytes("REQUEST_METHOD"), Some(b"GET" | b"HEAD")) {
            let mut response = text(405, "only GET and HEAD\n");
            response.head.set("Allow", "GET, HEAD");
            return Ok(response);
        }
        // A path that is no UTF-8 names no file that anybody has made for the web.
        let Some(path) = environ.get("PATH_INFO") else { return Ok(not_found()) };
        match self.root.find(path)? {
            Some(Found::File(..)) if path.ends_with('/') => Ok(not_found()),
            Some(Found::File(file, found)) => Ok(self.send(environ, Path::new(path), file, &found)),
            Some(Found::Folder(way)) => self.folder(environ, path, &way),
            None => Ok(not_found()),
        }
    }

    /// The first file that stands for a folder, which is reached by a path that ends with a slash,
    /// so that links of the page are relative to it.
    fn folder(&self, environ: &Environ, path: &str, way: &Path) -> dsgi::Result<Response> {
        for name in &self.index {
            let way = way.join(name);
            if let Some(Found::File(file, found)) = self.root.open(&way)? {
                // Behind a mount the path may be empty.
                return Ok(match path.ends_with('/') {
                    true => self.send(environ, &way, file, &found),
                    false => with_slash(environ),
                });
            }
        }
        Ok(not_found())
    }

    fn send(&self, environ: &Environ, path: &Path, file: File, found: &Metadata) -> Response {
        let (version, length) = (Version::of(found), found.len());
        let conditions = Conditions {
            if_match: environ.get("HTTP_IF_MATCH"),
            if_unmodified_since: environ.get("HTTP_IF_UNMODIFIED_SINCE"),
            if_none_match: environ.get("HTTP_IF_NONE_MATCH"),
            if_modified_since: environ.get("HTTP_IF_MODIFIED_SINCE"),
            if_range: environ.get("HTTP_IF_RANGE"),
        };
        let mut response = match version.check(&conditions) {
            Met::HasIt => Response { head: Head::new(304), body: Body::empty() },
            Met::Differs => return text(412, "the file is another one\n"),
            Met::Send => {
                let asked = environ.get("HTTP_RANGE");
                let asked = asked.filter(|_| environ.get("REQUEST_METHOD") == Some("GET"));
                let asked = asked.filter(|_| version.allows_part(&conditions));
                match asked.map_or(Part::Whole, |asked| part(asked, length)) {
                    Part::Whole => body_of(file, path, 0..length, length),
                    Part::One(range) => body_of(file, path, range, length),
                    Part::Nothing => {
                        let mut response = text(416, "the file has no such part\n");
                        response.head.set("Content-Range", format!("bytes */{length}"));
                        return response;
                    }
                }
            }
        };
        response.head.set("ETag", &version.etag);
        if let Some(date) = version.last_modified() {
            response.head.set("Last-Modified", date);
        }
        if let Some(value) = &self.cache_control {
            response.head.set("Cache-Control", value);
        }
        response
    }
}

/// A part of a file, or all of it.
fn body_of(file: File, path: &Path, range: Range<u64>, length: u64) -> Response {
    let sent = range.end - range.start;
    let mut head = Head::new(200);
    if sent < length {
        head.set_status(206);
        head.set("Content-Range", format!("bytes {}-{}/{length}", range.start, range.end - 1));
    }
    head.set("Content-Type", content_type(path));
    head.set("Content-Length", sent.to_string());
    head.set("Accept-Ranges", "bytes");
    Response { head, body: Body::file(file, range.start, sent) }
}

/// By the ending of the name. Texts are taken for UTF-8, as nearly all are.
fn content_type(path: &Path) -> String {
    let guessed = mime_guess::from_path(path).first_raw().unwrap_or("application/octet-stream");
    let is_text = guessed.starts_with("text/")
        || ["application/javascript", "application/json", "image/svg+xml"].contains(&guessed);
    let charset = if is_text { "; charset=utf-8" } else { "" };
    format!("{guessed}{charset}")
}

fn with_slash(environ: &Environ) -> Response {
    let target = environ.get("REQUEST_URI").unwrap_or("/");
    let (path, query) =
        target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
    // Two slashes at the beginning would name another host.
    let path = path.trim_start_matches('/');
    let query = query.map(|query| format!("?{query}")).unwrap_or_default();
    let mut response = text(308, "it is a folder\n");
    response.head.set("Location", format!("/{path}/{query}"));
    response
}

fn not_found() -> Response {
    text(404, "there is no such file\n")
}

fn text(status: u16, text: &'static str) -> Response {
    let mut head = Head::new(status);
    head.set("Content-Type", "text/plain; charset=utf-8");
    Response { head, body: Body::from(text) }
}
