//! `dsgi-bench`: what the host costs, beside a plain hyper server, nginx and Apache.
//!
//! One subcommand is one bench; each starts its servers as child processes on 127.0.0.1, measures
//! ratios inside one run, and prints a Markdown table. `README.md` says how to read it.

mod apache;
mod artifacts;
mod axum;
mod bodies;
mod breakdown;
mod broken_deploy;
mod callgrind;
mod cli;
mod client;
mod cores;
mod doors;
mod figures;
mod growth;
mod idle;
mod instructions;
mod layers;
mod load;
mod machinery;
mod nginx;
mod peers;
mod process;
mod procfs;
mod report;
mod static_server;
mod subject;
mod swap;
mod throughput;
mod tools;
mod wrk;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    match cli::run(cli::Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
