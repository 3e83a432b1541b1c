//! The file of a library.

#[derive(Debug, Default)]
pub(crate) struct Artifact {
    pub(crate) facts: Facts,
    pub(crate) digest: String,
}

#[derive(Debug, Default)]
pub(crate) struct Facts {
    pub(crate) descriptor: Descriptor,
}

#[derive(Debug, Default)]
pub(crate) struct Descriptor {
    pub(crate) version: String,
}
