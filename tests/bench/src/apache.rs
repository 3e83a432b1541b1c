//! A private Apache (event MPM) with the hello as a C module: the peer of the same kind.
//!
//! It takes a compiler and Apache's headers, so where they are missing it is left out, and the
//! report says why.

use std::fs;
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
    let module = module(&apxs, &folder)?;
    let address = free_address()?;
    let file = folder.join("httpd.conf");
    fs::write(&file, configuration(&apxs, &module, &folder, &address.to_string())?)?;
    let mut command = pinned(core, apache)?;
    command.arg("-d").arg(&folder).arg("-f").arg(&file).arg("-DFOREGROUND");
    Server::listening(command, address, &folder.join("log")).context("`apache2`")
}

fn module(apxs: &Path, folder: &Path) -> Result<PathBuf> {
    fs::write(folder.join("mod_dsgi_hello.c"), SOURCE)?;
    let mut command = Command::new(apxs);
    command.args(["-c", "mod_dsgi_hello.c"]).current_dir(folder);
    output(command, Duration::from_secs(60)).context("the module does not build")?;
    let module = folder.join(".libs/mod_dsgi_hello.so");
    ensure!(module.is_file(), "apxs built no module");
    Ok(module)
}

fn configuration(apxs: &Path, module: &Path, folder: &Path, address: &str) -> Result<String> {
    let mut query = Command::new(apxs);
    query.args(["-q", "LIBEXECDIR"]);
    let modules = output(query, Duration::from_secs(10)).context("apxs names no modules")?;
    let mut text = String::new();
    for (name, file) in MODULES {
        let file = Path::new(modules.trim()).join(file);
        if file.is_file() {
            text.push_str(&format!("LoadModule {name} {}\n", file.display()));
        }
    }
    text.push_str(&format!("LoadModule dsgi_hello_module {}\n", module.display()));
    text.push_str(&CONFIGURATION.replace("@ADDRESS@", address));
    Ok(text.replace("@FOLDER@", &folder.display().to_string()))
}

// What Apache does not start or answer without; some builds have them linked in.
const MODULES: [(&str, &str); 3] = [
    ("mpm_event_module", "mod_mpm_event.so"),
    ("unixd_module", "mod_unixd.so"),
    ("authz_core_module", "mod_authz_core.so"),
];
const SOURCE: &str = include_str!("../apache/mod_dsgi_hello.c");

// One process, so that the figure is the module's and not that of starting processes. More threads
// than connections, because the event MPM cuts idle keep-alive connections when it runs out of
// threads. The user is "nobody" by number, because names differ from system to system.
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
ServerLimit 1
StartServers 1
ThreadLimit 128
ThreadsPerChild 128
MinSpareThreads 1
MaxSpareThreads 128
MaxRequestWorkers 128
MaxConnectionsPerChild 0
"##;
