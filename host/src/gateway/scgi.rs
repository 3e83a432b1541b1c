//! The SCGI gateway.

use http::StatusCode;

use super::front::Front;
use super::reply::Opening;
use super::single::{self, Protocol, Refused};
use crate::wire::scgi::{Fault, head};

const SCGI: Protocol =
    Protocol { name: "SCGI", head: |input, most| Ok(head(input, most)?), opening: Opening::Status };

/// Serves a connection to its end.
pub(crate) async fn serve(front: Front) {
    single::serve(front, SCGI).await;
}

impl From<Fault> for Refused {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Variables(unusable) => unusable.into(),
            _ => Self { status: StatusCode::BAD_REQUEST, why: fault.to_string() },
        }
    }
}
