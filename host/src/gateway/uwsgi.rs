//! The uwsgi gateway. Its answers begin as those of HTTP do, which every front takes; of `Status`
//! one of them makes an error (measured on Apache).

use std::sync::Arc;

use http::StatusCode;

use super::front;
use super::single::{self, Protocol, Refused};
use crate::duty::Duties;
use crate::limits::Limits;
use crate::message::Origin;
use crate::wire::uwsgi::{Fault, packet};

const UWSGI: Protocol =
    Protocol { name: "uwsgi", head: |input, most| Ok(packet(input, most)?), opening: b"HTTP/1.1 " };

/// Serves a connection to its end; `kept` is kept until then.
pub(crate) async fn serve<K>(
    stream: std::net::TcpStream,
    origin: Origin,
    duties: Arc<Duties>,
    limits: Arc<Limits>,
    kept: K,
) {
    let serve = |front| single::serve(front, UWSGI);
    front::serve(stream, origin, duties, limits, kept, serve).await;
}

impl From<Fault> for Refused {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Variables(unusable) => unusable.into(),
            Fault::Modifiers(..) => {
                Self { status: StatusCode::NOT_IMPLEMENTED, why: fault.to_string() }
            }
        }
    }
}
