//! Files of a folder: conditions, parts, and no way out of it.
//!
//! An application, not a layer: [`dsgi_layers::StaticFiles`] opens a file and says what it is, and
//! the host reads and sends it (`Body::file`). The same is linked into the host.

dsgi::app!(type dsgi_layers::StaticFiles, name = "static");
