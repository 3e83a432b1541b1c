//! All variables of an exchange, as CGI names them.

use crate::abi::grown::head_flag;
use crate::bridge::exchange::{Handle, Text};

/// Every variable of the exchange, computed.
pub(super) fn everything(handle: &Handle) -> Vec<(String, Vec<u8>)> {
    let mut all: Vec<(String, Vec<u8>)> = Vec::new();
    let texts = [
        ("REQUEST_METHOD", Text::Method),
        ("SCRIPT_NAME", Text::ScriptName),
        ("PATH_INFO", Text::PathInfo),
        ("QUERY_STRING", Text::Query),
        ("REQUEST_URI", Text::Target),
        ("REQUEST_SCHEME", Text::Scheme),
        ("SERVER_NAME", Text::ServerName),
        ("SERVER_SOFTWARE", Text::Software),
        ("REMOTE_ADDR", Text::RemoteAddress),
        ("dsgi.url_scheme", Text::Scheme),
        ("dsgi.gateway", Text::Gateway),
    ];
    for (name, text) in texts {
        let value = handle.text(text);
        if name != "REMOTE_ADDR" || !value.is_empty() {
            all.push((name.to_owned(), value.to_vec()));
        }
    }
    let flag = |bit| String::from(if handle.flags() & bit == 0 { "false" } else { "true" });
    let (server_port, remote_port) = handle.ports();
    let mut numbers = vec![
        ("SERVER_PORT", server_port.to_string()),
        ("SERVER_PROTOCOL", protocol(handle.protocol())),
        ("GATEWAY_INTERFACE", String::from("CGI/1.1")),
        ("dsgi.version", crate::abi::ABI.to_string()),
        ("dsgi.generation", handle.generation().to_string()),
        ("dsgi.multithread", flag(head_flag::MULTITHREAD)),
        ("dsgi.multiprocess", flag(head_flag::MULTIPROCESS)),
        ("dsgi.run_once", flag(head_flag::RUN_ONCE)),
    ];
    if remote_port != 0 {
        numbers.push(("REMOTE_PORT", remote_port.to_string()));
    }
    if let Some(length) = handle.content_length() {
        numbers.push(("CONTENT_LENGTH", length.to_string()));
    }
    all.extend(numbers.into_iter().map(|(name, value)| (name.to_owned(), value.into_bytes())));
    for (field, value) in handle.headers() {
        join(&mut all, field, value);
    }
    for (name, value) in handle.variables() {
        let name = String::from_utf8_lossy(name).into_owned();
        all.retain(|(known, _)| *known != name);
        all.push((name, value.to_vec()));
    }
    all
}

fn protocol(version: u32) -> String {
    format!("HTTP/{}.{}", version / 10, version % 10)
}

/// Adds a header field under its CGI name, or joins it to an earlier one of that name.
fn join(all: &mut Vec<(String, Vec<u8>)>, field: &[u8], value: &[u8]) {
    let name = match field {
        b"content-length" => return,
        b"content-type" => String::from("CONTENT_TYPE"),
        field => {
            let mut name = String::from("HTTP_");
            name.extend(field.iter().map(|byte| match byte {
                b'-' => '_',
                byte => char::from(byte.to_ascii_uppercase()),
            }));
            name
        }
    };
    match all.iter_mut().find(|(known, _)| *known == name) {
        Some((_, joined)) => {
            joined.extend_from_slice(if field == b"cookie" { b"; " } else { b", " });
            joined.extend_from_slice(value);
        }
        None => all.push((name, value.to_vec())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_fields_are_joined_and_cookies_by_a_semicolon() {
        let mut all = Vec::new();
        for (field, value) in
            [("accept", "a"), ("cookie", "x=1"), ("accept", "b"), ("cookie", "y=2")]
        {
            join(&mut all, field.as_bytes(), value.as_bytes());
        }
        join(&mut all, b"content-length", b"7");
        let pair = |name: &str, value: &str| (String::from(name), value.as_bytes().to_vec());
        assert_eq!(all, [pair("HTTP_ACCEPT", "a, b"), pair("HTTP_COOKIE", "x=1; y=2")]);
    }
}
