//! What goes to and fro.

/// Who says hello.
#[derive(Clone, PartialEq, Eq, Hash, prost::Message)]
pub struct Hello {
    /// The name of the guest.
    #[prost(string, tag = "1")]
    pub name: String,
}

/// What the guest is told.
#[derive(Clone, PartialEq, Eq, Hash, prost::Message)]
pub struct Reply {
    /// A greeting.
    #[prost(string, tag = "1")]
    pub text: String,
}

/// Nothing to be said.
#[derive(Clone, Copy, PartialEq, Eq, Hash, prost::Message)]
pub struct Nothing {}

/// Who is there.
#[derive(Clone, PartialEq, Eq, Hash, prost::Message)]
pub struct Guests {
    /// Who talks.
    #[prost(string, repeated, tag = "1")]
    pub talking: Vec<String>,
    /// Who waits for somebody, and for how long.
    #[prost(string, repeated, tag = "2")]
    pub waiting: Vec<String>,
}

/// Whether the greeter greets.
#[derive(Clone, Copy, PartialEq, Eq, Hash, prost::Message)]
pub struct Hours {
    /// Whether it does.
    #[prost(bool, tag = "1")]
    pub open: bool,
}
