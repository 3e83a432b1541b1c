//! The README's way through a life of an application: load and watch, change, break, mend, take
//! back, deploy, look. Each of its commands is run as it is printed, in the folder that it names.

use super::{FIRST, Session, readme, sessions};
use crate::authors;
use crate::harness::DEADLINE;
use crate::harness::crates::{Crates, Target};
use crate::harness::operated::Operated;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

const ASK: &str = "curl http://127.0.0.1:8080/tea";

/// Its commands, and what is known to be right about each.
const COMMANDS: [(&str, Proof); 13] = [
    ("host --load ./my-app --watch", Proof::Serves),
    (ASK, Proof::Prints),
    ("sed -i 's/you asked for/there is/' my-app/src/lib.rs", Proof::Edits),
    (ASK, Proof::Prints),
    ("sed -i 's/there is/there is no {}/' my-app/src/lib.rs", Proof::Breaks),
    (ASK, Proof::Prints),
    ("sed -i 's/there is no {}/there is no/' my-app/src/lib.rs", Proof::Edits),
    (ASK, Proof::Prints),
    ("host rollback my-app", Proof::Says(", generation 3) -> 0.1.0 (")),
    (ASK, Proof::Prints),
    ("host deploy my-app ./my-app", Proof::Says(", generation 4) -> 0.1.0 (")),
    (ASK, Proof::Prints),
    ("host ps", Proof::Says("my-app  app   /       serving  0.1.0      5")),
];

#[derive(Clone, Copy, Debug)]
enum Proof {
    /// Prints its lines and stays.
    Serves,
    /// Prints its lines; after an edit, as soon as that is built.
    Prints,
    Edits,
    /// Edits, so that the compiler complains.
    Breaks,
    /// Says this among other things.
    Says(&'static str),
}

#[test]
fn a_life_of_an_application_goes_as_it_says() {
    let told = sessions(&readme()).split_off(FIRST.len());
    let commands: Vec<&str> = told.iter().map(|session| &*session.command).collect();
    assert_eq!(commands, COMMANDS.map(|(command, _)| command), "not those that are proved here");

    let crates = authors::the_readmes();
    let launch = crates.host(Target::Shared);
    // The port of the README may be taken on this machine, and debug is built sooner.
    let words = told[0].command.split(' ').skip(1);
    let host = Operated::start(launch.args(words).arg("--debug").bare());
    assert_eq!(told[0].output, "listening on http://127.0.0.1:8080\n");
    for (session, (_, proof)) in told.iter().zip(COMMANDS) {
        match proof {
            Proof::Serves => {}
            Proof::Prints => prints(&crates, &host, session),
            Proof::Edits => edits(&crates, session),
            Proof::Breaks => {
                edits(&crates, session);
                host.wait_for_log("2 positional arguments in format string");
                host.wait_for_log("not deployed: `./my-app` does not compile");
            }
            Proof::Says(what) => {
                let output = run(&crates, &host, &session.command);
                let said = String::from_utf8_lossy(&output.stdout);
                assert!(output.status.success() && said.contains(what), "{output:?}");
                assert_eq!(session.output, "", "differs from day to day");
            }
        }
    }
}

fn prints(crates: &Crates, host: &Operated, session: &Session) {
    let command = session.command.replace("127.0.0.1:8080", &host.address().to_string());
    let until = Instant::now() + 5 * DEADLINE;
    loop {
        let output = run(crates, host, &command);
        if output.stdout == session.output.as_bytes() {
            return;
        }
        // Whatever is served meanwhile, it is served.
        assert!(output.status.success(), "{output:?}");
        assert!(Instant::now() < until, "{session:?} printed {output:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn edits(crates: &Crates, session: &Session) {
    let source = || std::fs::read_to_string(crates.path("my-app/src/lib.rs")).unwrap();
    let before = source();
    let mut shell = Command::new("sh");
    shell.args(["-c", &session.command]).current_dir(crates.path(""));
    let status = shell.status().expect("a shell");
    assert!(status.success() && source() != before, "{session:?} changes nothing");
}

fn run(crates: &Crates, host: &Operated, command: &str) -> Output {
    let words: Vec<&str> = command.split(' ').collect();
    match words.split_first().expect("a command") {
        (&"host", verb) => host.verb_in(&crates.path(""), verb),
        (program, words) => {
            let mut command = Command::new(program);
            command.arg("-sS").args(words).current_dir(crates.path(""));
            command.output().expect("curl is installed: see tests/install-tools")
        }
    }
}
