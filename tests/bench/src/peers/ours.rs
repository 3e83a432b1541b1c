//! Our host: another file given to it over its control socket, or the version before taken back.

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};

use super::{Fault, Peer, Put, Told, files};
use crate::artifacts;
use crate::client::{BODY, Version};
use crate::process::Server;
use crate::subject::Subject;

/// How versions are changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum By {
    /// A file, with everything that is looked at before it is opened.
    Deploy,
    /// The version before, which was looked at then.
    Rollback,
}

/// What a broken version does.
pub(crate) const FAULTS: &[Fault] = &[
    Fault::Truncated,
    Fault::Syntax,
    Fault::Start,
    Fault::StartCrash,
    Fault::Calls,
    Fault::CallsCrash,
    Fault::LateCalls,
    Fault::LateCallsCrash,
];

/// The versions as files.
#[derive(Debug)]
pub(crate) struct Libraries {
    sound: [PathBuf; 2],
    /// Its fault is a text in its bytes.
    ailing: PathBuf,
}

/// A host that runs.
#[derive(Debug)]
pub(crate) struct Ours<'a> {
    server: Server,
    control: PathBuf,
    libraries: &'a Libraries,
    folder: PathBuf,
    by: By,
}

impl Libraries {
    /// Builds what is broken, and copies the subject's library to a second version.
    pub(crate) fn build(subject: &Subject, folder: &Path) -> Result<Self> {
        let first = subject.library().context("the host loads nothing")?.to_path_buf();
        let second = folder.join("second.so");
        let bytes = fs::read(&first).context("the library cannot be read")?;
        fs::write(&second, replaced(&bytes, BODY, Version::B.body())?)?;
        Ok(Self { sound: [first, second], ailing: artifacts::ailing()? })
    }
}

impl<'a> Ours<'a> {
    /// Starts it on one core with version A in service and B as the version before.
    pub(crate) fn start(
        (subject, libraries): (&Subject, &'a Libraries),
        core: usize,
        folder: &Path,
        by: By,
    ) -> Result<Self> {
        let folder = files::folder(folder, "dsgi")?;
        let control = folder.join("control.sock");
        let subject = subject.clone().with(["--control".into(), control.clone().into()]);
        let server = subject.start(core, &folder)?;
        let ours = Self { server, control, libraries, folder, by };
        for version in [Version::B, Version::A] {
            let told = ours.deploy(ours.sound(version))?;
            ensure!(told == Told::Taken, "a sound version is refused: {told}");
        }
        Ok(ours)
    }

    /// Takes the version before back into service.
    pub(crate) fn rollback(&self) -> Result<Told> {
        self.post("rollback", "")
    }

    fn deploy(&self, file: &Path) -> Result<Told> {
        self.post("deployments", &serde_json::json!({ "file": file }).to_string())
    }

    fn sound(&self, version: Version) -> &'a Path {
        let [first, second] = &self.libraries.sound;
        match version {
            Version::A => first,
            Version::B => second,
        }
    }

    /// A version with a fault: a file, or for the compiler's a crate.
    fn broken(&self, fault: Fault) -> Result<PathBuf> {
        let text = match fault {
            Fault::Syntax => return self.crate_that_does_not_compile(),
            Fault::Truncated => "fault:none",
            Fault::Start => "fault:init error",
            Fault::StartCrash => "fault:init crash",
            Fault::Calls => "fault:call panic",
            Fault::CallsCrash => "fault:call crash",
            Fault::LateCalls => "fault:late panic",
            Fault::LateCallsCrash => "fault:late crash",
        };
        let bytes = fs::read(&self.libraries.ailing).context("the library cannot be read")?;
        let bytes = replaced(&bytes, "fault:none      ", &format!("{text:16}"))?;
        let file = self.folder.join("broken.so");
        let bytes = if fault == Fault::Truncated { files::beginning(&bytes) } else { &bytes[..] };
        files::put(&file, bytes)?;
        Ok(file)
    }

    fn crate_that_does_not_compile(&self) -> Result<PathBuf> {
        let folder = self.folder.join("broken");
        fs::create_dir_all(folder.join("src"))?;
        fs::write(folder.join("Cargo.toml"), MANIFEST)?;
        fs::write(folder.join("src/lib.rs"), "pub fn nothing( {\n")?;
        Ok(folder)
    }

    fn post(&self, wish: &str, body: &str) -> Result<Told> {
        let mut answer = String::new();
        let asked = UnixStream::connect(&self.control).and_then(|mut stream| {
            write!(
                stream,
                "POST /v1/apps/{APP}/{wish} HTTP/1.1\r\nhost: bench\r\nconnection: close\r\n\
                 content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            )?;
            stream.read_to_string(&mut answer)
        });
        Ok(match asked {
            Err(_) | Ok(0) => Told::NoAnswer,
            Ok(_) if answer.starts_with("HTTP/1.1 200") => Told::Taken,
            Ok(_) => Told::Refused(answer.lines().last().unwrap_or_default().to_owned()),
        })
    }
}

impl Peer for Ours<'_> {
    fn server(&mut self) -> &mut Server {
        &mut self.server
    }

    fn put(&mut self, put: Put) -> Result<Told> {
        match (put, self.by) {
            (Put::Sound(_), By::Rollback) => self.rollback(),
            (Put::Sound(version), By::Deploy) => self.deploy(self.sound(version)),
            (Put::Broken(fault), _) => self.deploy(&self.broken(fault)?),
        }
    }
}

/// A file with another text of the same length wherever it stands.
fn replaced(bytes: &[u8], text: &str, with: &str) -> Result<Vec<u8>> {
    ensure!(text.len() == with.len(), "`{text}` and `{with}` are not of one length");
    let mut copy = bytes.to_vec();
    let mut found = 0;
    for at in 0..copy.len().saturating_sub(text.len() - 1) {
        if bytes[at..].starts_with(text.as_bytes()) {
            copy[at..at + with.len()].copy_from_slice(with.as_bytes());
            found += 1;
        }
    }
    ensure!(found > 0, "the library does not hold `{text}`");
    Ok(copy)
}

const APP: &str = "hello-inline";
const MANIFEST: &str = "[package]\nname = \"broken\"\nedition = \"2024\"\n\n\
                        [lib]\ncrate-type = [\"cdylib\"]\n\n[workspace]\n";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_replaced_in_place_or_the_file_is_refused() {
        assert_eq!(replaced(b"xabyab", "ab", "cd").unwrap(), b"xcdycd");
        assert!(replaced(b"xyz", "ab", "cd").unwrap_err().to_string().contains("does not hold"));
        assert!(replaced(b"ab", "ab", "c").unwrap_err().to_string().contains("of one length"));
        assert!(replaced(b"", "ab", "cd").is_err());
    }
}
