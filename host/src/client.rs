//! The verbs of an operator: what a running host is asked over its control socket, and how its
//! answers are printed.
//!
//! Plain blocking code: a verb asks one thing and ends.

mod ask;
mod events;
mod hosts;
mod ps;
mod show;
mod wish;

use std::io;
use std::path::PathBuf;

pub(crate) use self::events::events;
pub(crate) use self::ps::ps;
pub(crate) use self::wish::{deploy, drain, rollback};
use crate::operator::Problem;

/// Why a verb failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum ClientError {
    /// Nothing runs.
    #[error("no host is running: there is no control socket in `{}`", .0.display())]
    NoHost(PathBuf),
    /// Which one is meant is not clear.
    #[error("several hosts are running: {}", .0.join(", "))]
    Several(Vec<String>),
    /// Nobody listens on it.
    #[error("no host can be reached at `{}`", socket.display())]
    Unreachable {
        /// The socket.
        socket: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// It stopped talking.
    #[error("the host at `{}` gave no answer", socket.display())]
    NoAnswer {
        /// The socket.
        socket: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// What it said is nothing that this release knows.
    #[error("the host at `{}` gave an answer that cannot be read: {why}", socket.display())]
    Unreadable {
        /// The socket.
        socket: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// It said no.
    #[error("{}", .0.detail)]
    Problem(Problem),
    /// A deploy did not outlive its crash window.
    #[error("`{app}` was rolled back: {why}")]
    RolledBack {
        /// The application.
        app: String,
        /// Why.
        why: String,
    },
    /// Nobody knows how a deploy ended.
    #[error("`{app}` is live, but its crash window had no end: {why}")]
    Undecided {
        /// The application.
        app: String,
        /// Why.
        why: String,
    },
    /// JSON has no words for it.
    #[error("the path `{}` is not UTF-8", .0.display())]
    Path(PathBuf),
}

impl ClientError {
    /// What the user can do.
    pub(crate) fn help(&self) -> Option<String> {
        match self {
            Self::NoHost(_) => Some(String::from(
                "start one with host --load app.so, or say where its socket is: --control SOCKET",
            )),
            Self::Several(names) => {
                Some(format!("say which: --name {}", names.first().map_or("NAME", |name| name)))
            }
            Self::Unreachable { .. } => Some(String::from("host ps shows what is running")),
            Self::Unreadable { .. } => {
                Some(String::from("ask with the release of `host` that is running"))
            }
            Self::Problem(problem) => problem.help.clone(),
            Self::NoAnswer { .. }
            | Self::RolledBack { .. }
            | Self::Undecided { .. }
            | Self::Path(_) => None,
        }
    }
}

#[cfg(test)]
mod tests;
