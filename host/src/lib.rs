//! Serves DSGI applications over HTTP: loaded from shared libraries by the program `host`, or
//! linked into a program of one's own by [`make_server`].
//!
//! The modules, from the ground up; a file uses only its own floor and those above it in this list:
//!
//! | floor | modules |
//! |---|---|
//! | 0 | `clock`, `duty`, `limits`, `path`, `authority`, `log`, `platform`, `state`, `moment` |
//! | 0 | `outlet`: files that go out without being read |
//! | 0 | `operator`: what an operator can ask |
//! | 0 | `socket_file`: the name of a socket |
//! | 0 | `forwarded`: whom fields of trusted peers name
//! | 0 | `wire`: codecs of the protocols of front servers |
//! | 0 | `sync`: what threads share, std's here and loom's in a model |
//! | 1 | `plugin`: a library's life, from file to started |
//! | 2 | `tenure`, `panics`, `lease`, `farewell`: a library in service, and the right to use it |
//! | 2 | `pool`: threads for calls that wait |
//! | 3 | `message`, `invoke`: one call of an application |
//! | 4 | `gate`, `plan`, `site`, `dispatch`: from a request to its application |
//! | 5 | `gateway`, `cores`, `switch`, `listener`, `control`, `watchdog`, `shutdown`: threads |
//! | 6 | `server`, `probe_child`, `crate_dir`, `config`, `cli`, `apps`, `failure`, `run`: all |
//! | 6 | `cgi`, `fronts`: applications behind front servers, also of other programs |
//! | 6 | `slot`, `running`, `client`: what an operator sees, and how one asks |
//! | 6 | `roster`, `linked`: who is to serve by name, and what is part of the program |
//! | 6 | `source`, `watch`, `reload`: where applications came from, and what changes there |
//! | 6 | `rotate`: log files that were moved away |
//! | 6 | `fuzzing`: what is fuzzed, by name; in tests and builds for that alone |

mod apps;
mod authority;
pub mod cgi;
mod cli;
mod client;
mod clock;
mod config;
mod control;
mod cores;
mod crate_dir;
mod dispatch;
mod duty;
mod failure;
mod farewell;
mod forwarded;
mod fronts;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
mod gate;
mod gateway;
mod invoke;
mod lease;
mod limits;
mod linked;
mod listener;
mod log;
mod message;
mod moment;
mod operator;
mod outlet;
mod panics;
mod path;
mod plan;
mod platform;
mod plugin;
mod pool;
mod probe_child;
mod reload;
mod roster;
mod rotate;
mod run;
mod running;
mod server;
mod shutdown;
mod site;
mod slot;
mod socket_file;
mod source;
mod state;
mod switch;
mod sync;
mod tenure;
mod watch;
mod watchdog;
#[cfg_attr(not(test), expect(dead_code, reason = "the gateways that use it come next"))]
mod wire;

pub use self::fronts::{fastcgi, scgi, uwsgi};
pub use self::limits::Limits;
pub use self::listener::ListenError;
pub use self::platform::local::Incoming;
pub use self::run::run;
pub use self::server::{ServeError, Server, make_server, make_server_with};
pub use self::site::MountError;
