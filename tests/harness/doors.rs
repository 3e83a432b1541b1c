//! What front servers send and read, by hand: variables, and answers that begin with a status.

use std::collections::BTreeMap;

/// An answer as a front server reads it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Answer {
    /// The first line, whole.
    pub(crate) first: String,
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// Reads an answer that begins with `Status: ` or with `HTTP/1.1 `, strictly.
    pub(crate) fn read(bytes: &[u8]) -> Self {
        let shown = || String::from_utf8_lossy(bytes).into_owned();
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
        let end = end.unwrap_or_else(|| panic!("no head in {}", shown()));
        let head: String = bytes[..end].iter().copied().map(char::from).collect();
        let mut lines = head.split("\r\n");
        let first = lines.next().unwrap_or_default().to_owned();
        let said = ["Status: ", "HTTP/1.1 "].iter().find_map(|begin| first.strip_prefix(begin));
        let said = said.unwrap_or_else(|| panic!("no status in {}", shown()));
        let (status, reason) = said.split_once(' ').expect("a reason");
        assert!(status.len() == 3 && !reason.is_empty(), "{first}");
        let headers = lines.map(|line| {
            let (name, value) = line.split_once(": ").unwrap_or_else(|| panic!("{line:?}"));
            (name.to_owned(), value.to_owned())
        });
        let (status, headers) = (status.parse().expect("a number"), headers.collect());
        Self { first, status, headers, body: bytes[end + 4..].to_vec() }
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// The environ, as the sample `environ` shows it.
    pub(crate) fn environ(&self) -> BTreeMap<String, String> {
        let text = self.text();
        let lines = text.lines().filter_map(|line| line.split_once('='));
        lines.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }
}

/// The variables of a request without a body, as fronts give them.
pub(crate) fn get(target: &str) -> Vec<(String, String)> {
    let query = target.split_once('?').map_or("", |(_, query)| query);
    variables(&[
        ("REQUEST_METHOD", "GET"),
        ("REQUEST_URI", target),
        ("QUERY_STRING", query),
        ("SERVER_PROTOCOL", "HTTP/1.1"),
        ("SERVER_NAME", "front.test"),
        ("SERVER_ADDR", "127.0.0.9"),
        ("SERVER_PORT", "8081"),
        ("REMOTE_ADDR", "192.0.2.7"),
        ("REMOTE_PORT", "4711"),
        ("HTTP_HOST", "a.test:8081"),
        ("HTTP_PROXY", "http://evil.test"),
        ("CONTENT_LENGTH", ""),
        ("CONTENT_TYPE", ""),
    ])
}

/// The same with a body of so many bytes.
pub(crate) fn post(target: &str, length: usize) -> Vec<(String, String)> {
    let mut variables = get(target);
    set(&mut variables, "REQUEST_METHOD", "POST");
    set(&mut variables, "CONTENT_LENGTH", &length.to_string());
    set(&mut variables, "CONTENT_TYPE", "text/plain");
    variables
}

pub(crate) fn variables(rows: &[(&str, &str)]) -> Vec<(String, String)> {
    rows.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// Puts a value in place of the one that is there.
pub(crate) fn set(variables: &mut Vec<(String, String)>, name: &str, value: &str) {
    variables.retain(|(known, _)| known != name);
    variables.push((name.to_owned(), value.to_owned()));
}
