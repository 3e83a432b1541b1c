//! The opened library, which can be unmapped at once.

use std::sync::Arc;
use std::time::Instant;

use super::generation::Image;
use super::unload::Unloaded;

#[derive(Debug)]
pub(crate) struct Library(pub(crate) Arc<Image>);

impl Library {
    pub(crate) fn close(self, _until: Instant) -> Unloaded {
        self.0.unmap();
        Unloaded::Gone(())
    }
}
