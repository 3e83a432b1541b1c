//! Imports go down: a module uses its own floor and the floors below.

use super::code::{code_only, is_word, line_of, words};
use super::tree::File;

/// What `file` of `host/src` imports from above, and modules that have no floor.
pub(super) fn upward_imports(file: &File, floors: &[(&str, u8)]) -> Vec<String> {
    let path = module(file);
    let Some(own) = floor(path, floors) else {
        return vec![format!(
            "{}: this module has no floor: add (\"{path}\", FLOOR) to FLOORS in tests/tidy.rs",
            file.path
        )];
    };
    let code = code_only(&file.text);
    let problem = |(offset, import): (usize, String)| {
        let line = line_of(&code, offset);
        if import.starts_with("super::") {
            return Some((line, format!("`{import}`: name it from `crate::` on")));
        }
        match floor(&import.replace("::", "/"), floors) {
            Some(theirs) if theirs <= own => None,
            Some(theirs) => {
                Some((line, format!("floor {own} imports `{import}` of floor {theirs}")))
            }
            // What the crate's root re-exports belongs to the top floor.
            None if own == floor("lib", floors)? => None,
            None => Some((
                line,
                format!(
                    "`crate::{import}` has no floor: import it from the module that defines it, \
                     or add that module to FLOORS in tests/tidy.rs"
                ),
            )),
        }
    };
    file.at_lines(imports(path, &code, floors).into_iter().filter_map(problem))
}

/// A line for each entry that no file of `host/src` lies in.
pub(super) fn empty_entries(files: &[File], floors: &[(&str, u8)]) -> Vec<String> {
    let is_empty = |entry: &str| {
        let entry = [(entry, 0)];
        !files.iter().any(|file| floor(module(file), &entry).is_some())
    };
    let empty = floors.iter().filter(|(entry, _)| is_empty(entry));
    empty.map(|(entry, _)| format!("no module `{entry}`: take it from FLOORS")).collect()
}

fn module(file: &File) -> &str {
    file.path.trim_start_matches("host/src/").trim_end_matches(".rs")
}

/// The floor of the longest entry that `path` lies in.
fn floor(path: &str, floors: &[(&str, u8)]) -> Option<u8> {
    let lies_in = |entry: &str| {
        path.strip_prefix(entry).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let entries = floors.iter().filter(|(entry, _)| lies_in(entry));
    entries.max_by_key(|(entry, _)| entry.len()).map(|(_, floor)| *floor)
}

/// Every path that starts at the crate's root, in `use` lines and elsewhere, without `crate::`.
/// Paths by `super` that leave the module's folder count too.
fn imports(path: &str, code: &str, floors: &[(&str, u8)]) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (offset, word) in words(code) {
        let Some(after) = code[offset + word.len()..].strip_prefix("::") else { continue };
        let in_root = !path.contains('/');
        match word {
            "crate" => {
                let mut rest = after;
                expand("", &mut rest, &mut |import| found.push((offset, import)));
            }
            "super" if after.starts_with("super::") => found.push((offset, "super::super".into())),
            // In a file beside lib.rs the parent is the root, but an inline module's parent is
            // the file: only a module that has a floor is taken for an import.
            "super" if in_root => {
                let mut rest = after;
                expand("", &mut rest, &mut |import| {
                    if floor(&import.replace("::", "/"), floors).is_some() {
                        found.push((offset, import));
                    }
                });
            }
            _ => {}
        }
    }
    found
}

/// Calls `found` for each path that `rest` begins with: `a::b` once, `{a, b::{c, d}}` thrice.
fn expand(prefix: &str, rest: &mut &str, found: &mut dyn FnMut(String)) {
    *rest = rest.trim_start();
    if let Some(inside) = rest.strip_prefix('{') {
        *rest = inside;
        loop {
            *rest = rest.trim_start_matches(|one: char| one.is_whitespace() || one == ',');
            match rest.chars().next() {
                Some('}') => break *rest = &rest[1..],
                Some(one) if is_word(one) || one == '{' || one == '*' => {
                    expand(prefix, rest, found);
                }
                _ => break,
            }
        }
        return;
    }
    let end = rest.find(|one| !is_word(one) && one != '*').unwrap_or(rest.len());
    let name = match prefix {
        "" => rest[..end].to_owned(),
        _ => format!("{prefix}::{}", &rest[..end]),
    };
    *rest = &rest[end..];
    if let Some(deeper) = rest.strip_prefix("::") {
        *rest = deeper;
        return expand(&name, rest, found);
    }
    if let Some(renamed) = rest.trim_start().strip_prefix("as ") {
        *rest = renamed.trim_start().trim_start_matches(is_word);
    }
    found(name);
}

#[cfg(test)]
mod tests {
    use super::*;

    const FLOORS: &[(&str, u8)] =
        &[("wire", 0), ("plugin", 1), ("plugin/retire", 3), ("site", 3), ("lib", 5)];

    fn problems(path: &str, text: &str) -> Vec<String> {
        upward_imports(&File::new(path, text), FLOORS)
    }

    #[test]
    fn downward_and_level_imports_pass() {
        let text = "use crate::{wire::{self, cgi::Head as H}, plugin::Slot};\nuse std::fmt;\n";
        assert_eq!(problems("host/src/site.rs", text), [""; 0]);
        assert_eq!(
            problems("host/src/lib.rs", "pub use crate::site::Site; use crate::X;"),
            [""; 0]
        );
        // A word in a comment is no import, nor is a module within the file.
        let text = "// crate::site\nmod tests { use super::Own; }\n";
        assert_eq!(problems("host/src/wire.rs", text), [""; 0]);
    }

    #[test]
    fn upward_imports_are_refused() {
        for text in [
            "use crate::site::Site;",
            "use crate::{wire, site::{Site, Table}};",
            "use crate::{\n    wire::{cgi, scgi},\n    plugin::{Slot, retire::Retire},\n};",
            "fn f() { crate::site::g() }",
            "use crate::{wire as w, site as s};",
            "use super::super::site::Site;",
        ] {
            assert!(!problems("host/src/plugin/slot.rs", text).is_empty(), "{text}");
        }
        assert_eq!(
            problems("host/src/wire.rs", "//! Doc.\nuse super::site::Site;"),
            ["host/src/wire.rs:2: floor 0 imports `site::Site` of floor 3"]
        );
        assert_eq!(
            problems("host/src/plugin/slot.rs", "use crate::{wire, plugin::{A, retire::B}};"),
            ["host/src/plugin/slot.rs:1: floor 1 imports `plugin::retire::B` of floor 3"]
        );
    }

    #[test]
    fn an_entry_without_a_module_is_refused() {
        let files = ["wire/cgi", "plugin", "plugin/retire", "lib"]
            .map(|module| File::new(&format!("host/src/{module}.rs"), ""));
        assert_eq!(empty_entries(&files, FLOORS), ["no module `site`: take it from FLOORS"]);
    }

    #[test]
    fn a_module_without_a_floor_is_refused() {
        assert!(problems("host/src/wires.rs", "")[0].contains("add (\"wires\", FLOOR)"));
        assert!(problems("host/src/site.rs", "use crate::wires::X;")[0].contains("has no floor"));
        assert!(problems("host/src/site.rs", "use crate::Config;")[0].contains("has no floor"));
    }
}
