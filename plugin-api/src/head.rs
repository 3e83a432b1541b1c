//! Status and header fields as `start_response` was given them.

use crate::abi::leaf::{Header, Str};
use crate::{Error, Result};

/// Header fields as names and values, in the order they are sent.
pub type HeaderList<'a> = &'a [(&'a str, &'a str)];

/// Status line and header fields, copied into one buffer.
#[derive(Clone, Debug, Default)]
pub struct Head {
    status: u16,
    reason: Range,
    rows: Vec<(Range, Range)>,
    text: Vec<u8>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Range {
    from: u32,
    len: u32,
}

impl Head {
    /// Reads a status line such as `200 OK` and copies the fields.
    ///
    /// # Errors
    /// When the status is not three digits from 200 to 999, optionally followed by a space and a
    /// reason.
    pub fn new(status: &str, headers: HeaderList<'_>) -> Result<Self> {
        let headers = headers.iter().map(|(name, value)| (*name, value.as_bytes()));
        let (code, reason) = parse_status(status)?;
        Ok(Self::from_parts(code, reason, headers))
    }

    /// Copies parts that are known to be right.
    pub(crate) fn from_parts<'a>(
        status: u16,
        reason: &str,
        headers: impl ExactSizeIterator<Item = (&'a str, &'a [u8])>,
    ) -> Self {
        let mut head = Self {
            status,
            reason: Range::default(),
            rows: Vec::with_capacity(headers.len()),
            text: Vec::with_capacity(reason.len() + 48 * headers.len()),
        };
        head.reason = head.put(reason.as_bytes());
        for (name, value) in headers {
            let row = (head.put(name.as_bytes()), head.put(value));
            head.rows.push(row);
        }
        head
    }

    /// HTTP status code.
    #[must_use]
    pub const fn status(&self) -> u16 {
        self.status
    }

    /// Number of header fields.
    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    /// The buffer that [`Head::rows`] points into.
    pub(crate) fn text(&self) -> &[u8] {
        &self.text
    }

    /// Start and length of the reason phrase within the text.
    pub(crate) const fn reason_range(&self) -> (usize, usize) {
        (self.reason.from as usize, self.reason.len as usize)
    }

    /// Rows that point into a copy of the text at `text`.
    pub(crate) fn rows(&self, text: *const u8) -> impl Iterator<Item = Header> {
        let at = move |range: Range| Str {
            ptr: text.wrapping_add(range.from as usize),
            len: range.len as usize,
        };
        self.rows.iter().map(move |(name, value)| Header {
            id: 0,
            reserved: 0,
            name: at(*name),
            value: at(*value),
        })
    }

    fn put(&mut self, bytes: &[u8]) -> Range {
        let from = u32::try_from(self.text.len()).unwrap_or(u32::MAX);
        let len = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        self.text.extend_from_slice(bytes);
        Range { from, len }
    }
}

/// PEP 3333: three digits, one space, a reason; we also take the digits alone.
fn parse_status(status: &str) -> Result<(u16, &str)> {
    let (digits, reason) = status.split_once(' ').unwrap_or((status, ""));
    let code = match digits.as_bytes() {
        [a @ b'2'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9'] => {
            u16::from(a - b'0') * 100 + u16::from(b - b'0') * 10 + u16::from(c - b'0')
        }
        _ => return Err(bad_status(status)),
    };
    Ok((code, reason))
}

#[cold]
fn bad_status(status: &str) -> Error {
    Error::new(format!(
        "the status `{status}` given to start_response is not three digits from 200 to 999 \
         and a reason"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_three_digits_and_a_reason() {
        assert_eq!(parse_status("200 OK").unwrap(), (200, "OK"));
        assert_eq!(parse_status("999").unwrap(), (999, ""));
        for wrong in ["", "20", "2000", "abc OK", "100 Continue", "200OK", " 200 OK"] {
            assert!(parse_status(wrong).is_err(), "{wrong:?} was taken");
        }
    }
}
