//! What stands behind all doors: one host that listens at each of them, and the same as a script
//! for the servers that start one.

use crate::harness::fronts::printed::Places;
use crate::harness::host::{Host, Launch};
use crate::harness::libraries::fault_app;
use crate::harness::stage::Stage;
use std::path::{Path, PathBuf};

/// The same applications behind every door, with the validator around them.
#[derive(Debug)]
pub(super) struct Site {
    pub(super) host: Host,
    /// Where client and application leave signs for each other.
    pub(super) signs: PathBuf,
    /// The folder of the script.
    pub(super) folder: PathBuf,
    stage: Stage,
}

/// What a host listens to, and how the document calls it.
const DOORS: &[(&str, &str)] = &[("127.0.0.1:0", "127.0.0.1:8080")];

/// Rules that the application `wrong` breaks, and nobody else.
const BROKEN: &[&str] = &[
    "body-length",
    "call-no-panic",
    "content-length-one",
    "field-hop-by-hop",
    "field-no-status",
    "field-value-clean",
    "status-final",
];

impl Site {
    pub(super) fn open() -> Self {
        let stage = Stage::new();
        let signs = stage.folder("signs");
        let library = stage.copy_program(&fault_app("doors"));
        let served = stage.write("served.toml", &config("", &library, &signs));
        let listen = DOORS.iter().flat_map(|(listen, _)| ["--listen", listen]);
        let launch = Launch::new().breaking(BROKEN).arg("--config").arg(&served).args(listen);
        let host = launch.env("RUST_BACKTRACE", "0").start();
        let program = stage.copy_program(Path::new(env!("CARGO_BIN_EXE_host")));
        let enable = "enable = [\"validator\"]\n";
        let once = stage.write("once.toml", &config(enable, &library, &signs));
        stage.write(
            "shop.cgi",
            &format!(
                "#!/bin/sh\nDSGI_CONFIG={} RUST_BACKTRACE=0 exec {}\n",
                once.display(),
                program.display()
            ),
        );
        Self { host, signs, folder: stage.path().to_path_buf(), stage }
    }

    /// The script that answers one request.
    pub(super) fn script(&self) -> PathBuf {
        self.folder.join("shop.cgi")
    }

    /// Where the host listens for what the document calls so.
    pub(super) fn door(&self, printed: &str) -> &str {
        let number = DOORS.iter().position(|(_, known)| *known == printed).expect("a door");
        let said = &self.host.addresses()[number];
        said.split_once("://").map_or(said.as_str(), |(_, address)| address)
    }

    /// What stands behind a front, in the document's words.
    pub(super) fn places(&self) -> Places {
        let places = Places::default().with("/srv/shop", self.folder.display());
        DOORS.iter().fold(places, |places, (_, printed)| places.with(printed, self.door(printed)))
    }

    pub(super) fn stage(&self) -> &Stage {
        &self.stage
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            no_rule_is_broken_by_us("the host", &self.host.log());
        }
    }
}

/// A log tells of broken rules of the application that is there to break them, and of no other.
pub(super) fn no_rule_is_broken_by_us(place: &str, log: &str) {
    let told = log.lines().filter(|line| line.contains("validator: ") && line.contains(" broken "));
    let by_us: Vec<&str> =
        told.filter(|line| !line.contains("broken by application wrong")).collect();
    assert!(by_us.is_empty(), "rules are broken at {place}: {by_us:#?}");
}

fn config(enable: &str, library: &Path, signs: &Path) -> String {
    let (library, signs) = (library.display(), signs.display());
    let app = |name: &str| {
        format!("[apps.{name}]\npath = \"{library}\"\n[apps.{name}.config]\nsigns = \"{signs}\"\n")
    };
    let mount = |path: &str, app: &str| format!("[[mount]]\npath = \"{path}\"\napp = \"{app}\"\n");
    [
        enable.to_owned(),
        app("doors"),
        app("wrong"),
        mount("/", "doors"),
        mount("/shop", "doors"),
        mount("/wrong", "wrong"),
    ]
    .concat()
}
