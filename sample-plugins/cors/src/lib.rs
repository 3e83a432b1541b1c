//! Lets pages of other origins in: answers what browsers ask beforehand, and says the rest in the
//! responses.
//!
//! The work is [`dsgi_layers::Cors`]'s. The same is linked into the host: `--enable cors`.

dsgi::middleware!(type dsgi_layers::Cors, name = "cors");
