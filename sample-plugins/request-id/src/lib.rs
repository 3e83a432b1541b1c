//! Gives each request a name, which goes inwards as a header field and out with the response.
//!
//! The work is [`dsgi_layers::RequestId`]'s. The same is linked into the host: `--enable
//! request-id`.

dsgi::middleware!(type dsgi_layers::RequestId, name = "request-id");
