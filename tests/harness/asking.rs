//! One request put to any door, and its answer as far as it came: over HTTP/1.1, over HTTP/2, or by
//! a program that a test starts as a CGI server does.

mod by_cgi;
mod by_http;
mod by_http2;

use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::LazyLock;

/// A request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ask<'a> {
    pub(crate) method: &'a str,
    pub(crate) target: &'a str,
    /// Without `Host`, which stands before them unless one of them is it.
    pub(crate) fields: &'a [(&'a str, &'a str)],
    pub(crate) body: Payload,
}

/// The body of a request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Payload {
    None,
    /// With its length declared.
    Whole(&'static [u8]),
    /// So many bytes of a pattern, with their length declared.
    Large(usize),
    /// In chunks, without a length.
    Chunked(&'static [&'static [u8]]),
    /// So many bytes of a pattern, in chunks.
    LargeChunked(usize),
    /// With its length declared, and sent when the server has asked for it.
    Expected(&'static [u8]),
}

/// What came back.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Answered {
    /// None where the connection ended instead.
    pub(crate) status: Option<u16>,
    /// An interim answer that came before.
    pub(crate) interim: Option<u16>,
    /// Values byte for byte, one `char` each.
    pub(crate) fields: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) end: End,
}

/// How an answer ended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum End {
    /// As its length or its framing says, or where nothing says more.
    Whole,
    /// Before that.
    Broken,
    /// Its client left.
    Left,
}

/// Who asks.
#[derive(Clone, Debug)]
pub(crate) enum Client {
    Http(SocketAddr),
    Http2(SocketAddr),
    Cgi(Program),
}

/// A program that is started for each request.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    pub(crate) file: PathBuf,
    pub(crate) arguments: Vec<String>,
    pub(crate) variables: Vec<(String, String)>,
    /// Where its standard error goes.
    pub(crate) log: PathBuf,
}

/// The host that requests name.
pub(crate) const HOST: &str = "a.test";

/// What sees the body so far, each time when more has come, and may leave.
pub(crate) type Seen<'a> = &'a mut dyn FnMut(&[u8]) -> ControlFlow<()>;

impl Client {
    /// Puts a request on a connection, or to a process, of its own.
    pub(crate) fn ask(&self, ask: &Ask<'_>, seen: Seen<'_>) -> Answered {
        match self {
            Self::Http(address) => by_http::ask(*address, ask, seen),
            Self::Http2(address) => by_http2::ask(*address, ask, seen),
            Self::Cgi(program) => by_cgi::ask(program, ask, seen),
        }
    }
}

impl Payload {
    /// Its bytes, in blocks.
    pub(crate) fn blocks(self) -> Vec<Vec<u8>> {
        match self {
            Self::None => Vec::new(),
            Self::Whole(bytes) | Self::Expected(bytes) => vec![bytes.to_vec()],
            Self::Large(bytes) | Self::LargeChunked(bytes) => {
                pattern(bytes).chunks(100_000).map(<[u8]>::to_vec).collect()
            }
            Self::Chunked(blocks) => blocks.iter().map(|block| block.to_vec()).collect(),
        }
    }

    /// How many bytes it has, where that is declared.
    pub(crate) fn declared(self) -> Option<usize> {
        match self {
            Self::Whole(bytes) | Self::Expected(bytes) => Some(bytes.len()),
            Self::Large(bytes) => Some(bytes),
            Self::None | Self::Chunked(_) | Self::LargeChunked(_) => None,
        }
    }

    pub(crate) fn is_chunked(self) -> bool {
        matches!(self, Self::Chunked(_) | Self::LargeChunked(_))
    }
}

impl Answered {
    /// No answer at all.
    fn none() -> Self {
        let (fields, body) = (Vec::new(), Vec::new());
        Self { status: None, interim: None, fields, body, end: End::Broken }
    }

    /// All values of a field, in any case.
    pub(crate) fn values(&self, name: &str) -> Vec<&str> {
        let named = self.fields.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name));
        named.map(|(_, value)| value.as_str()).collect()
    }
}

/// The first bytes of a text in which no block is like another, so that a lost or doubled one is
/// seen.
pub(crate) fn pattern(bytes: usize) -> &'static [u8] {
    static PATTERN: LazyLock<Vec<u8>> = LazyLock::new(|| {
        let letters: Vec<u8> = (0..=u8::MAX).cycle().take(PATTERN_BLOCK).collect();
        let block = |number: u32| [&number.to_be_bytes(), &*letters].concat();
        (0..).map(block).take(PATTERN_BLOCKS).collect::<Vec<_>>().concat()
    });
    &PATTERN[..bytes]
}

const PATTERN_BLOCK: usize = 1000;
const PATTERN_BLOCKS: usize = 18 * 1024;
