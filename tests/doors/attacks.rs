//! What an attacker sends, through each door: the answer that is declared, bounded memory, and
//! neighbours that are served meanwhile.

mod floods;
mod table;
mod witness;

use super::peer::LISTEN;
use crate::harness::host::{Host, Launch};
use crate::harness::libraries::sample;
use std::path::PathBuf;
use tempfile::TempDir;

/// What is attacked: an application that gives bodies back, and one that tells of its environ.
#[derive(Debug)]
struct Attacked {
    host: Host,
    config: PathBuf,
    _folder: TempDir,
}

impl Attacked {
    fn start() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let config = folder.path().join("host.toml");
        let app = |name: &str, mount: &str| {
            let file = sample(name);
            let file = file.display();
            format!(
                "[apps.{name}]\npath = \"{file}\"\n\
                 [[mount]]\npath = \"{mount}\"\napp = \"{name}\"\n"
            )
        };
        std::fs::write(&config, app("upload", "/") + &app("environ", "/environ")).unwrap();
        let host = Launch::new().arg("--config").arg(&config).args(LISTEN).start();
        Self { host, config, _folder: folder }
    }
}
