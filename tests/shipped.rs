//! The layers and applications that come with the host, as kinds that are linked in and as the
//! libraries of `sample-plugins`: over real sockets, byte for byte where it matters, and with curl
//! as a second client.

mod around;
mod compressed;
mod files;
mod logged;

use crate::harness::host::{Host, Launch};
use crate::harness::libraries::sample;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, ExitStatus};

/// `htpasswd -Bb -C 4`, of the password `engine`.
pub(crate) const ENGINE: &str = "$2b$04$75ssJinRtFl4pvfSzdaSLubPix49mDya79PC48qGQPfSqCXbNLS22";

/// A host that serves one application behind one layer.
struct Site(Host);

impl Site {
    /// A sample, and a layer as `--enable` takes it; each setting is one of `--set`.
    fn start(app: &str, layer: &str, settings: &[&str]) -> Self {
        Self::start_library(&sample(app), layer, settings)
    }

    fn start_library(app: &Path, layer: &str, settings: &[&str]) -> Self {
        Self::launched(Launch::new(), app, layer, settings)
    }

    fn launched(launch: Launch, app: &Path, layer: &str, settings: &[&str]) -> Self {
        let mut launch = launch.arg("--load").arg(app).args(["--enable", layer]);
        for setting in settings {
            launch = launch.args(["--set", setting]);
        }
        Self(launch.start())
    }

    fn address(&self) -> SocketAddr {
        self.0.address()
    }

    fn stdout(&self) -> String {
        self.0.stdout()
    }

    /// Ends it in an orderly way.
    fn end(mut self) -> ExitStatus {
        self.0.terminate();
        self.0.wait()
    }

    /// The same; what its log says.
    fn end_and_say(mut self) -> String {
        self.0.terminate();
        assert!(self.0.wait().success());
        self.0.log()
    }
}

/// What curl makes of it: its standard output, of a transfer that must succeed.
fn curl(address: SocketAddr, path: &str, options: &[&str]) -> Vec<u8> {
    let output = Command::new("curl")
        .args(["--silent", "--show-error", "--max-time", "60"])
        .args(options)
        .arg(format!("http://{address}{path}"))
        .output()
        .expect("curl is installed");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "curl {options:?} {path}: {said}");
    output.stdout
}

/// The same as text.
fn curl_text(address: SocketAddr, path: &str, options: &[&str]) -> String {
    String::from_utf8(curl(address, path, options)).expect("text")
}
