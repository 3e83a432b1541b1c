//! Name and layout of a struct as texts, made at compile time.

use super::Field;

/// Longest text: some twenty fields, or the names of a crate and a struct.
const BYTES: usize = 1024;

/// A text that grows at compile time.
#[doc(hidden)]
#[derive(Debug)]
pub struct Layout {
    bytes: [u8; BYTES],
    length: usize,
}

impl Layout {
    /// A struct's name, within the module of this path: its crate's and its own. The modules
    /// between the two are not told, so that a file may move.
    #[must_use]
    pub const fn name(path: &str, name: &str) -> Self {
        let mut text = Self::new();
        let bytes = path.as_bytes();
        while text.length < bytes.len() && bytes[text.length] != b':' {
            assert!(text.length < BYTES, "the name of a crate is too long");
            text.bytes[text.length] = bytes[text.length];
            text.length += 1;
        }
        text.put("::").put(name)
    }

    /// Nothing yet.
    #[must_use]
    #[allow(clippy::new_without_default, reason = "it is a constant")]
    pub const fn new() -> Self {
        Self { bytes: [0; BYTES], length: 0 }
    }

    /// One field more.
    #[must_use]
    pub const fn field<F: Field>(self, name: &str, offset: usize) -> Self {
        let first = self.length == 0;
        let layout = self.put(if first { "" } else { ", " }).put(name).put(": ").put(F::NAME);
        let layout = layout.put(" at ").number(offset);
        // Plain numbers say their size by their name.
        match F::NAME.as_bytes() {
            [b'u' | b'i' | b'f', ..] => layout,
            _ => layout.put(" (").number(size_of::<F>()).put(")"),
        }
    }

    /// All fields were told; the size of the struct follows.
    #[must_use]
    pub const fn end(self, size: usize) -> Self {
        let none = self.length == 0;
        self.put(if none { "" } else { "; " }).number(size)
    }

    /// The text.
    ///
    /// # Panics
    /// Never: it is made of texts.
    #[must_use]
    pub const fn text(&self) -> &str {
        let (text, _) = self.bytes.split_at(self.length);
        match std::str::from_utf8(text) {
            Ok(text) => text,
            Err(_) => panic!("made of texts"),
        }
    }

    const fn put(mut self, text: &str) -> Self {
        let text = text.as_bytes();
        assert!(self.length + text.len() <= BYTES, "a value has no more than some twenty fields");
        let mut at = 0;
        while at < text.len() {
            self.bytes[self.length] = text[at];
            self.length += 1;
            at += 1;
        }
        self
    }

    const fn number(self, number: usize) -> Self {
        const DIGITS: [&str; 10] = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];
        let before = if number >= 10 { self.number(number / 10) } else { self };
        before.put(DIGITS[number % 10])
    }
}
