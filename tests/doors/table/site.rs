//! What stands behind all doors: one host that listens at each of them as the document prints it,
//! and the same as a script for the servers that start one.

use crate::harness::fronts::printed::{self, DOORS, Places};
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

/// The host's own configuration in the document.
pub(super) const HOST: &str = "host";

/// Some fronts give no more of a body while an answer waits for them, and that should end soon.
const LIMITS: &str = "[server.limits]\nbody_timeout = \"10s\"\nwrite_timeout = \"10s\"\n";

/// Rules that the application `wrong` breaks, and nobody else.
pub(super) const BROKEN: &[&str] = &[
    "body-length",
    "call-no-panic",
    "content-length-one",
    "field-hop-by-hop",
    "field-no-status",
    "field-value-clean",
    "status-final",
];

impl Site {
    /// What asks it has the application break these rules.
    pub(super) fn open(broken: &'static [&'static str]) -> Self {
        let stage = Stage::new();
        let signs = stage.folder("signs");
        let library = stage.copy_program(&fault_app("doors"));
        let listening = listening(&stage).put_into(&printed::configuration(HOST));
        let served = config("", &library, &signs) + &listening;
        let launch = Launch::new().breaking(broken).arg("--config");
        let launch = launch.arg(stage.write("served.toml", &served)).env("RUST_BACKTRACE", "0");
        let host = launch.start_with_its_own_listeners(DOORS.len());
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
        let number = DOORS.iter().position(|known| *known == printed).expect("a door");
        let said = &self.host.addresses()[number];
        let address = said.split_once("://").map_or(said.as_str(), |(_, address)| address);
        address.strip_prefix("unix:").unwrap_or(address)
    }

    /// What stands behind a front, in the document's words.
    pub(super) fn places(&self) -> Places {
        let places = Places::default().with("/srv/shop", self.folder.display());
        DOORS.iter().fold(places, |places, printed| places.with(printed, self.door(printed)))
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

/// Ports that are free, sockets of ours, and the user that fronts run as.
fn listening(stage: &Stage) -> Places {
    let sockets = stage.folder("run");
    let places = Places::default().with("www-data", stage.user().owner());
    DOORS.iter().fold(places, |places, printed| {
        let there = match Path::new(printed).file_name() {
            Some(name) if printed.starts_with('/') => sockets.join(name).display().to_string(),
            _ => String::from("127.0.0.1:0"),
        };
        places.with(printed, there)
    })
}

fn config(enable: &str, library: &Path, signs: &Path) -> String {
    let (library, signs) = (library.display(), signs.display());
    let app = |name: &str| {
        format!("[apps.{name}]\npath = \"{library}\"\n[apps.{name}.config]\nsigns = \"{signs}\"\n")
    };
    let mount = |path: &str, app: &str| format!("[[mount]]\npath = \"{path}\"\napp = \"{app}\"\n");
    [
        enable.to_owned(),
        String::from(LIMITS),
        app("doors"),
        app("wrong"),
        mount("/", "doors"),
        mount("/shop", "doors"),
        mount("/wrong", "wrong"),
    ]
    .concat()
}
