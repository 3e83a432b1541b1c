//! What can be typed, and which bench it starts.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, Parser, Subcommand};

use crate::report::Report;
use crate::{
    axum, bodies, broken_deploy, doors, growth, idle, instructions, layers, static_server, swap,
    throughput,
};

/// Measures the host beside a plain hyper server, nginx and Apache.
#[derive(Debug, Parser)]
#[command(name = "dsgi-bench")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    bench: Bench,
}

#[derive(Debug, Subcommand)]
enum Bench {
    /// User instructions per request, counted by callgrind
    Instructions(Options),
    /// CPU time per request under wrk, one core, interleaved rounds
    Throughput(Options),
    /// An application of axum as a library, beside `axum::serve` and hyper
    Axum(Options),
    /// CPU time per request of that application under wrk
    AxumThroughput(Options),
    /// CPU time of bodies: files beside nginx with and without sendfile, and what goes through an
    /// application of axum
    Bodies(Options),
    /// CPU time of a backend behind nginx, by protocol, beside libfcgi and uWSGI; its instructions;
    /// the start of a CGI program
    Doors(Options),
    /// Memory of an idle keep-alive connection
    Idle(Options),
    /// User instructions of layers around an application
    Layers(Options),
    /// What many mounts and many applications cost in one process
    Growth(Options),
    /// What clients see while applications are replaced, and what a swap costs a core
    Swap(Replacing),
    /// What clients see of a version that is broken, until it is mended
    BrokenDeploy(Replacing),
    /// The baseline: a plain hyper server with the same answer
    #[command(hide = true)]
    Static,
}

/// What every bench takes.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Write one JSON row per judged case to this file
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// How often to measure (default: 3 for instructions and idle, 30 for throughput, 20 for
    /// bodies and doors, 2 for swap; broken-deploy does once)
    #[arg(long, value_name = "N")]
    pub(crate) rounds: Option<NonZeroUsize>,
    /// Leave the host out: try the method on the static server and the peers alone
    #[arg(long)]
    pub(crate) baseline: bool,
}

/// What benches of several servers take as well.
#[derive(Debug, Args)]
pub(crate) struct Replacing {
    #[command(flatten)]
    pub(crate) options: Options,
    /// Only servers whose name contains this
    #[arg(long, value_name = "TEXT")]
    pub(crate) only: Option<String>,
}

impl Replacing {
    /// Whether a server is asked for.
    pub(crate) fn wants(&self, name: &str) -> bool {
        self.only.as_ref().is_none_or(|text| name.contains(text.as_str()))
    }

    fn command(&self, bench: &str) -> String {
        let only = self.only.as_ref().map(|text| format!(" --only '{text}'"));
        self.options.command(bench) + &only.unwrap_or_default()
    }
}

impl Options {
    /// The command as RESULTS.md quotes it; without FILE, which names somebody's machine.
    fn command(&self, bench: &str) -> String {
        let mut command = format!("cargo run --release -p dsgi-bench -- {bench}");
        if let Some(rounds) = self.rounds {
            command.push_str(&format!(" --rounds {rounds}"));
        }
        if self.baseline {
            command.push_str(" --baseline");
        }
        command
    }
}

/// Runs the bench asked for, prints its tables and writes its rows.
pub(crate) fn run(arguments: Arguments) -> Result<()> {
    let (name, options, measure): (_, _, fn(&Options, &mut Report) -> Result<()>) =
        match &arguments.bench {
            Bench::Static => return static_server::run(),
            Bench::Axum(options) => ("axum", options, axum::run),
            Bench::AxumThroughput(options) => ("axum-throughput", options, axum::run_throughput),
            Bench::Instructions(options) => ("instructions", options, instructions::run),
            Bench::Throughput(options) => ("throughput", options, throughput::run),
            Bench::Bodies(options) => ("bodies", options, bodies::run),
            Bench::Doors(options) => ("doors", options, doors::run),
            Bench::Idle(options) => ("idle", options, idle::run),
            Bench::Layers(options) => ("layers", options, layers::run),
            Bench::Growth(options) => ("growth", options, growth::run),
            Bench::Swap(replacing) => return run_replacing("swap", replacing, swap::run),
            Bench::BrokenDeploy(replacing) => {
                return run_replacing("broken-deploy", replacing, broken_deploy::run);
            }
        };
    let mut report = Report::begin(name, options.command(name))?;
    measure(options, &mut report)?;
    finish(options, &report)
}

fn run_replacing(
    name: &str,
    replacing: &Replacing,
    measure: fn(&Replacing, &mut Report) -> Result<()>,
) -> Result<()> {
    let mut report = Report::begin(name, replacing.command(name))?;
    measure(replacing, &mut report)?;
    finish(&replacing.options, &report)
}

fn finish(options: &Options, report: &Report) -> Result<()> {
    report.print()?;
    match &options.json {
        Some(file) => report.write_rows(file),
        None => Ok(()),
    }
}
