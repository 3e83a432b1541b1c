//! Libraries, as far as a swap knows of them.

/// No version of the models must be alone.
pub(crate) mod alive {
    pub(crate) fn forget(_number: u64) {}
}
/// A call of a model says itself whom it is of.
pub(crate) mod application {
    pub(crate) mod step {
        use crate::plugin::generation::Generation;

        #[derive(Debug)]
        pub(crate) struct Step;

        impl Step {
            pub(crate) const fn of(_: &Generation, _: u32) -> Self {
                Self
            }

            pub(crate) const fn nobody(_: u32) -> Self {
                Self
            }
        }
    }
}
pub(crate) mod artifact;
pub(crate) mod generation;

/// What a library is; none of the models waits.
pub(crate) mod inspect {
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(crate) enum Kind {
        Application,
        Layer,
    }
}

pub(crate) mod library;
// The host's janitor.
#[path = "../../../host/src/plugin/retire.rs"]
pub(crate) mod retire;
pub(crate) mod unload;
