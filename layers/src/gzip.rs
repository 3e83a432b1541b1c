//! Compresses responses where the client asks for it and it is worth it.
//!
//! What makes it right: a coded response is another representation, so its ETag becomes weak, its
//! length is another one, caches are told by `Vary`, and what is a part of something, has a coding
//! already or must not be changed on its way stays as it is. A body that is there in one piece is
//! compressed as one; of a stream each block can be read by the client before the next one comes.

mod encoder;
mod negotiation;

use dsgi::{
    Body, Chunk, Environ, Filter, Flavour, Head, Inner, Middleware, Purpose, Request, StartResponse,
};

use self::encoder::{Encoder, compress};
pub use self::negotiation::Coding;
use self::negotiation::choose;
use crate::vary;

/// The layer `gzip`.
///
/// | key | default | what |
/// |---|---|---|
/// | `codings` | `["zstd", "br", "gzip"]` | what is offered, the first is preferred |
/// | `level` | each its own | how hard they try; more than a coding has means its most |
/// | `least` | 256 | bytes of the smallest body that is compressed, where its length is known |
/// | `types` | texts, JSON, XML, ... | `"text/*"`, `"application/json"`, `"*+xml"` |
///
/// A secret that a page repeats beside what its visitor typed can be guessed by the length of the
/// compressed page (BREACH). Give such pages `Cache-Control: no-transform`.
#[derive(Debug)]
pub struct Gzip {
    codings: Vec<Coding>,
    level: Option<u32>,
    least: u64,
    types: Vec<String>,
}

/// The config of [`Gzip`].
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    codings: Vec<Coding>,
    level: Option<u32>,
    least: u64,
    types: Vec<String>,
}

/// What is larger than it must be; pictures, films and archives are not.
const TYPES: [&str; 14] = [
    "text/*",
    "*+json",
    "*+xml",
    "application/json",
    "application/javascript",
    "application/manifest+json",
    "application/wasm",
    "application/x-javascript",
    "application/xml",
    "application/vnd.ms-fontobject",
    "font/otf",
    "font/ttf",
    "image/bmp",
    "image/x-icon",
];

impl Default for Config {
    fn default() -> Self {
        Self {
            codings: vec![Coding::Zstd, Coding::Brotli, Coding::Gzip],
            level: None,
            least: 256,
            types: TYPES.map(ToOwned::to_owned).into(),
        }
    }
}

impl Middleware for Gzip {
    type Config = Config;

    const FLAVOUR: Flavour = Flavour::NonBlocking;

    fn init(config: Config, _: Purpose) -> dsgi::Result<Self> {
        if config.codings.is_empty() {
            return Err(dsgi::Error::new("`codings` is empty: it offers nothing"));
        }
        let Config { codings, level, least, types } = config;
        Ok(Self { codings, level, least, types })
    }

    /// Who wants none gets what is there, and a cache may give that to everybody.
    fn concerns(&self, request: &Request<'_>) -> bool {
        request.header("accept-encoding").is_some()
    }

    fn call(
        &self,
        inner: Inner,
        environ: Environ,
        start_response: StartResponse,
    ) -> dsgi::Result<Body> {
        let accepted = environ.get("HTTP_ACCEPT_ENCODING").unwrap_or_default();
        let chosen = choose(accepted, &self.codings);
        let mut response = inner.respond(environ)?;
        if self.may_be_coded(&response.head) {
            vary::add(&mut response.head, "Accept-Encoding");
            if let Some(coding) = chosen.filter(|_| self.is_worth_it(&response)) {
                response = self.code(coding, response)?;
            }
        }
        response.send(start_response)
    }
}

impl Gzip {
    fn may_be_coded(&self, head: &Head) -> bool {
        let is_kind = head.get("Content-Type").is_some_and(|kind| self.takes(kind));
        let has_coding = head
            .get_all("Content-Encoding")
            .any(|coding| !coding.trim_ascii().eq_ignore_ascii_case(b"identity"));
        let no_transform = head.get_all("Cache-Control").any(|value| {
            value
                .split(|byte| *byte == b',')
                .any(|word| word.trim_ascii().eq_ignore_ascii_case(b"no-transform"))
        });
        is_kind
            && !has_coding
            && !no_transform
            && !matches!(head.status(), 204 | 206 | 304)
            && head.get_bytes("Content-Range").is_none()
    }

    fn takes(&self, kind: &str) -> bool {
        let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        self.types.iter().any(|pattern| match pattern.split_once('*') {
            Some((before, after)) => kind.starts_with(before) && kind.ends_with(after),
            None => *pattern == kind,
        })
    }

    /// A body of which nobody knows the length is taken for a long one.
    fn is_worth_it(&self, response: &dsgi::Response) -> bool {
        let declared = response.head.get("Content-Length").and_then(|length| length.parse().ok());
        let known = response.body.size_hint().filter(|(least, most)| least == most);
        // To a HEAD there may be no body where the length is declared.
        declared.or(known.map(|(least, _)| least)).is_none_or(|length: u64| length >= self.least)
    }

    fn code(&self, coding: Coding, response: dsgi::Response) -> dsgi::Result<dsgi::Response> {
        let dsgi::Response { mut head, body } = response;
        head.set("Content-Encoding", coding.name());
        head.remove("Content-Length");
        // Ranges would be of the coded bytes, which differ each time.
        head.remove("Accept-Ranges");
        if let Some(tag) = head.get("ETag").filter(|tag| !tag.starts_with("W/")) {
            let weak = format!("W/{tag}");
            head.set("ETag", weak);
        }
        let body = match body.whole() {
            Some([]) => body,
            Some(bytes) => {
                let coded = compress(coding, self.level, bytes)?;
                head.set("Content-Length", coded.len().to_string());
                body.replace_blocks(Body::from(coded))
            }
            None => body.filter(Compressed(Some(Encoder::new(coding, self.level)?))),
        };
        Ok(dsgi::Response { head, body })
    }
}

/// A stream on its way; the encoder is used up at its end.
struct Compressed(Option<Encoder>);

impl Filter for Compressed {
    fn block(&mut self, block: Chunk) -> dsgi::Result<Chunk> {
        let Some(encoder) = &mut self.0 else { return Ok(block) };
        Ok(encoder.block(block.bytes())?.into())
    }

    fn end(&mut self) -> dsgi::Result<Option<Chunk>> {
        Ok(self.0.take().map(Encoder::end).transpose()?.map(Chunk::from))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gzip(config: &str) -> Gzip {
        Gzip::init(serde_json::from_str(config).unwrap(), Purpose::Probe).unwrap()
    }

    fn head(status: u16, fields: &[(&str, &str)]) -> Head {
        let mut head = Head::new(status);
        fields.iter().for_each(|(name, value)| head.append(name, value));
        head
    }

    #[test]
    fn only_what_may_be_changed_is_coded() {
        let (gzip, html) = (gzip("{}"), ("Content-Type", "text/html; charset=utf-8"));
        for (status, fields, coded) in [
            (200, vec![html], true),
            (404, vec![html], true),
            (200, vec![], false),
            (206, vec![html], false),
            (204, vec![html], false),
            (304, vec![html], false),
            (200, vec![html, ("Content-Range", "bytes 0-1/2")], false),
            (200, vec![html, ("Content-Encoding", "br")], false),
            (200, vec![html, ("Content-Encoding", "Identity")], true),
            (200, vec![html, ("Cache-Control", "public, No-Transform")], false),
            (200, vec![html, ("Cache-Control", "no-transformer")], true),
        ] {
            let head = head(status, &fields);
            assert_eq!(gzip.may_be_coded(&head), coded, "{head:?}");
        }
    }

    #[test]
    fn types_are_matched_by_patterns() {
        let usual = gzip("{}");
        for (kind, taken) in [
            ("text/plain", true),
            ("TEXT/HTML;charset=x", true),
            ("image/svg+xml", true),
            ("application/problem+json", true),
            ("image/png", false),
            ("text", false),
            ("application/zip", false),
        ] {
            assert_eq!(usual.takes(kind), taken, "{kind}");
        }
        let all = gzip("{\"types\": [\"*\"]}");
        assert!(all.takes("image/png"));
    }

    #[test]
    fn a_coded_response_is_another_representation() {
        let plain = || dsgi::Response {
            head: head(
                200,
                &[("Content-Length", "600"), ("ETag", "\"1\""), ("Accept-Ranges", "bytes")],
            ),
            body: Body::from("x".repeat(600)),
        };
        let mut coded = gzip("{}").code(Coding::Gzip, plain()).unwrap();
        let length = coded.body.read_all(1000).unwrap().len();
        assert_eq!(coded.head.get("Content-Encoding"), Some("gzip"));
        assert_eq!(coded.head.get("Content-Length"), Some(&*length.to_string()));
        assert_eq!(coded.head.get("ETag"), Some("W/\"1\""));
        assert_eq!(coded.head.get("Accept-Ranges"), None);
        // A stream has no length any more.
        let stream = dsgi::Response { body: Body::blocks(["a", "b"]), ..plain() };
        let mut coded = gzip("{}").code(Coding::Zstd, stream).unwrap();
        assert_eq!(coded.head.get("Content-Length"), None);
        assert!(coded.body.read_all(1000).unwrap().len() > 2);
    }
}
