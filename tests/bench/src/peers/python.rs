//! The hello as a WSGI application, sound and broken.

use anyhow::{Result, bail};

use super::{Fault, Put};

/// The name of the file and of the function in it.
pub(super) const FILE: &str = "app.py";
pub(super) const APPLICATION: &str = "app:application";

/// What breaks any Python application.
pub(super) const FAULTS: &[Fault] = &[Fault::Syntax, Fault::Start, Fault::Calls];

/// The text of its file.
pub(super) fn source(put: Put) -> Result<String> {
    let body = |text: &str| SOURCE.replace("@BODY@", text.trim_end());
    let sound = body(crate::client::BODY);
    Ok(match put {
        Put::Sound(version) => body(version.body()),
        Put::Broken(Fault::Syntax) => sound.replace("return [", "return [["),
        Put::Broken(Fault::Start) => format!("{sound}\nraise {ERROR}\n"),
        Put::Broken(Fault::Calls) => {
            sound.replace("    status", &format!("    raise {ERROR}\n    status"))
        }
        Put::Broken(fault) => bail!("a WSGI application has no fault `{fault}`"),
    })
}

const ERROR: &str = "RuntimeError(\"the index is locked\")";
const SOURCE: &str = r#"BODY = b"@BODY@\n"

def application(environ, start_response):
    status = "200 OK"
    kind = ("Content-Type", "text/plain; charset=utf-8")
    start_response(status, [kind, ("Content-Length", str(len(BODY)))])
    return [BODY]
"#;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::Version;

    #[test]
    fn every_version_is_another_text() {
        let mut texts: Vec<_> =
            FAULTS.iter().map(|fault| source(Put::Broken(*fault)).unwrap()).collect();
        texts.extend([Version::A, Version::B].map(|one| source(Put::Sound(one)).unwrap()));
        let count = texts.len();
        texts.sort();
        texts.dedup();
        assert_eq!(texts.len(), count);
        let refused = source(Put::Broken(Fault::Truncated)).unwrap_err().to_string();
        assert!(refused.contains("a copy cut short"), "{refused}");
    }
}
