//! PostgreSQL, as an instance of a test's own.

use super::service::{Service, program};
use super::user::User;
use std::ffi::OsStr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// A server without a port, and a database `postgres` in it that belongs to `dsgi`.
#[derive(Debug)]
pub(crate) struct Postgres {
    server: Option<Service>,
    programs: PathBuf,
    user: User,
    folder: TempDir,
}

/// Connections of others than [`Postgres::ask`], which may end a little later than it does.
const CLIENTS: &str = "backend_type = 'client backend' AND application_name <> 'psql'";

impl Postgres {
    /// None where it is not installed.
    pub(crate) fn start() -> Option<Self> {
        let programs = program("initdb", &folders())?.parent()?.to_path_buf();
        let folder = tempfile::tempdir().expect("a temporary folder");
        // It refuses to be root.
        let user = User::other_than_root(&["postgres"]);
        user.give(folder.path());
        let open = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(folder.path(), open).expect("a folder of ours");
        let mut postgres = Self { server: None, programs, user, folder };
        let mut init = postgres.command("initdb");
        init.args(["--no-sync", "--auth=trust", "--username=dsgi", "--encoding=UTF8"]);
        let made = init.arg("--locale=C").arg(postgres.data()).output().expect("initdb starts");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        postgres.start_again();
        Some(postgres)
    }

    /// What a client connects to.
    pub(crate) fn address(&self) -> String {
        format!("host={} user=dsgi dbname=postgres", self.folder.path().display())
    }

    pub(crate) fn stop(&mut self) {
        if let Some(server) = self.server.take() {
            server.stop();
        }
    }

    /// At the same address as before, with what is in its database.
    pub(crate) fn start_again(&mut self) {
        let mut command = self.command("postgres");
        command.arg("-D").arg(self.data()).arg("-k").arg(self.folder.path());
        command.args(["-c", "listen_addresses=", "-c", "fsync=off", "-c", "max_connections=40"]);
        let log = self.folder.path().join("log");
        let answers = || {
            let mut asked = Command::new(self.programs.join("pg_isready"));
            let output = asked.arg("-h").arg(self.folder.path()).output();
            output.is_ok_and(|output| output.status.success())
        };
        // Without a word to those who are connected.
        self.server = Some(Service::start(command, "QUIT", log, answers));
    }

    /// What a statement gives, row by row, its cells with a bar between them.
    pub(crate) fn ask(&self, statement: &str) -> Vec<String> {
        let mut psql = Command::new(self.programs.join("psql"));
        psql.args(["-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-d", &self.address()]);
        let output = psql.args(["-c", statement]).output().expect("psql starts");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{statement}: {said}");
        String::from_utf8_lossy(&output.stdout).lines().map(ToOwned::to_owned).collect()
    }

    /// How many clients are connected, but for those that ask.
    pub(crate) fn clients(&self) -> usize {
        let count = format!("SELECT count(*) FROM pg_stat_activity WHERE {CLIENTS}");
        self.ask(&count)[0].parse().expect("a number")
    }

    /// Ends every client's connection, and tells of how many.
    pub(crate) fn disconnect(&self) -> usize {
        let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity";
        self.ask(&format!("{end} WHERE {CLIENTS}")).len()
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn command(&self, name: &str) -> Command {
        let mut command = self.user.command(&self.programs.join(name));
        // Wherever the tests run, the server's user may be there.
        command.current_dir(self.folder.path()).env("HOME", self.folder.path());
        command
    }
}

/// Where Debian keeps the programs of its versions.
fn folders() -> Vec<PathBuf> {
    let Ok(versions) = std::fs::read_dir("/usr/lib/postgresql") else { return Vec::new() };
    let mut folders: Vec<_> = versions.flatten().map(|one| one.path().join("bin")).collect();
    folders.sort_by(|one, other| {
        let version = |path: &Path| {
            let name = path.parent().and_then(Path::file_name).and_then(OsStr::to_str);
            name.and_then(|name| name.parse::<f64>().ok()).unwrap_or_default()
        };
        version(other).total_cmp(&version(one))
    });
    folders
}
