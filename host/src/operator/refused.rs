//! Why an operator's wish was not granted, as a status of HTTP and as an exit code.

use http::StatusCode;
use serde::{Deserialize, Serialize};

/// Why an operator's wish was not granted. What served before serves on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum Refused {
    /// Nothing has this name.
    #[error("no application or layer is named `{app}`")]
    UnknownApp { app: String, apps: Vec<String> },
    /// It is code of the host itself.
    #[error("`{app}` is linked into the host: it is always there, and no file takes its place")]
    Linked { app: String },
    /// The file was found wanting. `text` names it.
    #[error("{text}")]
    File { text: String, help: Option<String> },
    /// A later deploy of the same application took its place in the queue.
    #[error("a later deploy of `{app}` took the place of this one")]
    Superseded { app: String },
    /// The version has crashed before.
    #[error("`{digest}` of `{app}` is in quarantine: {why}")]
    Quarantined { app: String, digest: String, why: String },
    /// A step took too long. `text` names step, file and time.
    #[error("{text}")]
    TimedOut { text: String, help: Option<String> },
    /// The version failed within its crash window; the previous one serves.
    #[error("`{app}` was rolled back: {why}")]
    RolledBack { app: String, why: String },
    /// There is no previous version.
    #[error("`{app}` has no previous version to go back to")]
    NoPrevious { app: String },
    /// The host finishes what is in hand and takes nothing new.
    #[error("the host is shutting down")]
    ShuttingDown,
    /// The file and what the config says of it do not go together.
    #[error("{text}")]
    Config { text: String, help: Option<String> },
    /// Disk, descriptors, memory or thread keys are used up: it may work later.
    #[error("{text}")]
    NoRoom { text: String, help: Option<String> },
    /// The host or its system: nothing that another file would change.
    #[error("{text}")]
    System { text: String, help: Option<String> },
}

/// A failure as RFC 9457 writes it, with two members of our own: `help` and `exit`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Problem {
    /// A relative reference, `/problems/unknown-app`: the last part is what to compare.
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) title: String,
    pub(crate) status: u16,
    pub(crate) detail: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) help: Option<String>,
    /// The exit code of the command that asked.
    pub(crate) exit: u8,
}

/// The exit code of most failures.
const FAILURE: u8 = 1;

impl Refused {
    /// What the operator can do.
    pub(crate) fn help(&self) -> Option<String> {
        match self {
            Self::UnknownApp { apps, .. } if apps.is_empty() => None,
            Self::UnknownApp { apps, .. } => Some(format!("there are: {}", apps.join(", "))),
            Self::File { help, .. }
            | Self::TimedOut { help, .. }
            | Self::Config { help, .. }
            | Self::NoRoom { help, .. }
            | Self::System { help, .. } => help.clone(),
            Self::Linked { .. } => {
                Some(String::from("start the host with a file in its place: --enable NAME=FILE"))
            }
            Self::Quarantined { .. } => {
                Some(String::from("mend it and build it again, or deploy it with --force"))
            }
            Self::Superseded { .. }
            | Self::RolledBack { .. }
            | Self::NoPrevious { .. }
            | Self::ShuttingDown => None,
        }
    }

    /// The same, and what became of the application.
    pub(crate) fn and(mut self, what: &str) -> Self {
        if let Self::File { text, .. }
        | Self::TimedOut { text, .. }
        | Self::Config { text, .. }
        | Self::System { text, .. } = &mut self
        {
            text.push_str("; ");
            text.push_str(what);
        }
        self
    }

    /// The same for whoever asked over the socket.
    pub(crate) fn problem(&self) -> Problem {
        let (kind, title, status, exit) = self.row();
        Problem::new(kind, title, status, self.to_string()).helped(self.help()).exits(exit)
    }

    /// Last part of the type, title, status, exit code.
    const fn row(&self) -> (&'static str, &'static str, StatusCode, u8) {
        match self {
            Self::UnknownApp { .. } => {
                ("unknown-app", "No such application", StatusCode::NOT_FOUND, FAILURE)
            }
            Self::Linked { .. } => ("linked", "Part of the host", StatusCode::CONFLICT, FAILURE),
            Self::File { .. } => {
                ("refused-file", "The file was refused", StatusCode::UNPROCESSABLE_ENTITY, 65)
            }
            Self::Superseded { .. } => {
                ("superseded", "Overtaken by a later deploy", StatusCode::CONFLICT, FAILURE)
            }
            Self::Quarantined { .. } => {
                ("quarantined", "The version is in quarantine", StatusCode::CONFLICT, 65)
            }
            Self::TimedOut { .. } => {
                ("timed-out", "A step took too long", StatusCode::GATEWAY_TIMEOUT, 4)
            }
            Self::RolledBack { .. } => ("rolled-back", "Rolled back", StatusCode::CONFLICT, 3),
            Self::NoPrevious { .. } => {
                ("no-previous", "No previous version", StatusCode::CONFLICT, FAILURE)
            }
            Self::ShuttingDown => {
                ("shutting-down", "Shutting down", StatusCode::SERVICE_UNAVAILABLE, FAILURE)
            }
            Self::Config { .. } => {
                ("bad-config", "The config does not allow it", StatusCode::CONFLICT, 78)
            }
            Self::NoRoom { .. } => {
                ("no-room", "No room", StatusCode::INSUFFICIENT_STORAGE, FAILURE)
            }
            Self::System { .. } => {
                ("system", "The system failed", StatusCode::INTERNAL_SERVER_ERROR, FAILURE)
            }
        }
    }
}

impl Problem {
    /// A problem; `kind` is the last part of its type.
    pub(crate) fn new(kind: &str, title: &str, status: StatusCode, detail: String) -> Self {
        Self {
            kind: format!("/problems/{kind}"),
            title: title.to_owned(),
            status: status.as_u16(),
            detail,
            help: None,
            exit: FAILURE,
        }
    }

    pub(crate) fn helped(self, help: Option<String>) -> Self {
        Self { help, ..self }
    }

    pub(crate) fn exits(self, exit: u8) -> Self {
        Self { exit, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_refusal_has_its_status_and_exit_code() {
        let text = String::from;
        let app = || text("shop");
        for (refused, status, exit) in [
            (Refused::UnknownApp { app: app(), apps: vec![text("blog")] }, 404, 1),
            (Refused::Linked { app: app() }, 409, 1),
            (Refused::File { text: text("`x` is no library"), help: None }, 422, 65),
            (Refused::Superseded { app: app() }, 409, 1),
            (Refused::Quarantined { app: app(), digest: text("ab"), why: text("died") }, 409, 65),
            (Refused::TimedOut { text: text("no init"), help: None }, 504, 4),
            (Refused::RolledBack { app: app(), why: text("5 panics in 10 s") }, 409, 3),
            (Refused::NoPrevious { app: app() }, 409, 1),
            (Refused::Config { text: text("too deep"), help: None }, 409, 78),
            (Refused::ShuttingDown, 503, 1),
            (Refused::NoRoom { text: text("disk full"), help: None }, 507, 1),
            (Refused::System { text: text("no watch"), help: None }, 500, 1),
        ] {
            let problem = refused.problem();
            assert_eq!((problem.status, problem.exit), (status, exit), "{refused}");
            let json = serde_json::to_string(&problem).unwrap();
            assert_eq!(serde_json::from_str::<Problem>(&json).unwrap(), problem);
        }
    }
}
