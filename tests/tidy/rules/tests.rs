//! Each rule on a text that passes and on texts that it must refuse.

use super::*;

const NONE: [&str; 0] = [];

fn at(path: &str, text: &str) -> File {
    File::new(path, text)
}

#[test]
fn long_files() {
    assert_eq!(too_long(&at("a.rs", "1\n2\n"), 2), NONE);
    assert_eq!(too_long(&at("a.rs", "1\n2\n3\n"), 2), ["a.rs:3: 3 lines: at most 2, split it"]);
}

#[test]
fn ascii() {
    assert_eq!(not_ascii(&at("a.md", "plain \t text ~\n")), NONE);
    assert_eq!(not_ascii(&at("a.md", "x\ncaf\u{e9}")), ["a.md:2: `\\u{e9}` is not ASCII"]);
}

#[test]
fn width() {
    let line = "x".repeat(100);
    assert_eq!(too_wide(&at("a.rs", &line)), NONE);
    assert_eq!(too_wide(&at("a.rs", &format!("{line}https://example.org"))), NONE);
    assert_eq!(too_wide(&at("a.rs", &format!("\n{line}x"))), ["a.rs:2: 101 columns: at most 100"]);
}

#[test]
fn module_docs() {
    assert_eq!(undocumented_module(&at("a.rs", "//! What it is.\n")), NONE);
    assert_eq!(undocumented_module(&at("a.rs", "#![doc = include_str!(\"x\")]\n")), NONE);
    for text in ["", "//!\n", "\n//! Late.\n", "// No doc.\n", "/// Of an item.\nfn f() {}\n"] {
        assert_eq!(undocumented_module(&at("a.rs", text)).len(), 1, "{text:?}");
    }
}

#[test]
fn marks_of_things_to_do() {
    // The macro is clippy's to find. In two pieces, so that this line is no mark itself.
    let fine = ["// nothing to do; tmp.XXXXXX; to", "do!()\n"].concat();
    assert_eq!(left_to_be_done(&at("a.rs", &fine)), NONE);
    for mark in LEFT {
        let text = format!("// fine\n# {mark}: later\n");
        assert_eq!(left_to_be_done(&at("run", &text)).len(), 1, "{text}");
    }
}

#[test]
fn bools() {
    for text in [
        "fn f(a: u8, b: Option<bool>, c: impl Fn(u8) -> bool) -> bool { true }",
        "struct S { a: bool }",
        "type F = fn(bool) -> u8;",
        "// fn f(a: bool)\n",
        "fn f<T: Fn(u8) -> bool>(a: T, b: Truebool) {}",
        "fn f(a: fn(bool) -> bool) {}",
    ] {
        assert_eq!(bool_parameters(&at("a.rs", text), &[]), NONE, "{text}");
    }
    for text in [
        "fn f(a: bool) {}",
        "fn f<'a, T: Fn(u8) -> bool>(a: &'a T, b: bool) {}",
        "pub(crate) async fn f(\n    &self,\n    a: (u8, u8),\n    a: &mut bool,\n) {}",
        "impl T { fn f(&self, a: &bool) {} }",
        "fn f(a: &'a bool, b: u8);",
    ] {
        assert_eq!(bool_parameters(&at("a.rs", text), &[]).len(), 1, "{text}");
    }
    let visit = at("a.rs", "fn record_bool(&mut self, value: bool) {}");
    assert_eq!(bool_parameters(&visit, &[("a.rs", "record_bool", "tracing")]), NONE);
    assert_eq!(bool_parameters(&visit, &[("b.rs", "record_bool", "tracing")]).len(), 1);
}

#[test]
fn unsafe_code() {
    let allowed = [("a/abi/", "tables"), ("a/library.rs", "open")];
    let text = "fn f() { unsafe { g() } }\n";
    assert_eq!(stray_unsafe(&at("a/abi/x.rs", text), &allowed), NONE);
    assert_eq!(stray_unsafe(&at("a/library.rs", text), &allowed), NONE);
    assert_eq!(stray_unsafe(&at("a/x.rs", "#![deny(unsafe_code)] // unsafe\n"), &allowed), NONE);
    for text in [text, "unsafe impl Send for X {}\n", "#[unsafe(no_mangle)]\nfn f() {}\n"] {
        assert_eq!(stray_unsafe(&at("a/x.rs", text), &allowed).len(), 1, "{text}");
    }
}

#[test]
fn places_for_unsafe_code() {
    let files = [at("a/abi/x.rs", "unsafe impl Send for X {}"), at("a/y.rs", "// unsafe\n")];
    assert_eq!(unused_places(&files, &[("a/abi/", "tables")]), NONE);
    assert_eq!(unused_places(&files, &[("a/abi/", ""), ("a/y.rs", ""), ("b/", "")]).len(), 2);
}

#[test]
fn type_names() {
    let text = "struct Slot; fn handler() {} let util = 1; use x::Helper; // struct Manager\n";
    assert_eq!(vague_type_names(&at("a.rs", text)), NONE);
    for text in ["struct SlotManager;", "pub enum Utility {}", "trait\n    RequestHandler {}"] {
        assert_eq!(vague_type_names(&at("a.rs", text)).len(), 1, "{text}");
    }
}

#[test]
fn skips() {
    assert_eq!(bad_skips("# comment\n\nhttp::curl | curl is not installed\n"), NONE);
    for line in ["http::curl", "http::curl | ", " | reason", "http::curl|reason", " a | reason"] {
        assert_eq!(bad_skips(line).len(), 1, "{line}");
    }
}
