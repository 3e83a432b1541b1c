//! Code for one system stands behind one module.

use super::code::{code_only, is_word, line_of, words};
use super::tree::File;

/// Paths into what only some systems have.
const PATHS: [&str; 8] = [
    "libc::",
    "rustix::",
    "std::os::",
    "core::arch::",
    "libloading::os::",
    "tokio::signal::",
    "tokio::net::Unix",
    "tokio::net::unix",
];

/// What `cfg` asks of the system; the machine is another matter.
const ASKED: [&str; 8] = [
    "unix",
    "windows",
    "target_os",
    "target_env",
    "target_family",
    "target_vendor",
    "target_feature",
    "dsgi_portable",
];

/// The places where `file` names a system, outside of those that may and of unit tests.
pub(super) fn named(file: &File, allowed: &[(&str, &str)]) -> Vec<String> {
    if allowed.iter().any(|(place, _)| file.path.starts_with(place)) || is_test(file) {
        return Vec::new();
    }
    let what = "a system is named in the places that SYSTEMS in tests/tidy.rs lists";
    file.at_lines(
        found(&file.text).into_iter().map(|(line, name)| (line, format!("{name}: {what}"))),
    )
}

/// A line for each place that may name a system and does not.
pub(super) fn unused_places(files: &[File], allowed: &[(&str, &str)]) -> Vec<String> {
    let is_used = |place| {
        files.iter().any(|file| file.path.starts_with(place) && !found(&file.text).is_empty())
    };
    let unused = allowed.iter().filter(|(place, _)| !is_used(place));
    unused.map(|(place, _)| format!("{place} names no system: take it from SYSTEMS")).collect()
}

/// A file of its own for unit tests.
fn is_test(file: &File) -> bool {
    let path = file.path.trim_end_matches(".rs");
    path.ends_with("/tests") || path.contains("/tests/") || path.ends_with("/fixture")
}

/// The lines that name a system, up to the unit tests at the end.
fn found(text: &str) -> Vec<(usize, String)> {
    let code = code_only(text);
    let end = code.find("#[cfg(test)]\nmod tests {").unwrap_or(code.len());
    let code = &code[..end];
    let mut found = Vec::new();
    for path in PATHS {
        for (offset, _) in code.match_indices(path) {
            let begins_word = !code[..offset].ends_with(is_word);
            if begins_word {
                found.push((line_of(code, offset), format!("`{path}`")));
            }
        }
    }
    for (offset, word) in words(code).filter(|(_, word)| ["cfg", "cfg_attr"].contains(word)) {
        let Some(condition) = condition(&code[offset + word.len()..]) else { continue };
        if let Some((_, asked)) = words(condition).find(|(_, word)| ASKED.contains(word)) {
            found.push((line_of(code, offset), format!("`{asked}`")));
        }
    }
    found.sort();
    found
}

/// What stands in the parentheses after `cfg` or `cfg!`.
fn condition(after: &str) -> Option<&str> {
    let inside = after.strip_prefix('!').unwrap_or(after).trim_start().strip_prefix('(')?;
    let mut depth = 1_usize;
    let end = inside.find(|one| {
        depth = match one {
            '(' => depth + 1,
            ')' => depth - 1,
            _ => depth,
        };
        depth == 0
    });
    Some(&inside[..end.unwrap_or(inside.len())])
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALLOWED: &[(&str, &str)] = &[("host/src/platform", "all of them")];

    fn problems(path: &str, text: &str) -> Vec<String> {
        named(&File::new(path, text), ALLOWED)
    }

    #[test]
    fn what_names_no_system_passes() {
        let text = "// libc::exit, cfg(unix)\nuse std::ops::Range;\nfn unix() {}\n\
                    #[cfg(test)]\nuse super::X;\nfn f() { my_libc::x(); g(\"cfg(unix)\") }\n\
                    #[cfg(test)]\nmod tests {\n    use std::os::unix::fs::symlink;\n}\n";
        assert_eq!(problems("host/src/site.rs", text), [""; 0]);
        let unix = "use std::os::unix::fs::symlink;";
        for path in ["host/src/platform/files.rs", "host/src/site/tests.rs"] {
            assert_eq!(problems(path, unix), [""; 0], "{path}");
        }
    }

    #[test]
    fn a_system_that_is_named_elsewhere_is_refused() {
        for text in [
            "use std::os::unix::fs::symlink;",
            "use std::os::fd::AsRawFd;",
            "fn f() { unsafe { libc::getpid() }; }",
            "use rustix::fs::OFlags;",
            "#[cfg(unix)]\nfn f() {}",
            "#[cfg(all(not(target_os = \"linux\"), test))]\nfn f() {}",
            "#[cfg_attr(windows, path = \"x.rs\")]\nmod x;",
            "fn f() -> u8 { if cfg!(dsgi_portable) { 1 } else { 2 } }",
            "use tokio::net::UnixStream;",
            "async fn f() { tokio::signal::ctrl_c().await }",
            "use libloading::os::unix::Library;",
        ] {
            assert_eq!(problems("host/src/site.rs", text).len(), 1, "{text}");
        }
        let text = "//! Doc.\n#[cfg(any(windows, unix))]\nfn f() {}";
        let rule = "a system is named in the places that SYSTEMS in tests/tidy.rs lists";
        let expected = format!("host/src/site.rs:2: `windows`: {rule}");
        assert_eq!(problems("host/src/site.rs", text), [expected]);
    }

    #[test]
    fn a_place_without_a_system_is_refused() {
        let file = |text: &str| [File::new("host/src/platform/x.rs", text)];
        assert_eq!(unused_places(&file("use std::os::fd::OwnedFd;"), ALLOWED), [""; 0]);
        assert_eq!(
            unused_places(&file("use std::fs;"), ALLOWED),
            ["host/src/platform names no system: take it from SYSTEMS"]
        );
    }
}
