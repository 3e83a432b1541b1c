//! The program `host`: from its arguments to its exit code.

use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;

use crate::apps::{library_of, take_into_service};
use crate::cli::{Cli, Command, File, Serve};
use crate::config::Config;
use crate::crate_dir::Profile;
use crate::failure::Failure;
use crate::listener::Listener;
use crate::plugin::artifact::{Staging, read};
use crate::plugin::inspect::{Proof, describe, inspect};
use crate::plugin::load;
use crate::server::Server;
use crate::{log, platform, probe_child};

/// Runs the program and gives its exit code.
#[must_use]
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    log::start(std::env::var("DSGI_LOG").ok().as_deref());
    let result = match cli.command {
        Some(Command::Probe) => probe_child::run(),
        Some(Command::Inspect(file)) => inspect_file(&file),
        Some(Command::Check(file)) => check_file(&file),
        None => serve(cli.serve),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{failure}");
            failure.code()
        }
    }
}

/// Sockets first, so that an address that is taken is told before anything is built or opened.
fn serve(typed: Serve) -> Result<(), Failure> {
    let config = Config::resolve(typed)?;
    let listeners: Result<Vec<Listener>, _> =
        config.listen.iter().map(|address| Listener::bind(address)).collect();
    let listeners = listeners?;
    let staging = Staging::open()?;
    let plan = take_into_service(&config, &staging)?;
    let server = Server::new(listeners, plan, Arc::clone(&config.limits))?;
    // Before anybody is told that it listens: who reads that may send a signal at once.
    let asked = server.asked_to_end()?;
    let mut out = io::stdout().lock();
    for address in server.addresses() {
        writeln!(out, "listening on http://{address}")?;
    }
    out.flush()?;
    drop(out);
    server.serve_until(asked)?;
    staging.clear();
    // Libraries have registered what should run at the end, and their threads may still be at
    // work: nothing of that may run now.
    platform::end(0)
}

fn inspect_file(typed: &File) -> Result<(), Failure> {
    let file = library_of(&typed.file, profile(typed))?;
    let facts =
        inspect(&file, &read(&file)?).map_err(crate::plugin::artifact::ArtifactError::from)?;
    let layout = match facts.proof {
        Proof::Present => "proof present, compared when it is loaded",
        Proof::Absent => "declared",
    };
    print(&describe(&facts, layout))
}

fn check_file(typed: &File) -> Result<(), Failure> {
    let file = library_of(&typed.file, profile(typed))?;
    let staging = Staging::open()?;
    let artifact = load::take(&file, &staging)?;
    let name = artifact.facts.descriptor.name.clone();
    let limits = crate::limits::Limits::default();
    let layout = load::probe(&artifact, &name, "{}", &limits)?;
    print(&format!("{}: `{name}` passed its probe, layout {layout}\n", file.display()))
}

fn profile(typed: &File) -> Profile {
    if typed.debug { Profile::Debug } else { Profile::Release }
}

fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    if !text.ends_with('\n') {
        out.write_all(b"\n")?;
    }
    Ok(out.flush()?)
}
