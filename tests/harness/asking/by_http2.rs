//! Over HTTP/2 with prior knowledge.

use super::{Answered, Ask, End, HOST, Payload, Seen};
use crate::harness::http2::{Http2, Length};
use http::Request;
use std::net::SocketAddr;

pub(super) fn ask(address: SocketAddr, ask: &Ask<'_>, seen: Seen<'_>) -> Answered {
    let mut answered = Answered::none();
    let named = ask.fields.iter().find(|(name, _)| name.eq_ignore_ascii_case("host"));
    let host = named.map_or(HOST, |(_, host)| host);
    let mut request =
        Request::builder().method(ask.method).uri(format!("http://{host}{}", ask.target));
    for (name, value) in ask.fields {
        // The first is `:authority` here, and the other does not exist.
        if !["host", "connection"].iter().any(|known| name.eq_ignore_ascii_case(known)) {
            let value = http::HeaderValue::from_bytes(value.as_bytes()).expect("a value");
            request = request.header(*name, value);
        }
    }
    let length = match ask.body {
        Payload::Chunked(_) | Payload::LargeChunked(_) => Length::Open,
        _ => Length::Declared,
    };
    let request = request.body(ask.body.blocks()).expect("a request");
    let mut client = Http2::open(address);
    let sent = client.send_blocks(request, length);
    let Ok(response) = client.head(sent) else { return answered };
    let (head, mut incoming) = response.into_parts();
    answered.status = Some(head.status.as_u16());
    let text = |bytes: &[u8]| bytes.iter().copied().map(char::from).collect();
    answered.fields = head
        .headers
        .iter()
        .map(|(name, value)| (name.as_str().to_owned(), text(value.as_bytes())))
        .collect();
    answered.end = loop {
        match client.block(&mut incoming) {
            None => break End::Whole,
            Some(Err(_)) => break End::Broken,
            Some(Ok(block)) => answered.body.extend_from_slice(&block),
        }
        if seen(&answered.body).is_break() {
            break End::Left;
        }
    };
    answered
}
