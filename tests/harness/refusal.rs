//! What a host says when it refuses: one line with what, where and why, one with what to do about
//! it where the user can act, and nothing else.

use super::client::get;
use super::host::Launch;
use super::libraries::c_app;
use super::operated::Operated;
use std::ffi::OsStr;
use std::process::Output;

/// The two lines of a refusal, without their `error: ` and `help: `.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Refusal {
    pub(crate) error: String,
    pub(crate) help: Option<String>,
}

/// What a host says that is to serve this file, and refuses it as a bad application. One that
/// serves already says the same of a deploy, and serves on.
#[track_caller]
pub(crate) fn refused_to_load(file: &(impl AsRef<OsStr> + ?Sized)) -> Refusal {
    let refusal = refuses(load(file), 65);
    let good = c_app(&["NAME \"good\""]);
    let host = Operated::start(Launch::new().arg("--load").arg(&good));
    let words = ["deploy", "good"].map(OsStr::new);
    let output = host.verb(&[&words[..], &[file.as_ref()]].concat());
    assert_eq!(refused(&output, 65).error, refusal.error, "as a deploy");
    assert_eq!(get(host.address(), "/").text(), "in C\n");
    refusal
}

/// Checks that a host which is to serve ends with `code` and a refusal, and gives what it said.
#[track_caller]
pub(crate) fn refuses(launch: Launch, code: i32) -> Refusal {
    let (above, refusal) = refuses_after_a_build(launch, code);
    assert_eq!(above, "", "more than a refusal");
    refusal
}

/// The same where cargo has said something before, and what that was.
#[track_caller]
pub(crate) fn refuses_after_a_build(launch: Launch, code: i32) -> (String, Refusal) {
    match launch.start_or_end() {
        Ok(host) => panic!("it serves at {}:\n{}", host.address(), host.log()),
        Err(output) => refusal_of(&output, code),
    }
}

/// A host that is to serve this file at `/`.
pub(crate) fn load(file: &(impl AsRef<OsStr> + ?Sized)) -> Launch {
    Launch::new().args(["--listen", "127.0.0.1:0", "--load"]).arg(file)
}

/// Checks that a host has ended with `code` and with a refusal, and gives what it said.
#[track_caller]
pub(crate) fn refused(output: &Output, code: i32) -> Refusal {
    let (above, refusal) = refusal_of(output, code);
    assert_eq!(above, "", "more than a refusal");
    refusal
}

/// What stands above the refusal, and the refusal.
#[track_caller]
fn refusal_of(output: &Output, code: i32) -> (String, Refusal) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    let said = format!("{}\n--- stdout\n{out}\n--- stderr\n{err}\n---", output.status);
    assert_eq!(output.status.code(), Some(code), "{said}");
    assert_eq!(out, "", "{said}");
    assert!(err.ends_with('\n'), "{said}");
    let mut lines: Vec<&str> = err.lines().collect();
    lines.pop_if(|line| line.starts_with("note: "));
    let help = lines.pop_if(|line| line.starts_with("help: "));
    let error = in_a_file(&mut lines).or_else(|| lines.pop().map(str::to_owned));
    let error = error.as_deref().unwrap_or_default();
    for line in [Some(error), help].into_iter().flatten() {
        assert!(!line.contains(char::is_control), "{said}");
        for noise in NOISE {
            assert!(!line.contains(noise), "`{noise}` means nothing to a user: {said}");
        }
    }
    let error = error.strip_prefix("error: ").unwrap_or_else(|| panic!("no error: {said}"));
    let help = help.map(|line| line["help: ".len()..].to_owned());
    (lines.join("\n"), Refusal { error: error.to_owned(), help })
}

/// What is wrong in a file, which is shown with its line, as the log tells it.
fn in_a_file(lines: &mut Vec<&str>) -> Option<String> {
    // The picture of a compiler stands above an error of ours.
    if lines.last()?.starts_with("error: ") {
        return None;
    }
    let is_place = |line: &&str| line.trim_start().starts_with("--> ");
    let at = lines.iter().position(is_place)?.checked_sub(1)?;
    let picture = lines.split_off(at);
    let what = picture[0].strip_prefix("error: ")?;
    let place = picture[1].trim_start().strip_prefix("--> ")?;
    Some(format!("error: `{place}`: {what}"))
}

/// What a panic says beside its place and message.
const NOISE: [&str; 4] =
    ["RUST_BACKTRACE", "stack backtrace", "__libc_start_main", "core::ops::function"];

impl Refusal {
    /// Checks that the error's line holds each of these.
    #[track_caller]
    pub(crate) fn says<'a>(&self, parts: impl IntoIterator<Item = &'a str>) -> &Self {
        for part in parts {
            assert!(self.error.contains(part), "no `{part}` in: {}", self.error);
        }
        self
    }

    /// Checks that there is a way out, and that it holds each of these.
    #[track_caller]
    pub(crate) fn helps<'a>(&self, parts: impl IntoIterator<Item = &'a str>) -> &Self {
        let help = self.help.as_deref().unwrap_or_else(|| panic!("no help for: {}", self.error));
        for part in parts {
            assert!(help.contains(part), "no `{part}` in: {help}");
        }
        self
    }
}
