//! The subscriber of a library for as long as the library serves.
//!
//! `tracing` keeps what was installed in a static for ever, and a library's statics are never
//! dropped: 40 KiB would stay behind with each version of an application (measured). So an empty
//! one is installed, which leads to the one in a place that is emptied at the end.

use std::sync::{Arc, PoisonError, RwLock};

use tracing_core::span::{Attributes, Current as Span, Id, Record};
use tracing_core::subscriber::Interest;
use tracing_core::{Event, LevelFilter, Metadata, Subscriber};

type Listening = dyn Subscriber + Send + Sync;

static LISTENING: RwLock<Option<Arc<Listening>>> = RwLock::new(None);

/// Whoever listens now.
#[derive(Clone, Copy, Debug)]
pub(super) struct Current;

impl Current {
    /// Lets a subscriber listen until the end.
    pub(super) fn listen(subscriber: impl Subscriber + Send + Sync) -> Self {
        replace(Some(Arc::new(subscriber)));
        Self
    }
}

/// Drops the subscriber: nobody listens any more.
pub(in crate::export) fn end() {
    replace(None);
}

fn replace(with: Option<Arc<Listening>>) {
    let mut place = LISTENING.write().unwrap_or_else(PoisonError::into_inner);
    let before = std::mem::replace(&mut *place, with);
    // It may lead to events itself, which look here.
    drop(place);
    drop(before);
}

/// The lock is not held meanwhile: what writes a field out may cause an event.
fn ask<T>(question: impl FnOnce(&Listening) -> T) -> Option<T> {
    let listening = LISTENING.read().unwrap_or_else(PoisonError::into_inner).clone();
    listening.map(|listening| question(&*listening))
}

impl Subscriber for Current {
    fn register_callsite(&self, place: &'static Metadata<'static>) -> Interest {
        ask(|to| to.register_callsite(place)).unwrap_or_else(Interest::never)
    }

    fn enabled(&self, place: &Metadata<'_>) -> bool {
        ask(|to| to.enabled(place)).unwrap_or(false)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        ask(|to| to.max_level_hint()).unwrap_or(Some(LevelFilter::OFF))
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        ask(|to| to.new_span(span)).unwrap_or_else(|| Id::from_u64(1))
    }

    fn record(&self, span: &Id, values: &Record<'_>) {
        ask(|to| to.record(span, values));
    }

    fn record_follows_from(&self, span: &Id, follows: &Id) {
        ask(|to| to.record_follows_from(span, follows));
    }

    fn event_enabled(&self, event: &Event<'_>) -> bool {
        ask(|to| to.event_enabled(event)).unwrap_or(false)
    }

    fn event(&self, event: &Event<'_>) {
        ask(|to| to.event(event));
    }

    fn enter(&self, span: &Id) {
        ask(|to| to.enter(span));
    }

    fn exit(&self, span: &Id) {
        ask(|to| to.exit(span));
    }

    fn clone_span(&self, span: &Id) -> Id {
        ask(|to| to.clone_span(span)).unwrap_or_else(|| span.clone())
    }

    fn try_close(&self, span: Id) -> bool {
        ask(|to| to.try_close(span)).unwrap_or(false)
    }

    fn current_span(&self) -> Span {
        ask(|to| to.current_span()).unwrap_or_else(Span::none)
    }
}
