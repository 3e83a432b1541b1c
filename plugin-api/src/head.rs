//! The head of a response, as a layer reads and changes it.

use std::fmt;
use std::ops::Range;

/// Status and header fields of a response.
///
/// A layer meets the head of what is further in where it edits it on its way out, see
/// [`StartResponse::edit`](crate::StartResponse::edit), or in a [`Response`](crate::Response).
/// Names are compared without regard to case; values are bytes.
///
/// ```
/// let mut head = dsgi::Head::new(200);
/// head.set("Content-Type", "text/html");
/// head.append("Vary", "Accept");
/// head.append("vary", "Cookie");
/// assert_eq!(head.get("content-type"), Some("text/html"));
/// assert_eq!(head.get_all("Vary").collect::<Vec<_>>(), [b"Accept".as_slice(), b"Cookie"]);
/// head.remove("Vary");
/// assert_eq!(head.iter().count(), 1);
/// ```
#[derive(Clone)]
pub struct Head {
    status: u16,
    reason: Range<usize>,
    fields: Vec<Field>,
    /// Reason, names and values; what was replaced stays in it.
    text: Vec<u8>,
}

#[derive(Clone)]
struct Field {
    name: Range<usize>,
    value: Range<usize>,
}

impl Head {
    /// A head without fields, 200 to 999.
    ///
    /// ```
    /// assert_eq!(dsgi::Head::new(404).status(), 404);
    /// ```
    #[must_use]
    pub fn new(status: u16) -> Self {
        Self { status, reason: 0..0, fields: Vec::with_capacity(8), text: Vec::with_capacity(256) }
    }

    /// HTTP status code.
    #[must_use]
    pub const fn status(&self) -> u16 {
        self.status
    }

    /// Changes the status, 200 to 999; the reason is then the usual one.
    ///
    /// ```
    /// let mut head = dsgi::Head::new(200);
    /// head.set_status(503);
    /// assert_eq!((head.status(), head.reason()), (503, ""));
    /// ```
    pub const fn set_status(&mut self, status: u16) {
        self.status = status;
        self.reason = 0..0;
    }

    /// Reason phrase; empty for the usual one, or where it is not UTF-8.
    #[must_use]
    pub fn reason(&self) -> &str {
        std::str::from_utf8(self.reason_bytes()).unwrap_or_default()
    }

    /// Changes the reason phrase; an empty one is the usual one.
    ///
    /// ```
    /// let mut head = dsgi::Head::new(404);
    /// head.set_reason("Gone Fishing");
    /// assert_eq!(head.reason(), "Gone Fishing");
    /// ```
    pub fn set_reason(&mut self, reason: &str) {
        self.reason = self.put(reason.as_bytes());
    }

    /// The first value of a field as text; `None` when it is absent or not UTF-8.
    ///
    /// ```
    /// let mut head = dsgi::Head::new(200);
    /// head.set("ETag", "\"1\"");
    /// assert_eq!((head.get("etag"), head.get("Vary")), (Some("\"1\""), None));
    /// ```
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        std::str::from_utf8(self.get_bytes(name)?).ok()
    }

    /// The first value of a field as bytes.
    #[must_use]
    pub fn get_bytes(&self, name: &str) -> Option<&[u8]> {
        let named = self.fields.iter().find(|field| self.is_named(field, name));
        named.map(|field| self.at(&field.value))
    }

    /// Every value of a field, in the order they are sent.
    pub fn get_all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        let named = self.fields.iter().filter(|field| self.is_named(field, name));
        named.map(|field| self.at(&field.value))
    }

    /// Sets a field to one value, in place of all that it has.
    ///
    /// ```
    /// let mut head = dsgi::Head::new(200);
    /// head.append("Server", "a");
    /// head.append("server", "b");
    /// head.set("Server", "c");
    /// assert_eq!(head.get_all("Server").collect::<Vec<_>>(), [b"c"]);
    /// ```
    pub fn set(&mut self, name: &str, value: impl AsRef<[u8]>) {
        let value = self.put(value.as_ref());
        let Some(first) = self.fields.iter().position(|field| self.is_named(field, name)) else {
            let name = self.put(name.as_bytes());
            return self.fields.push(Field { name, value });
        };
        self.fields[first].value = value;
        self.retain_from(first + 1, name);
    }

    /// Adds a field behind all others.
    ///
    /// ```
    /// let mut head = dsgi::Head::new(200);
    /// head.append("Set-Cookie", "a=1");
    /// head.append("Set-Cookie", "b=2");
    /// assert_eq!(head.get_all("set-cookie").count(), 2);
    /// ```
    pub fn append(&mut self, name: &str, value: impl AsRef<[u8]>) {
        let (name, value) = (self.put(name.as_bytes()), self.put(value.as_ref()));
        self.fields.push(Field { name, value });
    }

    /// Takes every value of a field away.
    ///
    /// ```
    /// let mut head = dsgi::Head::new(200);
    /// head.set("Content-Length", "5");
    /// head.remove("content-length");
    /// assert_eq!(head.get("Content-Length"), None);
    /// ```
    pub fn remove(&mut self, name: &str) {
        self.retain_from(0, name);
    }

    /// All fields, in the order they are sent.
    ///
    /// ```
    /// let mut head = dsgi::Head::new(200);
    /// head.set("Vary", "Accept");
    /// assert_eq!(head.iter().collect::<Vec<_>>(), [("Vary", b"Accept".as_slice())]);
    /// ```
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        // Names come from texts, so they are UTF-8.
        self.iter_bytes()
            .map(|(name, value)| (std::str::from_utf8(name).unwrap_or_default(), value))
    }

    pub(crate) fn iter_bytes(&self) -> impl ExactSizeIterator<Item = (&[u8], &[u8])> + Clone {
        self.fields.iter().map(|field| (self.at(&field.name), self.at(&field.value)))
    }

    pub(crate) fn reason_bytes(&self) -> &[u8] {
        self.at(&self.reason)
    }

    fn retain_from(&mut self, first: usize, name: &str) {
        let mut at = first;
        while at < self.fields.len() {
            if self.is_named(&self.fields[at], name) {
                self.fields.remove(at);
            } else {
                at += 1;
            }
        }
    }

    fn is_named(&self, field: &Field, name: &str) -> bool {
        self.at(&field.name).eq_ignore_ascii_case(name.as_bytes())
    }

    fn at(&self, part: &Range<usize>) -> &[u8] {
        &self.text[part.clone()]
    }

    fn put(&mut self, bytes: &[u8]) -> Range<usize> {
        let from = self.text.len();
        self.text.extend_from_slice(bytes);
        from..self.text.len()
    }
}

impl fmt::Debug for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fields = self.iter().map(|(name, value)| (name, String::from_utf8_lossy(value)));
        write!(f, "Head({} ", self.status)?;
        f.debug_map().entries(fields).finish()?;
        f.write_str(")")
    }
}
