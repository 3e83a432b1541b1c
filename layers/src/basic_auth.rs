//! Asks for name and password (RFC 7617) and lets in who has them.
//!
//! Over plain HTTP everybody on the way can read both: it belongs behind TLS.

mod passwords;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use dsgi::export::report;
use dsgi::{Body, Environ, Error, Flavour, Inner, Middleware, Purpose, StartResponse};

use self::passwords::{Remembered, Users};
use crate::given;

/// The layer `basic-auth`.
///
/// | key | default | what |
/// |---|---|---|
/// | `users` | none | path of a file as `htpasswd -B` makes it; it is read again when it changes |
/// | `realm` | `"restricted"` | what a browser shows beside its question |
///
/// What is further in finds the name as `REMOTE_USER` and as a value, [`given::User`], and
/// `AUTH_TYPE`; the password goes no further. The layer is blocking, because to check a password
/// takes a tenth of a second.
#[derive(Debug)]
pub struct BasicAuth {
    path: PathBuf,
    challenge: String,
    known: Mutex<Known>,
    remembered: Remembered,
}

/// The config of [`BasicAuth`].
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    users: PathBuf,
    #[serde(default = "restricted")]
    realm: String,
}

fn restricted() -> String {
    String::from("restricted")
}

/// The users as last read.
#[derive(Debug)]
struct Known {
    users: Arc<Users>,
    state: Option<State>,
    looked: Instant,
}

/// What tells one state of the file from another.
type State = (u64, SystemTime);

/// How often the file is looked at.
const LOOK: Duration = Duration::from_secs(1);

impl Middleware for BasicAuth {
    type Config = Config;

    const FLAVOUR: Flavour = Flavour::Blocking;

    fn init(config: Config, _: Purpose) -> dsgi::Result<Self> {
        let realm = config.realm;
        if realm.contains(['"', '\\']) || realm.contains(char::is_control) {
            return Err(Error::new("`realm` has a quote, a backslash or a control character"));
        }
        let state = state(&config.users);
        let users = Arc::new(read(&config.users).map_err(Error::new)?);
        Ok(Self {
            path: config.users,
            challenge: format!("Basic realm=\"{realm}\", charset=\"UTF-8\""),
            known: Mutex::new(Known { users, state, looked: Instant::now() }),
            remembered: Remembered::new(),
        })
    }

    fn call(
        &self,
        inner: Inner,
        mut environ: Environ,
        start_response: StartResponse,
    ) -> dsgi::Result<Body> {
        let given = environ.get("HTTP_AUTHORIZATION").and_then(credentials);
        let Some((name, password)) = given.filter(|(name, password)| self.admits(name, password))
        else {
            let challenge = ("WWW-Authenticate", &*self.challenge);
            let text = ("Content-Type", "text/plain; charset=utf-8");
            start_response("401 Unauthorized", &[challenge, text])?;
            return Ok(Body::from("name and password, please\n"));
        };
        drop(password);
        environ.remove("HTTP_AUTHORIZATION");
        environ.set_value(given::User { name: name.as_str().into() })?;
        environ.set("REMOTE_USER", name);
        environ.set("AUTH_TYPE", "Basic");
        inner(environ, start_response)
    }
}

impl BasicAuth {
    fn admits(&self, name: &str, password: &str) -> bool {
        let users = self.users();
        let digest =
            users.hash_of(name).map(|hash| self.remembered.digest(hash, password.as_bytes()));
        if let Some(digest) = &digest
            && self.remembered.knows(digest, Instant::now())
        {
            return true;
        }
        let admitted = users.admit(name, password.as_bytes());
        if let Some(digest) = digest.filter(|_| admitted) {
            self.remembered.remember(digest, Instant::now());
        }
        admitted
    }

    /// The users as they are in the file, which is looked at once a second at most. One that is
    /// broken changes nothing, and the operator is told.
    fn users(&self) -> Arc<Users> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.looked.elapsed() >= LOOK {
            known.looked = Instant::now();
            let state = state(&self.path);
            if state != known.state {
                known.state = state;
                match read(&self.path) {
                    Ok(users) => known.users = Arc::new(users),
                    Err(error) => report(&format!("basic-auth goes on as before: {error}")),
                }
            }
        }
        Arc::clone(&known.users)
    }
}

fn read(path: &Path) -> Result<Users, String> {
    let shown = path.display();
    let text = fs::read_to_string(path).map_err(|error| format!("cannot read `{shown}`: {error}"));
    Users::parse(&text?).map_err(|refused| format!("`{shown}` {refused}"))
}

fn state(path: &Path) -> Option<State> {
    let found = fs::metadata(path).ok()?;
    Some((found.len(), found.modified().ok()?))
}

/// Name and password of an `Authorization`.
fn credentials(field: &str) -> Option<(String, String)> {
    let (scheme, rest) = field.trim().split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(STANDARD.decode(rest.trim()).ok()?).ok()?;
    let (name, password) = text.split_once(':')?;
    // RFC 7617 2: neither may have them, and a name with one could write a second line of a log.
    let controls = text.contains(char::is_control);
    (!controls).then(|| (name.to_owned(), password.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(text: &str) -> String {
        format!("Basic {}", STANDARD.encode(text))
    }

    fn pair(name: &str, password: &str) -> Option<(String, String)> {
        Some((name.to_owned(), password.to_owned()))
    }

    #[test]
    fn credentials_are_read_as_the_rfc_says() {
        assert_eq!(
            credentials("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),
            pair("Aladdin", "open sesame")
        );
        assert_eq!(credentials(&field("a:b:c")), pair("a", "b:c"));
        assert_eq!(credentials(&field("a:").replace("Basic", "bAsIc ")), pair("a", ""));
        for wrong in [
            "",
            "Basic",
            "Basic !!!",
            &field("no colon"),
            &field("a\nb:c"),
            &field("a:b").replace("Basic", "Bearer"),
            &format!("Basic {}", STANDARD.encode([0xff, b':'])),
        ] {
            assert_eq!(credentials(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn a_file_that_changes_is_read_again_and_a_broken_one_is_not_taken() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("users");
        let write = |name: &str| {
            fs::write(&path, format!("{name}:{}\n", bcrypt::hash("engine", 4).unwrap())).unwrap();
        };
        write("ada");
        let config = serde_json::json!({ "users": path });
        let config = serde_json::from_value(config).unwrap();
        let layer = BasicAuth::init(config, Purpose::Probe).unwrap();
        let look = || {
            let mut known = layer.known.lock().unwrap();
            known.looked = known.looked.checked_sub(LOOK).unwrap();
        };
        for _ in 0..2 {
            assert!(layer.admits("ada", "engine"));
            assert!(!layer.admits("ada", "Engine"));
            assert!(!layer.admits("grace", "engine"));
        }
        write("grace");
        look();
        assert!(layer.admits("grace", "engine"));
        assert!(!layer.admits("ada", "engine"), "remembered though taken out");
        fs::write(&path, "nonsense").unwrap();
        look();
        assert!(layer.admits("grace", "engine"));
        fs::remove_file(&path).unwrap();
        look();
        assert!(layer.admits("grace", "engine"));
    }

    #[test]
    fn a_realm_cannot_break_out_of_its_quotes() {
        let config = serde_json::json!({ "users": "/dev/null", "realm": "a\" b" });
        BasicAuth::init(serde_json::from_value(config).unwrap(), Purpose::Probe).unwrap_err();
    }
}
