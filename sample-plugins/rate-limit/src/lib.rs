//! So many requests a client, and then 429 with the time after which to come again.
//!
//! The work is [`dsgi_layers::RateLimit`]'s. The same is linked into the host: `--enable
//! rate-limit`.

dsgi::middleware!(type dsgi_layers::RateLimit, name = "rate-limit");
