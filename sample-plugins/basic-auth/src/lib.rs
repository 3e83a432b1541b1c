//! Asks for name and password before anything further in is called, and tells it who asks.
//!
//! The work is [`dsgi_layers::BasicAuth`]'s, which answers itself where it does not call inwards.
//! The same is linked into the host: `--enable basic-auth`.

dsgi::middleware!(type dsgi_layers::BasicAuth, name = "basic-auth");
