//! How a command fails: one line that says what, where and why, a way out, and an exit code.

use std::error::Error;
use std::fmt;
use std::process::ExitCode;

use crate::client::ClientError;
use crate::config::ConfigError;
use crate::control::ControlError;
use crate::crate_dir::BuildError;
use crate::listener::ListenError;
use crate::operator::Refused;
use crate::plugin::artifact::{ArtifactError, StagingError};
use crate::plugin::load::LoadError;
use crate::plugin::probe::TooDeep;
use crate::server::ServeError;
use crate::site::MountError;
use crate::state::StateError;

/// Exit codes, as documented in `--help`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Code {
    Failure = 1,
    Usage = 2,
    RolledBack = 3,
    TimedOut = 4,
    BadFile = 65,
    Address = 69,
    BadConfig = 78,
}

impl Code {
    /// From what a host of perhaps another release says.
    const fn of(exit: u8) -> Self {
        match exit {
            2 => Self::Usage,
            3 => Self::RolledBack,
            4 => Self::TimedOut,
            65 => Self::BadFile,
            69 => Self::Address,
            78 => Self::BadConfig,
            _ => Self::Failure,
        }
    }
}

/// A failed command.
#[derive(Debug)]
pub(crate) struct Failure {
    code: Code,
    text: String,
    help: Option<String>,
}

impl Failure {
    fn new(code: Code, error: &dyn Error, help: Option<String>) -> Self {
        Self { code, text: on_one_line(&chain(error)), help: help.as_deref().map(on_one_line) }
    }

    pub(crate) fn code(&self) -> ExitCode {
        ExitCode::from(self.code as u8)
    }

    /// The text on one line, help included, for the log.
    pub(crate) fn one_line(&self) -> String {
        match &self.help {
            Some(help) => format!("{} (help: {help})", self.text),
            None => self.text.clone(),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", self.text)?;
        match &self.help {
            Some(help) => write!(f, "\nhelp: {help}"),
            None => Ok(()),
        }
    }
}

/// For whoever asked for it over the control socket: what a start would have said.
impl From<Failure> for Refused {
    fn from(Failure { code, text, help }: Failure) -> Self {
        match code {
            Code::BadFile => Self::File { text, help },
            Code::TimedOut => Self::TimedOut { text, help },
            Code::BadConfig => Self::Config { text, help },
            _ => Self::System { text, help },
        }
    }
}

/// The error and its causes; each error's text says only its own level.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        // A transparent error repeats its source.
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}

/// Libraries say what they like, and a terminal obeys control characters.
pub(crate) fn on_one_line(text: &str) -> String {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let line = lines.collect::<Vec<_>>().join(" | ");
    line.chars().map(|one| if one.is_control() { '?' } else { one }).collect()
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        let code = match error {
            ConfigError::Nothing
            | ConfigError::Mount(_)
            | ConfigError::Set(_)
            | ConfigError::HostName(_)
            | ConfigError::Protocol { .. } => Code::Usage,
            _ => Code::BadConfig,
        };
        Self::new(code, &error, error.help())
    }
}

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Self {
        let code = Code::of(refused.problem().exit);
        Self::new(code, &refused, refused.help())
    }
}

impl From<LoadError> for Failure {
    fn from(error: LoadError) -> Self {
        let code = match &error {
            LoadError::TooDeep(_) => Code::BadConfig,
            error if error.timed_out() => Code::TimedOut,
            _ => Code::BadFile,
        };
        Self::new(code, &error, error.help())
    }
}

impl From<TooDeep> for Failure {
    fn from(error: TooDeep) -> Self {
        LoadError::from(error).into()
    }
}

impl From<ArtifactError> for Failure {
    fn from(error: ArtifactError) -> Self {
        Self::new(Code::BadFile, &error, error.help())
    }
}

impl From<BuildError> for Failure {
    fn from(error: BuildError) -> Self {
        Self::new(Code::BadFile, &error, error.help())
    }
}

impl From<StagingError> for Failure {
    fn from(error: StagingError) -> Self {
        Self::new(Code::Failure, &error, error.help())
    }
}

impl From<StateError> for Failure {
    fn from(error: StateError) -> Self {
        Self::new(Code::Failure, &error, error.help())
    }
}

impl From<ListenError> for Failure {
    fn from(error: ListenError) -> Self {
        let code = match error {
            ListenError::Address(_) => Code::Usage,
            ListenError::Bind { .. } => Code::Address,
        };
        Self::new(code, &error, error.help())
    }
}

impl From<ControlError> for Failure {
    fn from(error: ControlError) -> Self {
        Self::new(Code::Address, &error, error.help())
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        let code = match &error {
            ClientError::NoHost(_) | ClientError::Unreachable { .. } => Code::Address,
            ClientError::Several(_) => Code::Usage,
            ClientError::Problem(problem) => Code::of(problem.exit),
            ClientError::RolledBack { .. } => Code::RolledBack,
            _ => Code::Failure,
        };
        Self::new(code, &error, error.help())
    }
}

impl From<MountError> for Failure {
    fn from(error: MountError) -> Self {
        Self::new(Code::BadConfig, &error, None)
    }
}

impl From<ServeError> for Failure {
    fn from(error: ServeError) -> Self {
        Self::new(Code::Failure, &error, None)
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::new(Code::Failure, &error, None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_and_a_deploy_fail_alike() {
        for code in [Code::Failure, Code::TimedOut, Code::BadFile, Code::BadConfig] {
            let (text, help) =
                (String::from("`x.so` is no library"), Some(String::from("mend it")));
            let refused = Refused::from(Failure { code, text, help });
            let problem = refused.problem();
            assert_eq!(problem.exit, code as u8);
            assert_eq!(problem.detail, "`x.so` is no library");
            assert_eq!(problem.help.as_deref(), Some("mend it"));
        }
    }
}
