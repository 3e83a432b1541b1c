//! Apache (event MPM) with a C module and with mod_wsgi, replaced by a graceful restart; mod_wsgi
//! in daemon mode by another file, which it looks at with each request.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, bail, ensure};

use super::{Fault, Kind, Peer, Put, Told, files, python};
use crate::apache;
use crate::client::{BODY, Version};
use crate::process::{Server, free_address, output, pinned};
use crate::tools::{APACHE, APXS};

pub(super) const MODULE: Kind = Kind {
    name: "Apache, C module, graceful",
    every: Duration::from_secs(2),
    faults: &[Fault::Truncated, Fault::CallsCrash],
    start: |core, folder| start(core, folder, Code::Module),
};

pub(super) const WSGI_EMBEDDED: Kind = Kind {
    name: "mod_wsgi, embedded, graceful",
    every: Duration::from_secs(5),
    faults: python::FAULTS,
    start: |core, folder| start(core, folder, Code::Embedded),
};

pub(super) const WSGI_DAEMON: Kind = Kind {
    name: "mod_wsgi, daemon, touch",
    every: Duration::from_secs(2),
    faults: python::FAULTS,
    start: |core, folder| start(core, folder, Code::Daemon),
};

/// What answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Code {
    Module,
    Embedded,
    Daemon,
}

struct Apache {
    server: Server,
    program: PathBuf,
    folder: PathBuf,
    code: Code,
}

fn start(core: usize, folder: &Path, code: Code) -> Result<Box<dyn Peer>> {
    let (program, apxs) = (APACHE.find()?, APXS.find()?);
    let folder = files::folder(folder, "apache")?;
    lay(&folder, code, Put::Sound(Version::A))?;
    let address = free_address()?;
    let text = configuration(&apxs, &folder, address, code)?;
    fs::write(folder.join(CONFIGURATION_FILE), text)?;
    let mut command = pinned(core, &program)?;
    command.args(arguments(&folder)).arg("-DFOREGROUND");
    let server = Server::listening(command, address, &folder.join("log"))?;
    Ok(Box::new(Apache { server, program, folder, code }))
}

fn arguments(folder: &Path) -> [std::ffi::OsString; 4] {
    let file = folder.join(CONFIGURATION_FILE);
    ["-d".into(), folder.into(), "-f".into(), file.into()]
}

/// Puts a version where the configuration says.
fn lay(folder: &Path, code: Code, put: Put) -> Result<()> {
    if code != Code::Module {
        return files::put(&folder.join(python::FILE), python::source(put)?);
    }
    let sound =
        |version: Version| apache::SOURCE.replace(BODY.trim_end(), version.body().trim_end());
    let source = match put {
        Put::Sound(version) => sound(version),
        Put::Broken(Fault::Truncated) => sound(Version::A),
        Put::Broken(Fault::CallsCrash) => apache::SOURCE.replace(
            "    ap_set_content_type(",
            "    *(volatile char *)8 = 1;\n    ap_set_content_type(",
        ),
        Put::Broken(fault) => bail!("a C module has no fault `{fault}`"),
    };
    let place = tempfile::tempdir()?;
    let built = fs::read(apache::module(&APXS.find()?, place.path(), &source)?)?;
    let broken = put == Put::Broken(Fault::Truncated);
    files::put(
        &folder.join(MODULE_FILE),
        if broken { files::beginning(&built) } else { &built[..] },
    )
}

fn configuration(apxs: &Path, folder: &Path, address: SocketAddr, code: Code) -> Result<String> {
    let modules = apache::modules(apxs)?;
    let mut text = apache::load(&modules);
    let name = folder.display();
    if code == Code::Module {
        text.push_str(&format!("LoadModule dsgi_hello_module {name}/{MODULE_FILE}\n"));
    } else {
        let wsgi = modules.join("mod_wsgi.so");
        ensure!(
            wsgi.is_file(),
            "`mod_wsgi` is not installed; help: apt-get install libapache2-mod-wsgi-py3"
        );
        text.push_str(&format!("LoadModule wsgi_module {}\n", wsgi.display()));
        text.push_str(&format!("WSGIScriptAlias / {name}/{}\n", python::FILE));
    }
    if code == Code::Daemon {
        text.push_str(&format!("WSGISocketPrefix {name}/wsgi\n{DAEMON}"));
    }
    text.push_str(&apache::common(folder, address));
    text.push_str(PROCESSES);
    Ok(text)
}

impl Peer for Apache {
    fn server(&mut self) -> &mut Server {
        &mut self.server
    }

    fn put(&mut self, put: Put) -> Result<Told> {
        lay(&self.folder, self.code, put)?;
        if self.code == Code::Daemon {
            return Ok(Told::Taken);
        }
        // As `apachectl` does: it looks at the configuration before it sends the signal.
        let mut command = Command::new(&self.program);
        command.args(arguments(&self.folder)).args(["-k", "graceful"]);
        Ok(match output(command, Duration::from_secs(20)) {
            Ok(_) => Told::Taken,
            Err(error) => Told::Refused(format!("{error:#}")),
        })
    }
}

const CONFIGURATION_FILE: &str = "httpd.conf";
const MODULE_FILE: &str = "mod_dsgi_hello.so";
const DAEMON: &str = "WSGIDaemonProcess bench processes=2 threads=16\n\
                      WSGIProcessGroup bench\nWSGIApplicationGroup %{GLOBAL}\n";
// A graceful restart needs room for new processes while the old ones end, or it waits for them.
const PROCESSES: &str = "
ServerLimit 16
StartServers 2
ThreadLimit 32
ThreadsPerChild 32
MinSpareThreads 32
MaxSpareThreads 128
MaxRequestWorkers 512
MaxConnectionsPerChild 0
";
