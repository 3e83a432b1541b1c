//! The command line exactly as it was typed.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

/// Serves DSGI applications: shared libraries, loaded without recompiling the host.
#[derive(Debug, Parser)]
#[command(name = "host", version, args_conflicts_with_subcommands = true)]
#[command(after_help = "Exit codes: 0 ok, 1 failure, 2 usage, 3 rolled back, 4 timed out, 65 bad \
application file, 69 address not available, 78 bad config.\n\nThe log goes to stderr; DSGI_LOG \
filters it, as in DSGI_LOG=warn.")]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) serve: Serve,
}

/// What to do instead of serving.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Inspect a library and try it in a child process
    Check(File),
    /// Show what a library says of itself, without running any of it
    Inspect(File),
    /// Say what a config file may hold
    #[command(subcommand)]
    Config(About),
    /// Answer one request, as a CGI script: from the environment and standard input
    Cgi(OneFile),
    /// Show the hosts of this user and their applications
    Ps(Reach),
    /// Take another version of an application or a layer into service
    Deploy(Deploy),
    /// Take the previous version of an application or a layer into service again
    Rollback(OneApp),
    /// Take an application or a layer out of service; what is in hand is finished
    Drain(OneApp),
    /// Follow what happens to the applications of a host
    Events(Reach),
    /// The child of a probe
    #[command(name = crate::plugin::probe::COMMAND, hide = true)]
    Probe,
}

/// What there is to know of config files.
#[derive(Debug, Subcommand)]
pub(crate) enum About {
    /// Print the JSON schema of a config file, for editors
    Schema,
}

/// One library.
#[derive(Debug, Args)]
pub(crate) struct File {
    /// A library, a crate folder to build, or to `check` a config file
    #[arg(value_name = "FILE|CRATE_DIR")]
    pub(crate) file: PathBuf,
    /// Build a crate folder in the debug profile
    #[arg(long)]
    pub(crate) debug: bool,
}

/// What a CGI script serves.
#[derive(Debug, Args)]
pub(crate) struct OneFile {
    /// A library, or a script whose second line names one
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
}

/// Which host is meant, and how it answers.
#[derive(Debug, Args)]
pub(crate) struct Reach {
    /// The host whose control socket this is
    #[arg(long, value_name = "SOCKET", conflicts_with = "name")]
    pub(crate) control: Option<PathBuf>,
    /// The host of this name: its first port, if it was given none
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// An application of a host.
#[derive(Debug, Args)]
pub(crate) struct OneApp {
    /// The application's name, as `host ps` shows it
    #[arg(value_name = "APP")]
    pub(crate) app: String,
    #[command(flatten)]
    pub(crate) reach: Reach,
}

/// Another version of an application.
#[derive(Debug, Args)]
#[allow(clippy::struct_excessive_bools, reason = "flags are what was typed")]
pub(crate) struct Deploy {
    /// The application's name, as `host ps` shows it
    #[arg(value_name = "APP")]
    pub(crate) app: String,
    /// A library, or a crate folder that the host builds
    #[arg(value_name = "FILE|CRATE_DIR")]
    pub(crate) file: PathBuf,
    /// Stay until the crash window is over; the exit code is 3 when it was rolled back
    #[arg(long)]
    pub(crate) wait: bool,
    /// Deploy it although it is in quarantine
    #[arg(long)]
    pub(crate) force: bool,
    #[command(flatten)]
    pub(crate) reach: Reach,
}

/// What to serve, and how.
#[derive(Clone, Debug, Default, Args)]
#[allow(clippy::struct_excessive_bools, reason = "flags are what was typed")]
pub(crate) struct Serve {
    /// Serve an application at / (a crate folder is built by cargo, in the release profile)
    #[arg(long, value_name = "[NAME=]FILE|CRATE_DIR")]
    pub(crate) load: Vec<String>,
    /// Serve an application at a path; repeatable. Two mounts of one name are one application
    #[arg(long, value_name = "/PATH=[NAME=]FILE|CRATE_DIR")]
    pub(crate) mount: Vec<String>,
    /// Put a layer around every mount; repeatable, outermost first
    #[arg(long, value_name = "[NAME=]KIND|FILE|CRATE_DIR")]
    pub(crate) enable: Vec<String>,
    /// Set a key of a config; repeatable. VALUE is TOML, or text as it stands
    #[arg(long, value_name = "NAME.KEY=VALUE")]
    pub(crate) set: Vec<String>,
    /// Listen there; repeatable. PROTOCOL is http, fastcgi, scgi or uwsgi, and ADDRESS is ip:port,
    /// where port 0 takes a free one, or unix:/path [default: http://127.0.0.1:8080]
    #[arg(long, value_name = "[PROTOCOL://]ADDRESS")]
    pub(crate) listen: Vec<String>,
    /// Where `host ps` and its like reach this host [default: NAME.sock in the user's own folder]
    #[arg(long, value_name = "SOCKET")]
    pub(crate) control: Option<PathBuf>,
    /// What this host is called [default: its first port]
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// From the end of a request's head to the first byte of its response [default: 60s]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(crate) request_timeout: Option<Duration>,
    /// How long a shutdown waits for what is in hand [default: 30s]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(crate) drain_timeout: Option<Duration>,
    /// How long a child may take to try a library [default: 10s]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(crate) probe_timeout: Option<Duration>,
    /// How long an application may take to start [default: 60s]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(crate) init_timeout: Option<Duration>,
    /// How long a version may take to hand its state over, or to take over another's [default: 10s]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(crate) handover_timeout: Option<Duration>,
    /// Say in each response which generation made it: x-dsgi-generation
    #[arg(long)]
    pub(crate) debug_headers: bool,
    /// Read a config file; what the command line says as well wins
    #[arg(long, value_name = "FILE.toml")]
    pub(crate) config: Option<PathBuf>,
    /// Keep versions, and which of them serves, for the next start
    #[arg(long, value_name = "DIR")]
    pub(crate) state: Option<PathBuf>,
    /// Deploy an application again when its file or its crate changes
    #[arg(long)]
    pub(crate) watch: bool,
    /// Do not start when any application is bad, instead of answering 503 for it
    #[arg(long)]
    pub(crate) strict: bool,
    /// Build crate folders in the debug profile
    #[arg(long)]
    pub(crate) debug: bool,
}

/// `250ms`, `30s`, `5m`; a bare number is seconds.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_| wrong_duration(text))?;
    let milliseconds = match unit {
        "ms" => 1,
        "" | "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err(wrong_duration(text)),
    };
    number.checked_mul(milliseconds).map(Duration::from_millis).ok_or_else(|| wrong_duration(text))
}

fn wrong_duration(text: &str) -> String {
    format!("`{text}` is not a time such as 250ms, 30s or 5m")
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn times_have_units() {
        assert_eq!(duration("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(duration("30s"), duration("30"));
        assert_eq!(duration("2m"), Ok(Duration::from_secs(120)));
        for wrong in ["", "s", "-1s", "1.5s", "10 s", "99999999999999999999s", "1d"] {
            assert!(duration(wrong).is_err(), "{wrong} was taken");
        }
    }
}
