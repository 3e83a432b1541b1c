//! The uwsgi gateway. Its answers begin as those of HTTP do, which every front takes; of `Status`
//! one of them makes an error (measured on Apache).

use http::StatusCode;

use super::front::Front;
use super::reply::Opening;
use super::single::{self, Protocol, Refused};
use crate::wire::uwsgi::{Fault, packet};

const UWSGI: Protocol = Protocol {
    name: "uwsgi",
    head: |input, most| Ok(packet(input, most)?),
    opening: Opening::Line,
};

/// Serves a connection to its end.
pub(crate) async fn serve(front: Front) {
    single::serve(front, UWSGI).await;
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
