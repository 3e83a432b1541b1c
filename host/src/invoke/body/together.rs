//! Large blocks of a body that are there at once, and leave together.

use std::mem;
use std::task::{Context, Poll};

use bytes::Buf as _;

use super::{BodyError, ReplyBody, Source};
use crate::duty::InHand;
use crate::invoke::data::{Data, Made};
use crate::outlet::Outlet;

/// A block as long as this leaves with those that are there behind it; hyper keeps shorter ones
/// back by itself until there are as many bytes.
const LARGE: usize = 16 * 1024;

/// Bytes that leave together, from which on no block is asked for.
const TOGETHER: usize = 256 * 1024;

impl ReplyBody {
    /// Takes what is there behind a large block: alone, each would be a call of the system, and
    /// would wake the client, because hyper keeps back no more than a head may have.
    #[inline]
    pub(super) fn gather(&mut self, first: Data, context: &mut Context<'_>) -> Data {
        let made = matches!(self.source, Source::Stream(..) | Source::Pipe(..));
        if !made || !(LARGE..TOGETHER).contains(&first.remaining()) || self.outlet().is_none() {
            return first;
        }
        let (mut length, mut more) = (first.remaining(), Vec::new());
        while length < TOGETHER && self.left != Some(0) {
            let Poll::Ready(pulled) = self.pull(context) else { break };
            match pulled {
                Some(Ok(Made::Data(data))) if length + data.remaining() <= Outlet::MOST_BYTES => {
                    let data = self.account(data);
                    length += data.remaining();
                    more.push(data);
                }
                other => {
                    let source = mem::replace(&mut self.source, Source::Over);
                    self.source = Source::Ahead(Box::new((source, other)));
                    break;
                }
            }
        }
        match self.outlet().filter(|_| !more.is_empty()) {
            Some(outlet) => {
                let blocks = std::iter::once(first).chain(more).map(Data::into_bytes);
                Data::host(outlet.take_blocks(blocks.filter(|block| !block.is_empty()).collect()))
            }
            None => first,
        }
    }

    /// Where bytes go out that hyper need not see, if they can now.
    fn outlet(&self) -> Option<&Outlet> {
        self.in_hand.as_ref().and_then(InHand::outlet)
    }

    /// What was asked for before its time.
    #[cold]
    pub(super) fn take_ahead(&mut self) -> Option<Result<Made, BodyError>> {
        match mem::replace(&mut self.source, Source::Over) {
            Source::Ahead(ahead) => {
                let (source, given) = *ahead;
                self.source = source;
                given
            }
            _ => None,
        }
    }
}
