//! The filter of the log: by level and target, also for entries whose target is a library's.

use tracing::level_filters::LevelFilter;
use tracing::subscriber::Interest;
use tracing::{Level, Metadata, Subscriber};
use tracing_core::callsite::{Callsite, Identifier};
use tracing_core::field::FieldSet;
use tracing_core::metadata::Kind;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::{Context, Layer};

use super::LIBRARY;

/// The filter. An entry of a library was looked at before, by [`lets_through`]: here it would have
/// the target of the place in the host that writes it.
pub(super) struct Filter(pub(super) EnvFilter);

impl<S: Subscriber> Layer<S> for Filter {
    fn register_callsite(&self, place: &'static Metadata<'static>) -> Interest {
        if place.target() == LIBRARY {
            return Interest::always();
        }
        Layer::<S>::register_callsite(&self.0, place)
    }

    fn enabled(&self, place: &Metadata<'_>, context: Context<'_, S>) -> bool {
        place.target() == LIBRARY || self.0.enabled(place, context)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        // As verbose as any of its lines, so that no entry is lost that it lets through.
        Layer::<S>::max_level_hint(&self.0)
    }
}

/// Whether the log of this program takes entries of a library.
pub(super) fn lets_through(level: Level, target: &str) -> bool {
    let fields = FieldSet::new(&[], Identifier(&Elsewhere));
    let place = Metadata::new("entry", target, level, None, None, None, fields, Kind::EVENT);
    level <= LevelFilter::current() && tracing::dispatcher::get_default(|log| log.enabled(&place))
}

/// The place in a library that an entry comes from, which is none of this program.
struct Elsewhere;

impl Callsite for Elsewhere {
    fn set_interest(&self, _: Interest) {}

    fn metadata(&self) -> &Metadata<'_> {
        unreachable!("it is never registered")
    }
}
