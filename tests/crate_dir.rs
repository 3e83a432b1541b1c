//! A crate's folder in place of a file: cargo builds it, and the host serves what cargo reports.

use crate::harness::client::get;
use crate::harness::crates::{Crates, Target};
use crate::harness::host::Launch;
use crate::harness::project;
use crate::harness::refusal::{Refusal, refuses, refuses_after_a_build};

/// Answers with the profile that it was built in.
const BY_HAND: &str = include_str!("libraries/by_hand.rs");

const NO_EXPORT: &str = "#[unsafe(no_mangle)]\npub static SEVEN: u32 = 7;\n";

#[test]
fn it_is_built_for_release_unless_debug_is_asked_for() {
    let crates = Crates::new();
    // The library's name is not the folder's, and only cargo says it.
    crates.library("shop", "name = \"counter\"\n", BY_HAND);
    for (flags, profile) in [(&[][..], "release\n"), (&["--debug"], "debug\n")] {
        let host = load(&crates, "shop").args(flags).start();
        assert_eq!(get(host.address(), "/").text(), profile);
        let built = crates.path("shop/target").join(profile.trim_end()).join("libcounter.so");
        assert!(built.exists(), "not where cargo puts it by itself");
    }
}

#[test]
fn what_is_changed_is_built_again() {
    let crates = Crates::new();
    crates.library("shop", "", BY_HAND);
    let asked = || {
        let host = load(&crates, "shop").arg("--debug").start();
        get(host.address(), "/").text().to_owned()
    };
    assert_eq!(asked(), "debug\n");
    crates.write("shop/src/lib.rs", &BY_HAND.replace("\"debug\\n\"", "\"changed\\n\""));
    assert_eq!(asked(), "changed\n");
}

/// As under `cargo run` and `cargo test`, whose variables are meant for another build.
#[test]
fn the_environment_of_another_build_does_not_leak_into_it() {
    let crates = Crates::new();
    let source = format!("{BY_HAND}\nconst _: () = assert!(option_env!(\"OUT_DIR\").is_none());\n");
    crates.library("shop", "", &source);
    let host = load(&crates, "shop").arg("--debug").env("OUT_DIR", "/nowhere");
    let host = host.env("CARGO_MANIFEST_DIR", "/nowhere").start();
    assert_eq!(get(host.address(), "/").text(), "debug\n");
}

#[test]
fn check_and_inspect_take_a_folder_too() {
    let crates = Crates::new();
    crates.library("shop", "", BY_HAND);
    for (command, says) in [("check", "`by-hand` passed its probe"), ("inspect", "by-hand\n")] {
        let output = crates.host(Target::Own).args([command, "shop", "--debug"]).run();
        let out = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success() && out.contains(says), "{command}: {out}");
        assert!(!out.contains("Compiling") && !out.contains("{"), "cargo's words: {out}");
    }
}

#[test]
fn a_crate_without_a_cdylib_says_how_to_make_one() {
    let crates = Crates::new();
    crates.library("shop", "", BY_HAND);
    let manifest = "[package]\nname = \"shop\"\nversion = \"0.1.0\"\nedition = \"2024\"\n";
    crates.write("shop/Cargo.toml", manifest);
    let (_, refusal) = refusal(&crates, "shop");
    refusal.says(["`shop` builds no library", "no cdylib target"]);
    refusal.helps(["Cargo.toml", "src/lib.rs"]);
    // What it says to add is added.
    let help = refusal.help.unwrap();
    let added =
        help.split('`').find_map(|part| part.strip_prefix("[lib] ")).expect("a line to add");
    crates.write("shop/Cargo.toml", &format!("{manifest}[lib]\n{added}\n"));
    let host = load(&crates, "shop").arg("--debug").start();
    assert_eq!(get(host.address(), "/").text(), "debug\n");
}

#[test]
fn of_several_cdylibs_one_has_to_be_named() {
    let crates = Crates::new();
    crates.write("Cargo.toml", "[workspace]\nresolver = \"3\"\nmembers = [\"shop\", \"blog\"]\n");
    crates.library("shop", "", BY_HAND);
    crates.library("blog", "", BY_HAND);
    let (_, refusal) = refusal(&crates, ".");
    refusal.says(["is a workspace with 2 cdylib crates", "shop", "blog"]);
    refusal.helps(["name the folder of one crate"]);
    let help = refusal.help.unwrap();
    let named = help.split('`').nth(1).expect("a folder in backticks");
    let host = load(&crates, named).arg("--debug").start();
    assert_eq!(get(host.address(), "/").text(), "debug\n");
}

#[test]
fn a_cdylib_that_exports_no_application_says_how_to() {
    let crates = Crates::new();
    crates.library("shop", "", NO_EXPORT);
    let (_, refusal) = refusal(&crates, "shop");
    refusal.says(["libshop.so", "is not a DSGI library", "exports no `dsgi_app_v1`"]);
    refusal.helps(["dsgi::app!(app);"]);
}

#[test]
fn the_compiler_s_own_message_is_shown() {
    let crates = Crates::new();
    crates.library("shop", "", "pub fn price() -> u32 {\n    \"seven\"\n}\n");
    let (above, refusal) = refusal(&crates, "shop");
    refusal.says(["`shop` does not compile", "exit status: 101"]);
    for part in
        ["error[E0308]: mismatched types", "src/lib.rs:2:5", "\"seven\"", "could not compile"]
    {
        assert!(above.contains(part), "no {part} in:\n{above}");
    }
    assert!(!above.contains("\"reason\""), "cargo's messages for programs:\n{above}");
    // What cargo says of a manifest that it cannot read stands above, too.
    crates.write("shop/Cargo.toml", "[package\n");
    let (above, refusal) = self::refusal(&crates, "shop");
    refusal.says(["cargo cannot read", "shop/Cargo.toml"]);
    assert!(above.contains("TOML") || above.contains("expected"), "{above}");
}

#[test]
fn without_cargo_a_built_library_is_asked_for() {
    let crates = Crates::new();
    crates.library("shop", "", BY_HAND);
    let launch = load(&crates, "shop").env("PATH", "/nowhere").env_remove("CARGO");
    let refusal = refuses(launch, 65);
    refusal.says(["cannot run `cargo` to build `shop`"]).helps(["rustup.rs", "already built"]);
}

/// The one crate here that is written with the kit: what it says of panics is the macro's doing.
#[test]
fn a_crate_whose_panics_end_the_process_is_refused_until_they_do_not() {
    let crates = Crates::new();
    let kit = project().join("plugin-api");
    let kit = format!("dsgi = {{ path = {kit:?}, default-features = false }}");
    let source = include_str!("../sample-plugins/hello/src/lib.rs");
    let with = |panic: &str| {
        let profile = format!("[profile.dev]\npanic = \"{panic}\"\n");
        crates.library("aborts", &format!("[dependencies]\n{kit}\n{profile}"), source);
        crates.lock_versions("aborts");
        crates.host(Target::Shared).args(["--debug", "--load", "aborts"])
    };
    let (_, refusal) = refuses_after_a_build(with("abort"), 65);
    refusal.says(["libaborts.so", "is built with panic=abort", "would end the whole host"]);
    refusal.helps(["panic = \"unwind\"", "profile"]);
    let host = with("unwind").start();
    assert_eq!(get(host.address(), "/").text(), "I'm a DSGI application.\n");
}

fn load(crates: &Crates, folder: &str) -> Launch {
    crates.host(Target::Own).args(["--load", folder])
}

#[track_caller]
fn refusal(crates: &Crates, folder: &str) -> (String, Refusal) {
    refuses_after_a_build(load(crates, folder).arg("--debug"), 65)
}
