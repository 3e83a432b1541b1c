//! Crates of every shape, made in temporary folders and built by this machine's cargo.
//!
//! They depend on nothing, so that cargo needs no network. Invariant: each has a target folder of
//! its own, whatever the developer's environment says.

use std::ffi::OsString;
use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt;

use tempfile::TempDir;

use super::cargo::without_cargo_run;
use super::*;

const CDYLIB: &str = "[lib]\ncrate-type = [\"cdylib\"]\n";
const SOURCE: &str = "#[unsafe(no_mangle)]\npub static ANSWER: u32 = 42;\n";

struct Crates {
    _folder: TempDir,
    path: PathBuf,
    cargo: Cargo,
}

impl Crates {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        // Cargo follows symlinks in what it reports.
        let path = folder.path().canonicalize().unwrap();
        let mut cargo = Cargo::of_this_process();
        cargo.environment.retain(|(name, _)| name != "CARGO_TARGET_DIR");
        cargo.environment.push(("CARGO_NET_OFFLINE".into(), "true".into()));
        cargo.messages = Some(File::create(path.join("messages")).unwrap());
        Self { _folder: folder, path, cargo }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    fn write(&self, file: &str, content: &str) {
        let path = self.path(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// A package in the folder of its name; without a workspace of its own, so that it may be a
    /// member.
    fn package(&self, name: &str, rest: &str) {
        let head =
            format!("[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n");
        self.write(&format!("{name}/Cargo.toml"), &format!("{head}{rest}"));
        self.write(&format!("{name}/src/lib.rs"), SOURCE);
    }

    fn build(&self, name: &str) -> Result<PathBuf, BuildError> {
        build_with(&self.cargo, &self.path(name), Profile::Debug)
    }

    /// The message with this test's folder left out.
    fn refusal(&self, name: &str) -> (String, Option<String>) {
        let error = self.build(name).expect_err("it was built");
        let folder = format!("{}/", self.path.display());
        (error.to_string().replace(&folder, ""), error.help().map(|it| it.replace(&folder, "")))
    }

    fn messages(&self) -> String {
        fs::read_to_string(self.path("messages")).unwrap()
    }

    /// Another program in place of cargo.
    fn instead_of_cargo(&mut self, script: &str) {
        self.write("cargo", script);
        fs::set_permissions(self.path("cargo"), Permissions::from_mode(0o700)).unwrap();
        self.cargo.program = self.path("cargo");
    }
}

#[test]
fn a_crate_is_built_and_its_library_named() {
    let crates = Crates::new();
    crates.package("my-shop", CDYLIB);
    let library = crates.build("my-shop").unwrap();
    assert_eq!(library, crates.path("my-shop/target/debug/libmy_shop.so"));
    let first = fs::metadata(&library).unwrap().modified().unwrap();
    assert_eq!(crates.build("my-shop").unwrap(), library);
    assert_eq!(fs::metadata(&library).unwrap().modified().unwrap(), first, "it was built again");
    assert!(crates.messages().contains("Finished `dev`"), "{}", crates.messages());
}

#[test]
fn a_changed_crate_is_built_again() {
    let crates = Crates::new();
    crates.package("shop", CDYLIB);
    let before = fs::read(crates.build("shop").unwrap()).unwrap();
    crates.write("shop/src/lib.rs", &SOURCE.replace("42", "0x6b6f6d6d"));
    // A file system whose clock is coarse would hide the change from cargo.
    let later = std::time::SystemTime::now() + std::time::Duration::from_secs(10);
    let source = File::options().write(true).open(crates.path("shop/src/lib.rs")).unwrap();
    source.set_modified(later).unwrap();
    assert_ne!(fs::read(crates.build("shop").unwrap()).unwrap(), before);
}

#[test]
fn release_is_another_folder() {
    let crates = Crates::new();
    crates.package("shop", CDYLIB);
    let library = build_with(&crates.cargo, &crates.path("shop"), Profile::Release).unwrap();
    assert_eq!(library, crates.path("shop/target/release/libshop.so"));
}

#[test]
fn a_folder_without_a_manifest_is_no_crate() {
    let crates = Crates::new();
    fs::create_dir(crates.path("empty")).unwrap();
    let (error, help) = crates.refusal("empty");
    assert_eq!(error, "`empty` is not a crate: it holds no `Cargo.toml`");
    assert!(help.unwrap().contains("Cargo.toml"));
    assert!(matches!(crates.build("missing"), Err(BuildError::NoManifest { .. })));
}

#[test]
fn a_crate_without_a_cdylib_is_told_how_to_have_one() {
    let crates = Crates::new();
    crates.package("plain", "");
    crates.package("dylib", "[lib]\ncrate-type = [\"dylib\", \"rlib\"]\n");
    crates.package("program", "");
    fs::rename(crates.path("program/src/lib.rs"), crates.path("program/src/main.rs")).unwrap();
    crates.package("example", "[[example]]\nname = \"one\"\ncrate-type = [\"cdylib\"]\n");
    crates.write("example/examples/one.rs", SOURCE);
    for name in ["plain", "dylib", "program", "example"] {
        let (error, help) = crates.refusal(name);
        let expected = "builds no library that can be loaded: it has no cdylib target";
        assert_eq!(error, format!("`{name}` {expected}"));
        assert!(help.unwrap().contains("[lib] crate-type = [\"cdylib\"]"));
        assert!(!crates.path(name).join("target").exists(), "it was compiled in vain");
    }
    crates.package("both", "[lib]\ncrate-type = [\"rlib\", \"cdylib\"]\n");
    assert_eq!(crates.build("both").unwrap(), crates.path("both/target/debug/libboth.so"));
}

#[test]
fn one_member_of_a_workspace_is_chosen_by_its_folder() {
    let crates = Crates::new();
    crates.write(
        "Cargo.toml",
        "[workspace]\nresolver = \"3\"\nmembers = [\"one\", \"two\", \"plain\"]\n",
    );
    crates.package("one", CDYLIB);
    crates.package("plain", "");
    crates.package("two", &format!("{CDYLIB}[dependencies]\nplain = {{ path = \"../plain\" }}\n"));
    let error = crates.build("").unwrap_err();
    let folder = crates.path.display().to_string();
    let (one, two) = (crates.path("one"), crates.path("two"));
    assert_eq!(
        error.to_string(),
        format!(
            "`{folder}/` is a workspace with 2 cdylib crates, and one is loaded: `{}`, `{}`",
            one.display(),
            two.display()
        )
    );
    assert_eq!(
        error.help().unwrap(),
        format!("name the folder of one crate, as `{}`", one.display())
    );
    assert_eq!(crates.build("two").unwrap(), crates.path("target/debug/libtwo.so"));
    assert!(!crates.path("target/debug/libone.so").exists(), "the neighbour was built too");
}

#[test]
fn the_only_library_of_a_workspace_is_meant() {
    let crates = Crates::new();
    crates.write("Cargo.toml", "[workspace]\nresolver = \"3\"\nmembers = [\"plain\", \"one\"]\n");
    crates.package("plain", "");
    crates.package("one", CDYLIB);
    crates.write("plain/src/lib.rs", "not compiled");
    assert_eq!(crates.build("").unwrap(), crates.path("target/debug/libone.so"));
    // A member's own manifest is asked, and not its workspace's others.
    assert!(matches!(crates.build("plain"), Err(BuildError::NoLibrary { .. })));
}

#[test]
fn the_compiler_s_own_message_is_shown() {
    let crates = Crates::new();
    crates.package("shop", CDYLIB);
    let library = crates.build("shop").unwrap();
    crates.write("shop/src/lib.rs", "pub fn broken() -> u32 { \"text\" }\n");
    let (error, _) = crates.refusal("shop");
    assert!(library.exists(), "the control: an old library lies there");
    assert_eq!(error, "`shop` does not compile: cargo ended with exit status: 101");
    assert!(crates.messages().contains("error[E0308]: mismatched types"), "{}", crates.messages());
}

#[test]
fn a_manifest_that_cargo_refuses_is_named() {
    let crates = Crates::new();
    crates.write("shop/Cargo.toml", "[package\n");
    let (error, _) = crates.refusal("shop");
    assert_eq!(error, "cargo cannot read `shop/Cargo.toml`: exit status: 101");
    assert!(crates.messages().contains("Cargo.toml:1"), "{}", crates.messages());
}

#[test]
fn without_cargo_nothing_is_built() {
    let mut crates = Crates::new();
    crates.package("shop", CDYLIB);
    crates.cargo.program = "/nowhere/cargo".into();
    let (error, help) = crates.refusal("shop");
    assert_eq!(error, "cannot run `/nowhere/cargo` to build `shop`");
    assert!(help.unwrap().contains("install Rust"));
}

#[test]
fn only_what_this_build_reports_counts() {
    let mut crates = Crates::new();
    crates.package("shop", CDYLIB);
    crates.build("shop").unwrap();
    let metadata = format!(
        r#"{{"packages":[{{"manifest_path":"{}","targets":[{{"kind":["cdylib"]}}]}}]}}"#,
        crates.path("shop/Cargo.toml").display()
    );
    let other =
        r#"{"manifest_path":"/x/Cargo.toml","target":{"kind":["cdylib"]},"filenames":["/x.so"]}"#;
    let script = |built: &str| {
        format!("#!/bin/sh\ncase $1 in metadata) echo '{metadata}';; *) echo '{built}';; esac\n")
    };
    crates.instead_of_cargo(&script(other));
    let (error, _) = crates.refusal("shop");
    assert_eq!(error, "cargo built `shop` and reported no library");
    let ours =
        other.replace("/x/Cargo.toml", &crates.path("shop/Cargo.toml").display().to_string());
    crates.instead_of_cargo(&script(&ours.replace("/x.so", "/x.rlib\",\"/x.so")));
    assert_eq!(crates.build("shop").unwrap(), Path::new("/x.so"), "the control is refused");
    crates.instead_of_cargo("#!/bin/sh\necho no json\n");
    assert_eq!(crates.refusal("shop").0, "cargo's answer about `shop` cannot be read");
}

#[test]
fn the_environment_is_the_user_s() {
    let clean = |names: &[&str]| {
        let variables = names.iter().map(|name| (OsString::from(name), OsString::new())).collect();
        let kept = without_cargo_run(variables);
        kept.into_iter().map(|(name, _)| name.into_string().unwrap()).collect::<Vec<_>>()
    };
    let kept = [
        "PATH",
        "CARGO_HOME",
        "CARGO_TARGET_DIR",
        "CARGO_NET_OFFLINE",
        "CARGO_PROFILE_RELEASE_LTO",
        "CARGO_REGISTRIES_MINE_TOKEN",
        "RUSTFLAGS",
        "RUSTC_WRAPPER",
        "RUSTUP_TOOLCHAIN",
        "LD_LIBRARY_PATH",
    ];
    assert_eq!(clean(&kept), kept);
    let added = [
        "CARGO",
        "CARGO_MANIFEST_DIR",
        "CARGO_MANIFEST_PATH",
        "CARGO_PKG_NAME",
        "CARGO_BIN_EXE_host",
        "OUT_DIR",
        "HOME",
    ];
    assert_eq!(clean(&added), ["HOME"]);
}

#[test]
fn the_user_s_library_path_comes_back() {
    let clean = |path: &str| {
        let variables = [("CARGO_MANIFEST_DIR", "/x"), ("LD_LIBRARY_PATH", path)];
        let variables = variables.map(|(name, value)| (name.into(), value.into())).to_vec();
        let mut kept = without_cargo_run(variables);
        kept.pop().map(|(_, value)| value.into_string().unwrap())
    };
    let added = "/x/target/debug:/x/target/debug/deps:/rust/lib/rustlib/x86_64/lib";
    assert_eq!(clean(added), None);
    assert_eq!(
        clean(&format!("{added}:/rust/lib:/opt/lib")).as_deref(),
        Some("/rust/lib:/opt/lib")
    );
    assert_eq!(clean(&format!("{added}:{added}:/opt/lib")).as_deref(), Some("/opt/lib"));
    assert_eq!(clean("/opt/lib").as_deref(), Some("/opt/lib"));
}
