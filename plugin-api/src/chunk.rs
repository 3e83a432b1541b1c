//! One block of a body.

use crate::Error;
use crate::bridge::bytes::SharedBytes;

/// One block of a response body, or the error that ends it.
///
/// Anything that is bytes becomes one: `&'static str`, `String`, `&'static [u8]`, `Vec<u8>`, and
/// a `Result` of those. Large blocks cross to the host without being copied.
///
/// ```
/// use dsgi::Chunk;
/// let chunks: [Chunk; 3] = ["text".into(), vec![0xff, 0xfe].into(), String::from("more").into()];
/// assert_eq!(chunks[1].bytes(), [0xff, 0xfe]);
/// ```
#[derive(Debug)]
pub struct Chunk(Result<SharedBytes, Error>);

impl Chunk {
    /// The bytes; empty for an error.
    ///
    /// ```
    /// assert_eq!(dsgi::Chunk::from("abc").bytes(), b"abc");
    /// ```
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.0.as_ref().map_or(&[], |bytes| bytes)
    }

    /// The bytes, or the error that ends the body.
    ///
    /// # Errors
    /// The error this chunk was made from.
    pub fn into_result(self) -> Result<SharedBytes, Error> {
        self.0
    }
}

impl From<SharedBytes> for Chunk {
    fn from(bytes: SharedBytes) -> Self {
        Self(Ok(bytes))
    }
}

impl From<&'static str> for Chunk {
    fn from(text: &'static str) -> Self {
        Self(Ok(SharedBytes::constant(text.as_bytes())))
    }
}

impl From<&'static [u8]> for Chunk {
    fn from(bytes: &'static [u8]) -> Self {
        Self(Ok(SharedBytes::constant(bytes)))
    }
}

impl<const N: usize> From<&'static [u8; N]> for Chunk {
    fn from(bytes: &'static [u8; N]) -> Self {
        Self(Ok(SharedBytes::constant(bytes)))
    }
}

impl From<String> for Chunk {
    fn from(text: String) -> Self {
        Self(Ok(SharedBytes::from(text.into_bytes())))
    }
}

impl From<Vec<u8>> for Chunk {
    fn from(bytes: Vec<u8>) -> Self {
        Self(Ok(SharedBytes::from(bytes)))
    }
}

impl<T: Into<Self>, E: Into<Error>> From<Result<T, E>> for Chunk {
    fn from(result: Result<T, E>) -> Self {
        match result {
            Ok(chunk) => chunk.into(),
            Err(error) => Self(Err(error.into())),
        }
    }
}
