//! Front servers' protocols for programs of one's own: an application of the program, on a socket
//! that listens already.

use dsgi::export::Function;

use crate::limits::Limits;
use crate::listener::{Listener, Protocol};
use crate::platform::local::Incoming;
use crate::server::{ServeError, Server};

fn server<F, M>(protocol: Protocol, incoming: Incoming, app: F) -> Result<Server, ServeError>
where
    F: Function<M>,
    M: 'static,
{
    Server::linked(Limits::default(), Listener::taken(incoming, protocol)?, app)
}

/// A module for each protocol: they differ by their names.
macro_rules! fronts {
    ($($module:ident: $name:literal, $protocol:ident;)*) => {$(
        #[doc = concat!("Serves ", $name, ".")]
        pub mod $module {
            use super::{Function, Incoming, Protocol, ServeError, Server};

            #[doc = concat!(
                "Serves an application to front servers that speak ", $name, ", until TERM or INT."
            )]
            ///
            /// The socket is one of TCP or of Unix.
            ///
            /// # Errors
            /// When the system refuses threads or the socket.
            ///
            /// ```no_run
            /// use std::net::TcpListener;
            ///
            /// use dsgi::{Environ, StartResponse};
            ///
            /// fn app(
            ///     _: Environ,
            ///     start_response: StartResponse,
            /// ) -> dsgi::Result<[&'static str; 1]> {
            ///     start_response("200 OK", &[("Content-Type", "text/plain; charset=utf-8")])?;
            ///     Ok(["behind a front server\n"])
            /// }
            ///
            /// fn main() -> Result<(), dsgi_host::ServeError> {
            #[doc = concat!(
                "    dsgi_host::", stringify!($module),
                "::serve(TcpListener::bind(\"127.0.0.1:9000\")?, app)"
            )]
            /// }
            /// ```
            pub fn serve<F, M>(listener: impl Into<Incoming>, app: F) -> Result<(), ServeError>
            where
                F: Function<M>,
                M: 'static,
            {
                make_server(listener, app)?.serve_forever()
            }

            #[doc = concat!(
                "A server of ", $name, ", to be ended by something else than a signal, as"
            )]
            /// [`make_server`](crate::make_server) makes one of HTTP.
            ///
            /// # Errors
            /// When the system refuses threads or the socket.
            pub fn make_server<F, M>(
                listener: impl Into<Incoming>,
                app: F,
            ) -> Result<Server, ServeError>
            where
                F: Function<M>,
                M: 'static,
            {
                super::server(Protocol::$protocol, listener.into(), app)
            }
        }
    )*};
}

fronts! {
    fastcgi: "FastCGI", FastCgi;
    scgi: "SCGI", Scgi;
    uwsgi: "uwsgi", Uwsgi;
}
