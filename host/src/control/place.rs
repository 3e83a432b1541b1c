//! Where control sockets lie.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::platform::rights::user;

/// Names the folder of control sockets, above all defaults.
const FOLDER: &str = "DSGI_CONTROL_DIR";

/// Where a host's control socket lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// In the folder where clients look for it: private to this user.
    Named(String),
    /// Where the user says.
    At(PathBuf),
}

impl Place {
    /// The socket.
    pub(crate) fn socket(&self) -> PathBuf {
        match self {
            Self::Named(name) => folder().join(format!("{name}.sock")),
            Self::At(socket) => socket.clone(),
        }
    }
}

/// The folder of this user's control sockets.
pub(crate) fn folder() -> PathBuf {
    let user = user();
    folder_of(user, |name| std::env::var_os(name)).unwrap_or_else(|| {
        // Where nobody has made a folder for this user; it is made private, or refused.
        std::env::temp_dir().join(format!("dsgi-{user}"))
    })
}

fn folder_of(user: u32, variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let absolute = |name| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
    if let Some(folder) = absolute(FOLDER) {
        return Some(folder);
    }
    match user {
        0 => Some(PathBuf::from("/run/dsgi")),
        _ => absolute("XDG_RUNTIME_DIR").map(|folder| folder.join("dsgi")),
    }
}

/// Whether a host can have this name: it becomes the name of a file.
pub(crate) fn is_name(text: &str) -> bool {
    let fine = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    !text.is_empty() && !text.starts_with('.') && text.len() <= 64 && text.bytes().all(fine)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_user_has_a_folder() {
        let with = |user, variables: &[(&str, &str)]| {
            let find = |name: &str| variables.iter().find(|one| one.0 == name);
            folder_of(user, |name| find(name).map(|one| OsString::from(one.1)))
        };
        let xdg = ("XDG_RUNTIME_DIR", "/run/user/7");
        assert_eq!(with(0, &[xdg]), Some("/run/dsgi".into()));
        assert_eq!(with(7, &[xdg]), Some("/run/user/7/dsgi".into()));
        assert_eq!(with(7, &[xdg, (FOLDER, "/x")]), Some("/x".into()));
        assert_eq!(with(0, &[(FOLDER, "/x")]), Some("/x".into()));
        assert_eq!(with(7, &[("XDG_RUNTIME_DIR", "relative")]), None);
    }

    #[test]
    fn names_are_names_of_files() {
        for fine in ["8080", "shop-1", "a.b_c"] {
            assert!(is_name(fine), "{fine}");
        }
        for wrong in ["", ".", "..", ".x", "a/b", "a b", &"x".repeat(65)] {
            assert!(!is_name(wrong), "{wrong}");
        }
    }
}
