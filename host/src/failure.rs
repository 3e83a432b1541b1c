//! How a command fails: one line that says what, where and why, a way out, and an exit code.

use std::error::Error;
use std::fmt;
use std::io::{self, ErrorKind};
use std::process::ExitCode;

use crate::cgi::ScriptError;
use crate::client::ClientError;
use crate::config::{ConfigError, Mistakes};
use crate::control::ControlError;
use crate::crate_dir::BuildError;
use crate::linked::LinkedError;
use crate::listener::ListenError;
use crate::operator::Refused;
use crate::platform::files::out_of_descriptors;
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
    cause: Cause,
    text: String,
    help: Option<String>,
    /// The same where it stands in a file.
    picture: Option<String>,
}

/// Whose fault it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cause {
    Said,
    /// The system had no room: what was asked for may be fine, and may work later.
    Room,
}

impl Failure {
    fn new(code: Code, error: &(dyn Error + 'static), help: Option<String>) -> Self {
        let lack = causes(error).find_map(Lack::of);
        let (code, cause) = match (lack, code) {
            (Some(_), Code::BadFile) => (Code::Failure, Cause::Room),
            (Some(_), code) => (code, Cause::Room),
            (None, code) => (code, Cause::Said),
        };
        let help = help.or_else(|| lack.map(|lack| lack.help().to_owned()));
        let help = help.as_deref().map(on_one_line);
        Self { code, cause, text: on_one_line(&chain(error)), help, picture: None }
    }

    /// All that is wrong with a config.
    pub(crate) fn in_full(error: ConfigError) -> Self {
        let pictures = error.mistakes().map(Mistakes::pictures);
        Self { picture: pictures, ..Self::from(error) }
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
        if let Some(picture) = &self.picture {
            return f.write_str(picture);
        }
        write!(f, "error: {}", self.text)?;
        match &self.help {
            Some(help) => write!(f, "\nhelp: {help}"),
            None => Ok(()),
        }
    }
}

/// For whoever asked for it over the control socket: what a start would have said.
impl From<Failure> for Refused {
    fn from(Failure { code, cause, text, help, .. }: Failure) -> Self {
        match (code, cause) {
            (Code::BadFile, _) => Self::File { text, help },
            (Code::TimedOut, _) => Self::TimedOut { text, help },
            (Code::BadConfig, _) => Self::Config { text, help },
            (_, Cause::Room) => Self::NoRoom { text, help },
            (_, Cause::Said) => Self::System { text, help },
        }
    }
}

/// What the system had too little of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lack {
    Disk,
    FileSize,
    Descriptors,
    Memory,
}

impl Lack {
    fn of(cause: &(dyn Error + 'static)) -> Option<Self> {
        let error = cause.downcast_ref::<io::Error>()?;
        match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Some(Self::Disk),
            ErrorKind::FileTooLarge => Some(Self::FileSize),
            ErrorKind::OutOfMemory => Some(Self::Memory),
            _ if out_of_descriptors(error) => Some(Self::Descriptors),
            _ => None,
        }
    }

    /// What the user can do.
    const fn help(self) -> &'static str {
        match self {
            Self::Disk => "make room on the disk, and try again",
            Self::FileSize => "raise the limit for the size of files (`ulimit -f`), and try again",
            Self::Descriptors => "raise the limit for open files (`ulimit -n`), and try again",
            Self::Memory => "free memory, and try again",
        }
    }
}

/// The error and what caused it.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |cause| (**cause).source())
}

/// The error and its causes; each error's text says only its own level.
fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    for cause in causes(error).skip(1) {
        let cause_text = cause.to_string();
        // A transparent error repeats its source.
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
    }
    text
}

/// Libraries say what they like, and a terminal obeys control characters.
pub(crate) fn on_one_line(text: &str) -> String {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let line = lines.collect::<Vec<_>>().join(" | ");
    line.chars().map(|one| if one.is_control() { '?' } else { one }).collect()
}

impl From<ScriptError> for Failure {
    fn from(error: ScriptError) -> Self {
        let code = match error {
            ScriptError::Nothing => Code::Usage,
            _ => Code::BadFile,
        };
        Self::new(code, &error, error.help())
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        let code = match error {
            ConfigError::Nothing
            | ConfigError::Mount(_)
            | ConfigError::Set(_)
            | ConfigError::Enable(_)
            | ConfigError::Linked(LinkedError::Unknown(_))
            | ConfigError::HostName(_)
            | ConfigError::Listen(_)
            | ConfigError::Protocol { .. } => Code::Usage,
            _ => Code::BadConfig,
        };
        let picture = error.mistakes().map(Mistakes::picture);
        Self { picture, ..Self::new(code, &error, error.help()) }
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
            // No other file would change that.
            LoadError::Keys(_) => {
                let failure = Self::new(Code::Failure, &error, error.help());
                return Self { cause: Cause::Room, ..failure };
            }
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
            ListenError::WebServers(_) => Code::BadConfig,
            ListenError::Bind { .. } | ListenError::Unix { .. } => Code::Address,
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

impl From<LinkedError> for Failure {
    fn from(error: LinkedError) -> Self {
        Self::new(Code::BadConfig, &error, error.help())
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

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::new(Code::Failure, &error, None)
    }
}

#[cfg(test)]
mod tests {
    use rustix::io::Errno;

    use super::*;

    #[test]
    fn a_start_and_a_deploy_fail_alike() {
        for code in [Code::Failure, Code::TimedOut, Code::BadFile, Code::BadConfig] {
            let (text, help) =
                (String::from("`x.so` is no library"), Some(String::from("mend it")));
            let refused =
                Refused::from(Failure { code, cause: Cause::Said, text, help, picture: None });
            let problem = refused.problem();
            assert_eq!(problem.exit, code as u8);
            assert_eq!(problem.detail, "`x.so` is no library");
            assert_eq!(problem.help.as_deref(), Some("mend it"));
        }
    }

    #[test]
    fn what_the_system_has_no_room_for_is_no_fault_of_the_file() {
        for (errno, says) in [(Errno::NOSPC, "room"), (Errno::FBIG, "-f"), (Errno::MFILE, "-n")] {
            let (file, to) = ("x.so".into(), "/tmp".into());
            let source = io::Error::from(errno);
            let failure = Failure::from(LoadError::from(ArtifactError::Copy { file, to, source }));
            assert_eq!(failure.code, Code::Failure, "{failure}");
            assert!(failure.help.as_deref().is_some_and(|help| help.contains(says)), "{failure}");
            assert_eq!(Refused::from(failure).problem().status, 507);
        }
        let (file, source) = ("x.so".into(), io::Error::from(Errno::ACCESS));
        let failure = Failure::from(ArtifactError::Permission { file, source });
        assert_eq!(failure.code, Code::BadFile, "the control fails");
    }
}
