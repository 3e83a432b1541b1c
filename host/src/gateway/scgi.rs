//! The SCGI gateway.

use std::sync::Arc;

use http::StatusCode;

use super::front;
use super::single::{self, Protocol, Refused};
use crate::duty::Duties;
use crate::limits::Limits;
use crate::message::Origin;
use crate::wire::Unusable;
use crate::wire::scgi::{Fault, head};

const SCGI: Protocol = Protocol {
    name: "SCGI",
    head: |input, most| Ok(head(input, most)?.map(|head| head.variables)),
    opening: b"Status: ",
};

/// Serves a connection to its end; `kept` is kept until then.
pub(crate) async fn serve<K>(
    stream: std::net::TcpStream,
    origin: Origin,
    duties: Arc<Duties>,
    limits: Arc<Limits>,
    kept: K,
) {
    let serve = |front| single::serve(front, SCGI);
    front::serve(stream, origin, duties, limits, kept, serve).await;
}

impl From<Fault> for Refused {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Variables(unusable) => unusable.into(),
            _ => Self { status: StatusCode::BAD_REQUEST, why: fault.to_string() },
        }
    }
}

impl From<Unusable> for Refused {
    fn from(unusable: Unusable) -> Self {
        let status = match unusable {
            Unusable::Bytes(_) | Unusable::Count(_) => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Unusable::Beyond | Unusable::Nameless => StatusCode::BAD_REQUEST,
        };
        Self { status, why: unusable.to_string() }
    }
}
