//! The user that servers run as which refuse to be root, or should not be.

use std::os::unix::fs::chown;
use std::path::Path;
use std::process::Command;

/// Who runs a program.
#[derive(Clone, Copy, Debug)]
pub(crate) enum User {
    Ourselves,
    Another { user: u32, group: u32 },
}

impl User {
    /// The first of these who is here, where we are root; there is always `nobody`.
    pub(crate) fn other_than_root(names: &[&str]) -> Self {
        if number("-u", None) != Some(0) {
            return Self::Ourselves;
        }
        let another = |name: &&str| {
            let (user, group) = (number("-u", Some(name))?, number("-g", Some(name))?);
            Some(Self::Another { user, group })
        };
        names.iter().chain(&["nobody"]).find_map(another).expect("there is a user `nobody`")
    }

    /// A command that this user runs, in the same process. It is told to end when the thread that
    /// starts it does, so that it does not outlive a test that was killed.
    pub(crate) fn command(self, program: &Path) -> Command {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "TERM"]);
        if let Self::Another { user, group } = self {
            command.arg(format!("--reuid={user}")).arg(format!("--regid={group}"));
            command.arg("--clear-groups");
        }
        command.arg(program);
        command
    }

    /// How a config file names it as an owner.
    pub(crate) fn owner(self) -> String {
        match self {
            Self::Ourselves => number("-u", None).expect("we have a number").to_string(),
            Self::Another { user, group } => format!("{user}:{group}"),
        }
    }

    /// Makes it the owner of a folder.
    pub(crate) fn give(self, folder: &Path) {
        if let Self::Another { user, group } = self {
            chown(folder, Some(user), Some(group)).expect("root gives folders away");
        }
    }
}

/// A number of a user, or ours, as `id` says it.
fn number(which: &str, user: Option<&str>) -> Option<u32> {
    let output = Command::new("id").arg(which).args(user).output().ok()?;
    String::from_utf8(output.stdout).ok()?.trim().parse().ok()
}
