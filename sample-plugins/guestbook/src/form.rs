//! A form that a browser has sent.

use std::io::Read;

use dsgi::{Environ, Error, Result};

/// Its fields, as they were typed.
#[derive(Debug)]
pub(crate) struct Form(Vec<(String, String)>);

/// How many characters a field may have.
pub(crate) const LONGEST: usize = 200;

/// A form with the longest fields, each byte escaped, is shorter.
const BYTES_MAX: u64 = 16 * 1024;

impl Form {
    /// Reads the body of a request.
    ///
    /// # Errors
    /// It is longer than a form of ours (413), or does not arrive.
    pub(crate) fn read(environ: &mut Environ) -> Result<Self> {
        let mut bytes = Vec::new();
        environ.input().take(BYTES_MAX + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > BYTES_MAX {
            return Err(Error::status(413, "a form that is too long"));
        }
        Ok(Self(form_urlencoded::parse(&bytes).into_owned().collect()))
    }

    /// A field, or nothing where there is none.
    pub(crate) fn get(&self, name: &str) -> &str {
        let found = self.0.iter().find(|(field, _)| field == name);
        found.map_or("", |(_, value)| value)
    }

    /// A field that a visitor has to fill in.
    ///
    /// # Errors
    /// It is empty or too long (400).
    pub(crate) fn filled(&self, name: &str) -> Result<&str> {
        let value = self.get(name).trim();
        if value.is_empty() || value.chars().count() > LONGEST {
            let what = format!("`{name}` needs 1 to {LONGEST} characters");
            return Err(Error::status(400, what));
        }
        Ok(value)
    }
}
