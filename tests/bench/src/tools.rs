//! The programs of others that a bench needs: found before anything is built or started.

use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow, ensure};

/// A program and the Debian package that brings it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tool {
    name: &'static str,
    package: &'static str,
}

/// A program that Debian does not have: from PyPI, in a folder that goes with the builds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PythonTool(&'static str);

pub(crate) const GRANIAN: PythonTool = PythonTool("granian");

pub(crate) const SETPRIV: Tool = Tool { name: "setpriv", package: "util-linux" };
pub(crate) const TASKSET: Tool = Tool { name: "taskset", package: "util-linux" };
pub(crate) const VALGRIND: Tool = Tool { name: "valgrind", package: "valgrind" };
pub(crate) const WRK: Tool = Tool { name: "wrk", package: "wrk" };
pub(crate) const NGINX: Tool = Tool { name: "nginx", package: "nginx-light" };
pub(crate) const APACHE: Tool = Tool { name: "apache2", package: "apache2-bin" };
pub(crate) const APXS: Tool = Tool { name: "apxs", package: "apache2-dev" };
pub(crate) const UWSGI: Tool = Tool { name: "uwsgi", package: "uwsgi-core uwsgi-plugin-python3" };
pub(crate) const GUNICORN: Tool = Tool { name: "gunicorn", package: "gunicorn" };
pub(crate) const JAVA: Tool = Tool { name: "java", package: "openjdk-17-jdk-headless" };
pub(crate) const JAVAC: Tool = Tool { name: "javac", package: "openjdk-17-jdk-headless" };
pub(crate) const ADDR2LINE: Tool = Tool { name: "addr2line", package: "binutils" };
pub(crate) const JAR: Tool = Tool { name: "jar", package: "openjdk-17-jdk-headless" };

impl Tool {
    /// Where the program lies.
    pub(crate) fn find(self) -> Result<PathBuf> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        // Servers lie in the sbin folders, which the PATH of an ordinary user leaves out.
        let folders = std::env::split_paths(&path).chain(SBIN.map(PathBuf::from));
        folders.map(|folder| folder.join(self.name)).find(|file| file.is_file()).ok_or_else(|| {
            let Self { name, package } = self;
            anyhow!("`{name}` is not installed; help: apt-get install {package}")
        })
    }
}

impl PythonTool {
    /// Where the program lies.
    pub(crate) fn find(self) -> Result<PathBuf> {
        let Self(name) = self;
        let file = Path::new(ROOT).join(PEERS).join("bin").join(name);
        ensure!(
            file.is_file(),
            "`{name}` is not installed; help: python3 -m venv {PEERS} && \
             {PEERS}/bin/pip install {name}"
        );
        Ok(file)
    }
}

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
const PEERS: &str = "target/bench-peers";
const SBIN: [&str; 2] = ["/usr/sbin", "/usr/local/sbin"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_program_names_its_package() {
        let missing = Tool { name: "dsgi-no-such-program", package: "no-such-package" };
        let line = missing.find().unwrap_err().to_string();
        assert!(line.contains("help: apt-get install no-such-package"), "{line}");
        assert_eq!(line.lines().count(), 1);
        assert!(Tool { name: "sh", package: "dash" }.find().is_ok());
        let line = PythonTool("no-such-program").find().unwrap_err().to_string();
        assert!(line.ends_with("bench-peers/bin/pip install no-such-program"), "{line}");
    }
}
