//! `${env:NAME}` and `${file:PATH}` in the strings of a config.
//!
//! What they stand for may be a secret. Invariant: it goes into the value and nowhere else; a
//! message shows what is written.

use std::env::{self, VarError};
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use crate::limits::CONFIG_SECRET_BYTES;

/// What is wrong with a text.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unexpanded {
    /// The part of it that stands for nothing.
    pub(super) part: String,
    pub(super) what: String,
    pub(super) help: &'static str,
}

const BEGIN: &str = "${";

/// For a text that means itself.
const ESCAPE: &str = "`$${` stands for `${`";

/// The text with what it stands for; none if it stands for itself. Files lie in `folder`.
pub(super) fn expand(text: &str, folder: &Path) -> Result<Option<String>, Unexpanded> {
    if !text.contains(BEGIN) {
        return Ok(None);
    }
    let mut expanded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(BEGIN) {
        let (before, from) = rest.split_at(at);
        if let Some(before) = before.strip_suffix('$') {
            expanded.push_str(before);
            expanded.push_str(BEGIN);
            rest = &from[BEGIN.len()..];
            continue;
        }
        expanded.push_str(before);
        let end = from.find('}').ok_or_else(|| Unexpanded {
            part: from.to_owned(),
            what: String::from("`${` without its `}`"),
            help: ESCAPE,
        })?;
        let (part, after) = from.split_at(end + 1);
        let wrong = |(what, help)| Unexpanded { part: part.to_owned(), what, help };
        expanded.push_str(&meant(&part[BEGIN.len()..end], folder).map_err(wrong)?);
        rest = after;
    }
    expanded.push_str(rest);
    Ok(Some(expanded))
}

/// What stands between the braces stands for, or what is wrong and what to do about it.
fn meant(inside: &str, folder: &Path) -> Result<String, (String, &'static str)> {
    match inside.split_once(':') {
        Some(("env", name)) => env::var(name).map_err(|error| match error {
            VarError::NotPresent => (
                format!("the environment has no variable `{name}`"),
                "set it where the host is started; `$${` stands for `${`",
            ),
            VarError::NotUnicode(_) => {
                (format!("the variable `{name}` is not UTF-8"), "a config is UTF-8")
            }
        }),
        Some(("file", name)) => read(&folder.join(name)).map_err(|error| {
            let help = "the path is meant from the folder of this config";
            (format!("cannot read `{name}`: {error}"), help)
        }),
        _ => {
            let what = format!("`${{{inside}}}` stands for nothing");
            Err((what, "possible are `${env:NAME}`, `${file:PATH}`, and `$${` for `${`"))
        }
    }
}

/// A file's text, without the end of its last line.
fn read(file: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(file)?.take(CONFIG_SECRET_BYTES + 1).read_to_string(&mut text)?;
    if text.len() as u64 > CONFIG_SECRET_BYTES {
        let most = CONFIG_SECRET_BYTES / 1024;
        return Err(io::Error::other(format!("it has more than {most} KiB")));
    }
    let line = text.strip_suffix('\n').unwrap_or(&text);
    Ok(line.strip_suffix('\r').unwrap_or(line).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expanded(text: &str) -> Result<Option<String>, Unexpanded> {
        expand(text, Path::new("/nowhere"))
    }

    #[test]
    fn a_text_without_a_part_is_itself() {
        for text in ["", "a", "$", "$$", "a}b", "{env:PATH}", "$env"] {
            assert_eq!(expanded(text), Ok(None), "{text}");
        }
    }

    #[test]
    fn variables_files_and_escapes_are_put_in() {
        let package = env!("CARGO_PKG_NAME");
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("secret"), "s3cret\r\n").unwrap();
        std::fs::write(folder.path().join("lines"), "a\nb\n\n").unwrap();
        for (text, expected) in [
            ("${env:CARGO_PKG_NAME}", package.to_owned()),
            ("<${env:CARGO_PKG_NAME}|${file:secret}>", format!("<{package}|s3cret>")),
            ("${file:lines}", String::from("a\nb\n")),
            ("$${env:X}", String::from("${env:X}")),
            ("$$${", String::from("$${")),
            ("$${${file:secret}", String::from("${s3cret")),
        ] {
            assert_eq!(expand(text, folder.path()), Ok(Some(expected)), "{text}");
        }
        // What is put in is not looked at again.
        std::fs::write(folder.path().join("secret"), "${env:NONE}").unwrap();
        let text = expand("${file:secret}", folder.path());
        assert_eq!(text, Ok(Some(String::from("${env:NONE}"))));
    }

    #[test]
    fn what_stands_for_nothing_is_named() {
        for (text, part, what) in [
            ("a${env:DSGI_NONE}b", "${env:DSGI_NONE}", "has no variable `DSGI_NONE`"),
            ("${file:none}", "${file:none}", "cannot read `none`: No such file"),
            ("${HOME}", "${HOME}", "`${HOME}` stands for nothing"),
            ("${}", "${}", "`${}` stands for nothing"),
            ("a ${env:X", "${env:X", "without its `}`"),
        ] {
            let error = expanded(text).unwrap_err();
            assert_eq!(error.part, part);
            assert!(error.what.contains(what), "{error:?}");
        }
        let folder = tempfile::tempdir().unwrap();
        let large = "x".repeat(usize::try_from(CONFIG_SECRET_BYTES).unwrap() + 1);
        std::fs::write(folder.path().join("large"), large).unwrap();
        let error = expand("${file:large}", folder.path()).unwrap_err();
        assert!(error.what.contains("more than 64 KiB"), "{error:?}");
    }
}
