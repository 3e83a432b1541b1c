//! Sessions for every application further in, which find them as a value of their environ: in
//! memory, in SQLite or in Redis, with a cookie that nobody else can make.
//!
//! ```text
//! host --load APP --enable sample-plugins/session
//! ```
//!
//! Sessions in memory go on from one version of this layer to the next; with `store` and `keys` in
//! its config they outlive the host too:
//!
//! ```text
//! --set session.store=sqlite:sessions.db --set 'session.keys=["..."]'
//! ```

use dsgi_session::Sessions;

dsgi::middleware!(type Sessions, name = "session");
