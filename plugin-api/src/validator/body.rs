//! A stream on its way outwards: an account is kept of it, and every frame goes on as it comes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Poll, Waker};

use super::failed;
use super::lent::Lent;
use super::witness::Witness;
use crate::bridge::body::{Frame, Pulled, Stream};
use crate::bridge::bytes::Failure;
use crate::bridge::watched::Body;
use crate::rules::{Account, Breach};
use crate::{Error, Outcome};

pub(super) struct Passing {
    /// None once it was closed.
    stream: Option<Stream>,
    account: Account,
    lent: Lent,
    witness: Arc<Witness>,
    open: Arc<AtomicUsize>,
}

impl Passing {
    pub(super) fn new(
        stream: Stream,
        account: Account,
        witness: Arc<Witness>,
        open: Arc<AtomicUsize>,
    ) -> Self {
        open.fetch_add(1, Ordering::AcqRel);
        Self { stream: Some(stream), account, lent: Lent::default(), witness, open }
    }

    /// The frame, unless it breaks a rule where the validator enforces.
    fn judge(&mut self, frame: Option<Frame>) -> Pulled {
        let breaches = match &frame {
            None => self.account.end(),
            Some(Frame::Data(bytes)) => self.account.block(bytes.len() as u64),
            Some(Frame::Trailers(fields)) => self.account.trailers(fields),
        };
        if let Some(error) = self.witness.tell(breaches) {
            return self.refuse(error);
        }
        let frame = frame.map(|frame| match frame {
            Frame::Data(bytes) if !bytes.is_empty() => Frame::Data(self.lent.lend(bytes)),
            other => other,
        });
        Poll::Ready(frame.map(Ok))
    }

    fn fail(&mut self, failure: Failure) -> Pulled {
        self.account.fail();
        self.witness.tell(failed(&failure));
        Poll::Ready(Some(Err(failure)))
    }

    fn refuse(&mut self, error: Error) -> Pulled {
        self.account.fail();
        Poll::Ready(Some(Err(error.into())))
    }

    /// What the one who asks has broken; whether the question may go on inwards.
    fn asked(&self) -> Result<(), Option<Error>> {
        if let Some(breach) = self.account.ask() {
            return Err(self.witness.tell(vec![breach]));
        }
        let (kept, largest) = self.lent.kept();
        let breach: Option<Breach> = self.account.ask_keeping(kept, largest);
        self.witness.tell(Vec::from_iter(breach)).map_or(Ok(()), |error| Err(Some(error)))
    }
}

impl Body for Passing {
    fn pull(&mut self, waker: Option<&Waker>) -> Pulled {
        match self.asked() {
            Ok(()) => {}
            Err(None) => return Poll::Ready(None),
            Err(Some(error)) => return self.refuse(error),
        }
        let Some(stream) = &mut self.stream else { return Poll::Ready(None) };
        match stream.pull(waker) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Some(Err(failure))) => self.fail(failure),
            Poll::Ready(None) => self.judge(None),
            Poll::Ready(Some(Ok(frame))) => self.judge(Some(frame)),
        }
    }

    fn size_hint(&self) -> Option<(u64, u64)> {
        self.stream.as_ref()?.size_hint()
    }

    fn close(&mut self, outcome: Outcome, bytes_sent: u64) {
        self.open.fetch_sub(1, Ordering::AcqRel);
        self.witness.tell(Vec::from_iter(self.account.close(outcome)));
        if let Some(stream) = self.stream.take() {
            stream.close(outcome, bytes_sent);
        }
        self.witness.leave();
    }
}
