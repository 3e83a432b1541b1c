//! What is asked of every door: it shows the request, gives bodies back, and answers what the query
//! spells out, right or wrong.
//!
//! The path may be anything below `/environ`; elsewhere the path is the question.
//! What a client cannot see, such as the end of a body, it writes to files of a folder.

use std::fs;
use std::io::Read as _;
use std::iter::{from_fn, once, once_with, repeat_n};
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use dsgi::{Application, Body, Chunk, Environ, Error, Purpose, StartResponse};

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    /// Where clients leave signs for the application, and it leaves some for them.
    signs: PathBuf,
}

struct Doors {
    signs: PathBuf,
}

const TEXT: &[(&str, &str)] = &[("Content-Type", "text/plain")];

/// Bytes of a block of a large body.
const BLOCK_BYTES: usize = 64 * 1024;

/// Between two looks for a sign.
const BETWEEN_LOOKS: Duration = Duration::from_millis(1);

impl Application for Doors {
    type Config = Config;

    fn init(config: Config, _: Purpose) -> dsgi::Result<Self> {
        Ok(Self { signs: config.signs })
    }

    fn call(&self, environ: Environ, start: StartResponse) -> dsgi::Result<Body> {
        let path = environ.get_bytes("PATH_INFO").unwrap_or_default();
        let path = String::from_utf8_lossy(path).into_owned();
        match path.split('/').nth(1).unwrap_or_default() {
            "environ" => shown(&environ, &start),
            "echo" => echo(environ, &start),
            "count" => count(environ, &start),
            "bytes" => bytes(&environ, &start),
            "answer" => answer(&environ, &start),
            "stream" => stream(&environ, &start, &self.signs),
            "leave" => leave(&environ, &start, &self.signs),
            "error" => error(&path, &environ, &start, &self.signs),
            "panic" => panic!("as it was asked to"),
            _ => Err(Error::status(404, "nothing is asked for by this path")),
        }
    }
}

/// Every key with its value, sorted.
fn shown(environ: &Environ, start: &StartResponse) -> dsgi::Result<Body> {
    let line = |(key, value): (&str, &[u8])| format!("{key}={}\n", value.escape_ascii());
    let mut lines: Vec<String> = environ.iter().map(line).collect();
    lines.sort();
    start("200 OK", TEXT)?;
    Ok(Body::from(lines.concat()))
}

/// The body, block by block.
fn echo(mut environ: Environ, start: &StartResponse) -> dsgi::Result<Body> {
    let kind = environ.get("CONTENT_TYPE").unwrap_or("application/octet-stream").to_owned();
    start("200 OK", &[("Content-Type", &kind)])?;
    Ok(Body::blocks(from_fn(move || environ.input().block().transpose())))
}

/// How many bytes the body has, and their digest (FNV-1a).
fn count(mut environ: Environ, start: &StartResponse) -> dsgi::Result<Body> {
    let (mut bytes, mut digest, mut block) = (0, 0xcbf2_9ce4_8422_2325_u64, vec![0; BLOCK_BYTES]);
    loop {
        let read = environ.input().read(&mut block)?;
        if read == 0 {
            break;
        }
        bytes += read;
        for byte in &block[..read] {
            digest = (digest ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    start("200 OK", TEXT)?;
    Ok(Body::from(format!("{bytes} bytes, {digest:016x}")))
}

/// So many blocks of one byte each repeated, with their length declared if that is asked for.
fn bytes(environ: &Environ, start: &StartResponse) -> dsgi::Result<Body> {
    let pairs = pairs(environ);
    let blocks: usize = value(&pairs, "blocks").unwrap_or("1").parse()?;
    let length = (blocks * BLOCK_BYTES).to_string();
    let mut fields = TEXT.to_vec();
    if value(&pairs, "declared").is_some() {
        fields.push(("Content-Length", &length));
    }
    start("200 OK", &fields)?;
    let block = |number: usize| vec![b'a' + u8::try_from(number % 26).unwrap_or(0); BLOCK_BYTES];
    Ok(Body::blocks((0..blocks).map(block)))
}

/// The head that the query spells out, and its blocks; `times` repeats the last field's value.
fn answer(environ: &Environ, start: &StartResponse) -> dsgi::Result<Body> {
    let (mut status, mut fields, mut blocks) = (String::from("200 OK"), Vec::new(), Vec::new());
    for (key, value) in pairs(environ) {
        match &*key {
            "status" => status = value,
            "field" => {
                let (name, value) = value.split_once(':').unwrap_or((&value, ""));
                fields.push((name.to_owned(), value.to_owned()));
            }
            "times" => {
                let times = value.parse()?;
                if let Some((_, last)) = fields.last_mut() {
                    *last = last.repeat(times);
                }
            }
            "block" => blocks.push(value),
            _ => {}
        }
    }
    let fields: Vec<(&str, &str)> =
        fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    start(&status, &fields)?;
    Ok(Body::blocks(blocks))
}

/// A block, and a second one when its client has left a sign, or patience is over.
fn stream(environ: &Environ, start: &StartResponse, signs: &Path) -> dsgi::Result<Body> {
    let sign = sign(environ, signs)?;
    start("200 OK", TEXT)?;
    let second = once_with(move || match sign.wait() {
        Waited::Seen => "asked for\n",
        Waited::InVain => "unasked\n",
    });
    Ok(Body::blocks(once("first\n").chain(second)))
}

/// More than any buffer holds, and a sign of how it ended.
fn leave(environ: &Environ, start: &StartResponse, signs: &Path) -> dsgi::Result<Body> {
    let blocks = value(&pairs(environ), "blocks").unwrap_or("1").parse()?;
    let sign = sign(environ, signs)?.file;
    start("200 OK", TEXT)?;
    let blocks = repeat_n(vec![b'x'; BLOCK_BYTES], blocks);
    Ok(Body::blocks(blocks).on_close(move |outcome, _| {
        let hidden = sign.with_extension("new");
        // Whole or not there; who reads it waits for it.
        let _ = fs::write(&hidden, format!("{outcome:?}"));
        let _ = fs::rename(&hidden, &sign);
    }))
}

/// Fails before it begins, before its first block, or when its client has seen that one, with or
/// without a length; or just ends there.
fn error(path: &str, environ: &Environ, start: &StartResponse, signs: &Path) -> dsgi::Result<Body> {
    let locked = || Error::status(503, "the index is locked");
    match path {
        "/error/call" => return Err(locked()),
        "/error/declared" | "/error/short" => {
            start("200 OK", &[("Content-Type", "text/plain"), ("Content-Length", "100")])?;
        }
        _ => start("200 OK", TEXT)?,
    }
    if path == "/error/first" {
        return Ok(Body::blocks(once_with(move || Err::<Chunk, _>(locked()))));
    }
    let sign = sign(environ, signs)?;
    let ends = path == "/error/short";
    let mut blocks = 0;
    Ok(Body::blocks(from_fn(move || {
        blocks += 1;
        if blocks == 1 {
            return Some(Ok(Chunk::from("first\n")));
        }
        sign.wait();
        if ends { None } else { Some(Err(locked())) }
    })))
}

/// What a client leaves when it has seen the first block.
struct Sign {
    file: PathBuf,
    patience: Duration,
}

enum Waited {
    Seen,
    InVain,
}

impl Sign {
    fn wait(&self) -> Waited {
        let until = Instant::now() + self.patience;
        while !self.file.exists() {
            if Instant::now() > until {
                return Waited::InVain;
            }
            sleep(BETWEEN_LOOKS);
        }
        Waited::Seen
    }
}

fn sign(environ: &Environ, signs: &Path) -> dsgi::Result<Sign> {
    let pairs = pairs(environ);
    let patience = Duration::from_millis(value(&pairs, "patience").unwrap_or("0").parse()?);
    Ok(Sign { file: signs.join(value(&pairs, "sign").unwrap_or("none")), patience })
}

fn value<'a>(pairs: &'a [(String, String)], key: &str) -> Option<&'a str> {
    pairs.iter().find(|(known, _)| known == key).map(|(_, value)| value.as_str())
}

/// What the query says, decoded.
fn pairs(environ: &Environ) -> Vec<(String, String)> {
    form_urlencoded::parse(environ["QUERY_STRING"].as_bytes()).into_owned().collect()
}

dsgi::app!(type Doors, name = "doors");
