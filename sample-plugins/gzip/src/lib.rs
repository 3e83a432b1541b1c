//! Compresses responses by zstd, brotli or gzip, as the client likes it; a stream stays a stream.
//!
//! The work is [`dsgi_layers::Gzip`]'s: it asks for the response as a value, changes its head, and
//! puts a filter into its body. The same is linked into the host: `--enable gzip`.

dsgi::middleware!(type dsgi_layers::Gzip, name = "gzip");
