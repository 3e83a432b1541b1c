//! Tomcat: a WAR copied over the one before, or put beside it as a parallel version; it looks each
//! second.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};

use super::{Fault, Kind, Peer, Put, Told, files};
use crate::client::Version;
use crate::process::{Server, free_address, output, pinned};
use crate::tools::{JAR, JAVA, JAVAC};

pub(super) const OVER: Kind = Kind {
    name: "Tomcat, WAR copied over",
    // Undone, read and started again, it is away for seconds.
    every: Duration::from_secs(10),
    faults: FAULTS,
    start: |core, folder| start(core, folder, Place::Over),
};

pub(super) const PARALLEL: Kind = Kind {
    name: "Tomcat, parallel version",
    every: Duration::from_secs(5),
    faults: FAULTS,
    start: |core, folder| start(core, folder, Place::Beside(0)),
};

/// Where the next version is put.
#[derive(Debug)]
enum Place {
    Over,
    /// As a version of this number.
    Beside(u32),
}

struct Tomcat {
    server: Server,
    folder: PathBuf,
    place: Place,
}

fn start(core: usize, folder: &Path, place: Place) -> Result<Box<dyn Peer>> {
    let java = JAVA.find()?;
    ensure!(
        Path::new(HOME).join("bin/bootstrap.jar").is_file(),
        "`tomcat10` is not installed; help: apt-get install tomcat10"
    );
    let folder = files::folder(folder, "tomcat")?;
    for part in ["conf", "webapps", "temp", "classes"] {
        fs::create_dir(folder.join(part))?;
    }
    let address = free_address()?;
    fs::write(folder.join("conf/server.xml"), configuration(address))?;
    fs::write(folder.join("Hello.java"), SOURCE)?;
    let mut compile = Command::new(JAVAC.find()?);
    compile.arg("-cp").arg(Path::new(HOME).join("lib/servlet-api.jar"));
    compile.arg("-d").arg(folder.join("classes")).arg(folder.join("Hello.java"));
    output(compile, Duration::from_secs(60)).context("the servlet does not compile")?;
    let mut place = place;
    let war = war(&folder, Put::Sound(Version::A))?;
    fs::copy(war, folder.join("webapps").join(place.next()))?;
    let mut command = pinned(core, java)?;
    command.arg("-cp").arg(format!("{HOME}/bin/bootstrap.jar:{HOME}/bin/tomcat-juli.jar"));
    command.arg(format!("-Dcatalina.home={HOME}"));
    command.arg(format!("-Dcatalina.base={}", folder.display()));
    command.arg(format!("-Djava.io.tmpdir={}", folder.join("temp").display()));
    command.args(["org.apache.catalina.startup.Bootstrap", "start"]);
    let server = Server::listening(command, address, &folder.join("log")).context("`tomcat10`")?;
    Ok(Box::new(Tomcat { server, folder, place }))
}

impl Place {
    /// The name of the file that is written.
    fn next(&mut self) -> String {
        match self {
            Self::Over => String::from("ROOT.war"),
            Self::Beside(number) => {
                *number += 1;
                format!("ROOT##{number:04}.war")
            }
        }
    }
}

impl Peer for Tomcat {
    fn server(&mut self) -> &mut Server {
        &mut self.server
    }

    fn put(&mut self, put: Put) -> Result<Told> {
        let bytes = fs::read(war(&self.folder, put)?)?;
        let broken = put == Put::Broken(Fault::Truncated);
        let bytes = if broken { files::beginning(&bytes) } else { &bytes[..] };
        // A name that Tomcat does not take for an application while it is written.
        let file = self.folder.join("webapps").join(self.place.next());
        files::put(&file, bytes)?;
        Ok(Told::Taken)
    }
}

/// Makes a WAR of a version.
fn war(folder: &Path, put: Put) -> Result<PathBuf> {
    let (version, fault) = match put {
        Put::Sound(version) => (version, ""),
        Put::Broken(Fault::Truncated) => (Version::A, ""),
        Put::Broken(Fault::Start) => (Version::A, "start"),
        Put::Broken(Fault::Calls) => (Version::A, "calls"),
        Put::Broken(fault) => bail!("a servlet has no fault `{fault}`"),
    };
    let content = folder.join("content");
    let classes = content.join("WEB-INF/classes");
    fs::create_dir_all(&classes)?;
    fs::copy(folder.join("classes/Hello.class"), classes.join("Hello.class"))?;
    let text = WEB_XML.replace("@BODY@", version.body().trim_end()).replace("@FAULT@", fault);
    fs::write(content.join("WEB-INF/web.xml"), text)?;
    let file = folder.join("next.war");
    let mut command = Command::new(JAR.find()?);
    command.arg("--create").arg("--file").arg(&file).arg("-C").arg(&content).arg(".");
    output(command, Duration::from_secs(60)).context("no WAR was made")?;
    Ok(file)
}

fn configuration(address: SocketAddr) -> String {
    let text = SERVER_XML.replace("@IP@", &address.ip().to_string());
    text.replace("@PORT@", &address.port().to_string())
}

const FAULTS: &[Fault] = &[Fault::Truncated, Fault::Start, Fault::Calls];
const HOME: &str = "/usr/share/tomcat10";
const SOURCE: &str = include_str!("../../tomcat/Hello.java");
const SERVER_XML: &str = r#"<Server port="-1">
  <Service name="Catalina">
    <Connector address="@IP@" port="@PORT@" protocol="HTTP/1.1" keepAliveTimeout="60000"
               maxKeepAliveRequests="-1"/>
    <Engine name="Catalina" defaultHost="localhost" backgroundProcessorDelay="1">
      <Host name="localhost" appBase="webapps" unpackWARs="false" autoDeploy="true"
            undeployOldVersions="true"/>
    </Engine>
  </Service>
</Server>
"#;
const WEB_XML: &str = r#"<web-app xmlns="https://jakarta.ee/xml/ns/jakartaee" version="5.0">
  <context-param><param-name>body</param-name><param-value>@BODY@</param-value></context-param>
  <context-param><param-name>fault</param-name><param-value>@FAULT@</param-value></context-param>
  <listener><listener-class>Hello</listener-class></listener>
  <servlet><servlet-name>hello</servlet-name><servlet-class>Hello</servlet-class></servlet>
  <servlet-mapping><servlet-name>hello</servlet-name><url-pattern>/*</url-pattern></servlet-mapping>
</web-app>
"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parallel_versions_are_numbered_in_order() {
        let mut place = Place::Beside(0);
        let names: Vec<_> = (0..11).map(|_| place.next()).collect();
        assert!(names.is_sorted(), "{names:?}");
        assert_eq!(
            (Place::Over.next(), Place::Over.next()),
            ("ROOT.war".into(), "ROOT.war".into())
        );
    }
}
