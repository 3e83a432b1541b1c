//! A private Apache (event MPM) with the hello as a C module: the peer of the same kind.
//!
//! It takes a compiler and Apache's headers, so where they are missing it is left out, and the
//! report says why.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use crate::process::{Server, free_address, output, pinned};
use crate::tools::{APACHE, APXS};

/// Builds the module and starts one process of 128 threads on one core.
pub(crate) fn start(core: usize, folder: &Path) -> Result<Server> {
    let apache = APACHE.find()?;
    let apxs = APXS.find()?;
    let folder = folder.join("apache");
    fs::create_dir(&folder).context("no folder for Apache")?;
    let module = module(&apxs, &folder, SOURCE)?;
    let address = free_address()?;
    let file = folder.join("httpd.conf");
    let mut text = load(&modules(&apxs)?);
    text.push_str(&format!("LoadModule dsgi_hello_module {}\n", module.display()));
    text.push_str(&common(&folder, address));
    text.push_str(ONE_PROCESS);
    fs::write(&file, text)?;
    let mut command = pinned(core, apache)?;
    command.arg("-d").arg(&folder).arg("-f").arg(&file).arg("-DFOREGROUND");
    Server::listening(command, address, &folder.join("log")).context("`apache2`")
}

/// Builds a module in a folder.
pub(crate) fn module(apxs: &Path, folder: &Path, source: &str) -> Result<PathBuf> {
    fs::write(folder.join("mod_dsgi_hello.c"), source)?;
    let mut command = Command::new(apxs);
    command.args(["-c", "mod_dsgi_hello.c"]).current_dir(folder);
    output(command, Duration::from_secs(60)).context("the module does not build")?;
    let module = folder.join(".libs/mod_dsgi_hello.so");
    ensure!(module.is_file(), "apxs built no module");
    Ok(module)
}

/// The folder of Apache's own modules.
pub(crate) fn modules(apxs: &Path) -> Result<PathBuf> {
    let mut query = Command::new(apxs);
    query.args(["-q", "LIBEXECDIR"]);
    let modules = output(query, Duration::from_secs(10)).context("apxs names no modules")?;
    Ok(modules.trim().into())
}

/// Directives that load what Apache does not start without.
pub(crate) fn load(modules: &Path) -> String {
    let there = MODULES.iter().map(|(name, file)| (name, modules.join(file)));
    let there = there.filter(|(_, file)| file.is_file());
    there.map(|(name, file)| format!("LoadModule {name} {}\n", file.display())).collect()
}

/// Directives for a private Apache in a folder.
pub(crate) fn common(folder: &Path, address: SocketAddr) -> String {
    let text = CONFIGURATION.replace("@ADDRESS@", &address.to_string());
    text.replace("@FOLDER@", &folder.display().to_string())
}

// What Apache does not start or answer without; some builds have them linked in.
const MODULES: [(&str, &str); 3] = [
    ("mpm_event_module", "mod_mpm_event.so"),
    ("unixd_module", "mod_unixd.so"),
    ("authz_core_module", "mod_authz_core.so"),
];
pub(crate) const SOURCE: &str = include_str!("../apache/mod_dsgi_hello.c");

// The user is "nobody" by number, because names differ from system to system.
const CONFIGURATION: &str = r##"
ServerName localhost
Listen @ADDRESS@
PidFile @FOLDER@/pid
DefaultRuntimeDir @FOLDER@
ErrorLog "|/bin/cat >&2"
LogLevel crit
User "#65534"
Group "#65534"
<Location "/">
    Require all granted
</Location>
KeepAlive On
KeepAliveTimeout 60
MaxKeepAliveRequests 0
"##;

// One process, so that the figure is the module's and not that of starting processes. More threads
// than connections, because the event MPM cuts idle keep-alive connections when it runs out of
// threads.
const ONE_PROCESS: &str = "
ServerLimit 1
StartServers 1
ThreadLimit 128
ThreadsPerChild 128
MinSpareThreads 1
MaxSpareThreads 128
MaxRequestWorkers 128
MaxConnectionsPerChild 0
";
