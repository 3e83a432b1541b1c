//! The program `host`: from its arguments to its exit code.

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use clap::Parser;

use crate::apps::{Served, library_of, take_into_service};
use crate::cgi::Asked;
use crate::cli::{About, Cli, Command, File, OneFile, Serve};
use crate::config::{Changes, Config, Origin, schema};
use crate::control::{ControlError, Place, Socket};
use crate::crate_dir::Profile;
use crate::failure::Failure;
use crate::listener::{Listen, ListenError, Listener};
use crate::operator::{Events, Kind, Operator};
use crate::plan::Plan;
use crate::plugin::artifact::{Staging, read};
use crate::plugin::inspect::{Look, Proof, describe, inspect};
use crate::plugin::load;
use crate::plugin::retire::{self, Fate, Retired};
use crate::plugin::unload;
use crate::reload::{Hup, Reload};
use crate::roster::{Part, Roster};
use crate::running::Running;
use crate::server::Server;
use crate::slot::{Host, short};
use crate::state::record::{Record, Trial};
use crate::state::{SetAside, State};
use crate::switch::Switch;
use crate::{cgi, client, log, platform, probe_child, rotate, watch};

/// Runs the program and gives its exit code.
#[must_use]
pub fn run() -> ExitCode {
    log::start(std::env::var("DSGI_LOG").ok().as_deref());
    // Before any argument is looked at: a client may have written it.
    if let Some(asked) = cgi::asked() {
        return cgi::run_program(&asked);
    }
    let cli = Cli::parse();
    let result = match cli.command {
        Some(Command::Config(About::Schema)) => print(schema::SCHEMA),
        Some(Command::Probe) => probe_child::run(),
        Some(Command::Cgi(OneFile { file })) if Listener::is_handed_over() => serve_script(&file),
        Some(Command::Cgi(OneFile { file })) => return cgi::run_program(&Asked::File(file)),
        Some(Command::Inspect(file)) => inspect_file(&file),
        Some(Command::Check(file)) => check_file(&file),
        Some(Command::Ps(reach)) => client::ps(&reach, &mut io::stdout()),
        Some(Command::Deploy(deploy)) => client::deploy(&deploy, &mut io::stdout()),
        Some(Command::Rollback(app)) => client::rollback(&app, &mut io::stdout()),
        Some(Command::Drain(app)) => client::drain(&app, &mut io::stdout()),
        Some(Command::Events(reach)) => client::events(&reach, &mut io::stdout()),
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

/// A script that was started as a FastCGI program serves on.
fn serve_script(file: &Path) -> Result<(), Failure> {
    let load = vec![cgi::library_of(file)?.display().to_string()];
    serve(Serve { load, ..Serve::default() })
}

/// Sockets first, so that an address that is taken is told before anything is built or opened.
fn serve(typed: Serve) -> Result<(), Failure> {
    platform::ignore_file_limits();
    platform::outlive_rotation();
    rotate::start()?;
    let handed_over = Listener::handed_over()?;
    let config = Config::resolve(typed.clone())?;
    let listeners = listeners(&config, handed_over)?;
    if let Err(why) = unload::verdict() {
        tracing::warn!("no library will be unmapped: {why}");
    }
    if std::env::var_os("DSGI_HOLD_UNMAPPED").is_some() {
        unload::hold_what_is_gone();
    }
    let host = Arc::new(Host {
        switch: Arc::new(Switch::new(Plan::default())),
        staging: Staging::open()?,
        limits: Arc::clone(&config.limits),
        profile: config.profile,
        debug_headers: config.debug_headers,
        events: Events::default(),
        state: config.state.as_deref().map(state_of).transpose()?,
    });
    let running = Arc::new(running(&config, &listeners, &host));
    let hup = Hup::heed()?;
    let control = control_socket(&config, &running.status().name)?;
    let control = control.map(|socket| running.controlled_by(socket)).transpose()?;
    let events = host.events.clone();
    retire::start(move |retired| tell(&events, retired))?;
    let Served { plan, sources, linked } = take_into_service(&config, &host)?;
    // Nobody serves yet, and nobody has ended: a first plan is always taken.
    let _ = host.switch.change(|empty| *empty = plan, Instant::now());
    let server = Server::new(listeners, Arc::clone(&host.switch), Arc::clone(&config.limits))?;
    // Before anybody is told that it listens: who reads that may send a signal at once.
    let asked = server.asked_to_end()?;
    for source in &sources {
        source.slot.started(&host);
        source.remember(&host);
    }
    running.serve(sources, linked);
    if config.changes == Changes::Deploy {
        watch::start(Arc::clone(&host), running.sources().clone())?;
    }
    hup.reload(Reload::new(typed, config, &host, &running))?;
    let mut out = io::stdout().lock();
    for shown in server.shown() {
        writeln!(out, "listening on {shown}")?;
    }
    out.flush()?;
    drop(out);
    server.serve_until(async {
        let asked = asked.await;
        running.shut_down();
        // First no slot can be filled any more, then what is in them is given up.
        host.switch.end();
        running.clear();
        asked
    })?;
    // Who follows is told of the end, and the socket goes before the process does.
    drop(control);
    host.staging.clear();
    // Nobody has died.
    host.remember("", |state| state.change(Record::ended));
    // Libraries have registered what should run at the end, and their threads may still be at
    // work: nothing of that may run now.
    platform::end(0)
}

/// Beside what was handed over, where it is said to listen; the usual place where nothing is.
fn listeners(config: &Config, mut all: Vec<Listener>) -> Result<Vec<Listener>, ListenError> {
    for listen in &config.listen {
        all.push(Listener::bind(listen)?);
    }
    if all.is_empty() {
        all.push(Listener::bind(&Listen::usual())?);
    }
    Ok(all)
}

/// The state of the host before. What it says of that one's end is told.
fn state_of(folder: &Path) -> Result<State, Failure> {
    let (state, aside) = State::open(folder)?;
    if let Some(SetAside { file, why }) = aside {
        let file = file.display();
        tracing::warn!("what the host before remembered is set aside as `{file}`: {why}");
    }
    if let Some(Trial { app, digest, deaths }) = state.change(Record::began)? {
        let digest = short(&digest);
        tracing::warn!(
            app,
            digest,
            "in quarantine: the host died {deaths} times within its window"
        );
    }
    Ok(state)
}

/// A generation that went out of service is gone, or stays.
fn tell(events: &Events, retired: &Retired) {
    let Retired { app, number, version, digest, fate, .. } = retired;
    let (kind, text) = match fate {
        Fate::Gone => (Kind::Retired, format!("generation {number} is gone")),
        Fate::Pinned(why) => (Kind::Pinned, format!("generation {number} stays mapped: {why}")),
        Fate::Waiting(why) => (Kind::Draining, format!("generation {number} waits: {why}")),
    };
    match fate {
        Fate::Pinned(_) => tracing::warn!(app, generation = number, version, "{text}"),
        Fate::Gone | Fate::Waiting(_) => {
            tracing::info!(app, generation = number, version, "{text}")
        }
    }
    let fields = [
        ("version", version.clone().into()),
        ("digest", digest.clone().into()),
        ("generation", (*number).into()),
    ];
    events.publish(Some(app), kind, text, fields);
}

fn running(config: &Config, listeners: &[Listener], host: &Arc<Host>) -> Running {
    // Of a host without a port nobody else has the number.
    let first =
        || listeners.iter().find_map(Listener::address).map(|address| address.port().into());
    let name = || first().unwrap_or_else(std::process::id).to_string();
    let name = config.name.clone().unwrap_or_else(name);
    Running::new(name, listeners.iter().map(Listener::shown).collect(), Arc::clone(host))
}

/// The control socket. Where nobody has asked for one and the system gives none, as in a container
/// whose folders cannot be written to, the host serves without.
fn control_socket(config: &Config, name: &str) -> Result<Option<Socket>, ControlError> {
    let place = match &config.control {
        Some(socket) => Place::At(socket.clone()),
        None => Place::Named(name.to_owned()),
    };
    match Socket::bind(&place) {
        Ok(socket) => Ok(Some(socket)),
        Err(error @ ControlError::Taken(_)) => Err(error),
        Err(error) if config.control.is_some() || config.name.is_some() => Err(error),
        Err(error) => {
            let failure = Failure::from(error).one_line();
            tracing::warn!("`host ps` cannot reach this host: {failure}");
            Ok(None)
        }
    }
}

fn inspect_file(typed: &File) -> Result<(), Failure> {
    let file = library_of(&typed.file, profile(typed))?;
    let facts = inspect(&file, &read(&file)?, Look::Whole)
        .map_err(crate::plugin::artifact::ArtifactError::from)?;
    let layout = match facts.proof {
        Proof::Present => "proof present, compared when it is loaded",
        Proof::Absent => "declared",
    };
    print(&describe(&facts, layout))
}

fn check_file(typed: &File) -> Result<(), Failure> {
    let staging = Staging::open()?;
    if typed.file.extension().is_some_and(|extension| extension == "toml") {
        return check_config(typed, &staging);
    }
    let file = library_of(&typed.file, profile(typed))?;
    let artifact = load::take(&file, &staging)?;
    let name = artifact.facts.descriptor.name.clone();
    let limits = crate::limits::Limits::default();
    let layout = load::probe(&artifact, &name, "{}", None, &limits)?;
    print(&format!("{}: `{name}` passed its probe, layout {layout}\n", file.display()))
}

/// Reads a config, and tries each of its libraries with its own settings.
fn check_config(typed: &File, staging: &Staging) -> Result<(), Failure> {
    let config = Config::check(&typed.file).map_err(Failure::in_full)?;
    // A file names what it speaks of.
    let roster = Roster::of(&config, &mut |file| file.display().to_string())?;
    for Part { name, kind, origin, .. } in &roster.parts {
        let Origin::File(file) = origin else { continue };
        let file = library_of(file, profile(typed))?;
        let artifact = load::expect(load::take(&file, staging)?, *kind, &file)?;
        let (json, policy) = (config.settings.json(name), config.policies.get(name));
        let wish = policy.and_then(|policy| policy.probe.as_ref());
        let layout = load::probe(&artifact, name, &json, wish, &config.limits)?;
        if let Some(remark) = policy.and_then(|policy| policy.remark(name, &artifact)) {
            print(&format!("{}: {remark}\n", file.display()))?;
        }
        print(&format!("{}: `{name}` passed its probe, layout {layout}\n", file.display()))?;
    }
    let mounts = config.mounts.len();
    print(&format!("{}: fine, with {mounts} mounts\n", typed.file.display()))
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
