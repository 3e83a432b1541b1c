//! Who is there: guests that talk, and guests that wait for one of those.

use std::sync::Arc;

use tokio::sync::watch;

use crate::messages;

/// All guests. Clones are of the same ones.
#[derive(Clone, Debug)]
pub(crate) struct Guests(Arc<watch::Sender<messages::Guests>>);

/// A guest, who leaves when this is dropped: when the call is over, or the client has left.
#[derive(Debug)]
pub(crate) struct Guest {
    guests: Guests,
    name: String,
    place: Place,
}

/// What a guest does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Talking,
    Waiting,
}

impl Place {
    fn names(self, guests: &mut messages::Guests) -> &mut Vec<String> {
        match self {
            Self::Talking => &mut guests.talking,
            Self::Waiting => &mut guests.waiting,
        }
    }
}

impl Default for Guests {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::default()))
    }
}

impl Guests {
    pub(crate) fn enter(&self, place: Place, name: String) -> Guest {
        self.0.send_modify(|guests| place.names(guests).push(name.clone()));
        Guest { guests: self.clone(), name, place }
    }

    pub(crate) fn now(&self) -> messages::Guests {
        self.0.borrow().clone()
    }

    /// Waits until somebody of this name talks.
    pub(crate) async fn until_talks(&self, name: &str) {
        let mut changes = self.0.subscribe();
        let talks = |guests: &messages::Guests| guests.talking.iter().any(|one| one == name);
        // The sender lives as long as `self`.
        drop(changes.wait_for(talks).await);
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.guests.0.send_modify(|guests| {
            let names = self.place.names(guests);
            if let Some(at) = names.iter().position(|name| *name == self.name) {
                names.remove(at);
            }
        });
    }
}
