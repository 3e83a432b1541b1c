//! What the texts of the command line mean, and their parts that a file has too.

use std::collections::HashMap;

use super::{ConfigError, Mount, Origin};
use crate::listener::{Listen, ListenError, NoAddress, Protocol};

impl Mount {
    /// `/PATH=[NAME=]FILE`.
    pub(super) fn parse(text: &str) -> Result<Self, ConfigError> {
        let wrong = || ConfigError::Mount(text.to_owned());
        let (path, file) = text.split_once('=').ok_or_else(wrong)?;
        match mount_path(path) {
            Some(path) if !file.is_empty() => Ok(Self::at(path, file, "--mount")),
            _ => Err(wrong()),
        }
    }

    /// `[NAME=]FILE`.
    pub(super) fn at(path: String, text: &str, flag: &'static str) -> Self {
        let (name, file) = match text.split_once('=') {
            Some((name, file)) if is_name(name) => (Some(name.to_owned()), file),
            _ => (None, text),
        };
        let (host, origin, layers) = (None, Origin::File(file.into()), Vec::new());
        Self { host, path, name, origin, layers, flag }
    }
}

/// A path of a mount, decoded and without a trailing slash.
pub(super) fn mount_path(path: &str) -> Option<String> {
    if crate::path::check(path).is_err() || path.contains("//") {
        return None;
    }
    let bare = path.trim_end_matches('/');
    let decoded = crate::path::decode(bare);
    // An encoded slash would be part of a segment, where a mount has none.
    let slashes = decoded.iter().filter(|byte| **byte == b'/').count();
    let decoded = String::from_utf8(decoded.into_owned()).ok()?;
    (slashes == bare.matches('/').count()).then_some(decoded)
}

/// Whether an application or a layer may have this name.
pub(super) fn is_name(text: &str) -> bool {
    let fine = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    !text.is_empty() && text.bytes().all(fine)
}

/// What `--listen` says.
pub(super) fn listen(text: &str) -> Result<Listen, ConfigError> {
    let (protocol, address) = match text.split_once("://") {
        None => (Protocol::Http, text),
        Some((name, address)) => match name.parse() {
            Ok(protocol) => (protocol, address),
            Err(_) => {
                let (address, protocol) = (text.to_owned(), name.to_owned());
                return Err(ConfigError::Protocol { address, protocol });
            }
        },
    };
    match address.parse() {
        Ok(address) => Ok(Listen::new(protocol, address)),
        Err(NoAddress) => Err(ListenError::Address(address.to_owned()).into()),
    }
}

/// Refuses two mounts at one path.
pub(super) fn one_at_each_path(mounts: &[Mount]) -> Result<(), ConfigError> {
    let mut known: HashMap<&str, &Mount> = HashMap::new();
    for mount in mounts {
        if let Some(first) = known.insert(&mount.path, mount) {
            return Err(ConfigError::Twice {
                path: format!("{}/", mount.path),
                first: format!("`{}`", first.origin),
                second: format!("`{}`", mount.origin),
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_split_from_files() {
        let at = |text| Mount::at(String::new(), text, "--load");
        assert_eq!(at("shop=./a.so").name.as_deref(), Some("shop"));
        assert_eq!(at("./a=b.so").origin, Origin::File("./a=b.so".into()));
        assert_eq!(at("a.so").name, None);
        let mount = Mount::parse("/shop/=x=./a.so").unwrap();
        assert_eq!((&*mount.path, mount.name.as_deref()), ("/shop", Some("x")));
        assert_eq!(Mount::parse("/a%20b/c=a.so").unwrap().path, "/a b/c");
        for wrong in
            ["shop=a.so", "/shop", "/shop=", "/a/../b=a.so", "//=a.so", "/a%2Fb=a.so", "/%ff=a.so"]
        {
            assert!(Mount::parse(wrong).is_err(), "{wrong} was taken");
        }
    }
}
