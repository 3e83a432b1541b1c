//! Bodies of requests, with a length, in chunks, small and large.

use super::{Row, get, method, post, row, with};
use crate::harness::asking::{Ask, Payload};

/// As large as the host takes by default at most, but for a bit.
const LARGE: usize = 10 * 1024 * 1024;

const LARGE_COUNTED: &str = "10485760 bytes, 8fec5d64d4b7c0ed";
const LARGE_ECHOED: &str = "10485760 bytes as they were sent";

pub(in super::super) const ROWS: &[Row] = &[
    row(
        "a body",
        post("/echo", Payload::Whole(b"some text")),
        &[("status", "200"), ("field content-type", "text/plain"), ("body", "some text")],
    ),
    row(
        "a body of PUT",
        Ask { body: Payload::Whole(b"\x00\xff\r\n"), ..method("PUT", "/echo") },
        &[("status", "200"), ("body", r"\x00\xff\r\n")],
    ),
    row(
        "a body of GET",
        Ask { body: Payload::Whole(b"abc"), ..get("/echo") },
        &[("status", "200"), ("body", "abc")],
    ),
    row(
        "a body's head",
        post("/environ", Payload::Whole(b"12345")),
        &[
            ("status", "200"),
            ("environ CONTENT_LENGTH", "5"),
            ("environ CONTENT_TYPE", "text/plain"),
            ("environ HTTP_CONTENT_LENGTH", "-"),
            ("environ HTTP_CONTENT_TYPE", "-"),
        ],
    ),
    row(
        "an empty body",
        post("/count", Payload::Whole(b"")),
        &[("body", "0 bytes, cbf29ce484222325")],
    ),
    row(
        "chunks",
        post("/echo", Payload::Chunked(&[b"one ", b"two"])),
        &[("status", "200"), ("body", "one two")],
    ),
    row(
        "no chunks",
        post("/count", Payload::Chunked(&[])),
        &[("status", "200"), ("body", "0 bytes, cbf29ce484222325")],
    ),
    row(
        "chunks are undone",
        post("/environ", Payload::Chunked(&[b"one ", b"two"])),
        &[("status", "200"), ("environ HTTP_TRANSFER_ENCODING", "-")],
    ),
    row(
        "10 MiB",
        post("/count", Payload::Large(LARGE)),
        &[("status", "200"), ("body", LARGE_COUNTED)],
    ),
    row(
        "10 MiB in chunks",
        post("/count", Payload::LargeChunked(LARGE)),
        &[("status", "200"), ("body", LARGE_COUNTED)],
    ),
    row(
        "10 MiB there and back",
        post("/echo", Payload::Large(LARGE)),
        &[("status", "200"), ("body", LARGE_ECHOED), ("end", "whole")],
    ),
    row(
        "more than is taken",
        post("/count", Payload::Large(17 * 1024 * 1024)),
        &[("status", "413")],
    ),
    row(
        "a body that is asked for",
        post("/echo", Payload::Expected(b"some text")),
        &[("status", "200"), ("interim", "100"), ("body", "some text")],
    ),
    // The last one with a body: an HTTP connection ends behind it, and nginx, which does not know
    // that yet, may give it another request. It asks again for what may be asked twice.
    row(
        "a body that nobody reads",
        with(post("/environ", Payload::Large(100_000)), &[("Content-Type", "text/plain")]),
        &[("status", "200"), ("environ CONTENT_LENGTH", "100000")],
    ),
];
