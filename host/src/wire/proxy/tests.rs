//! Headers however they are split, and what is none.

use super::*;
use crate::wire::tests::however_split;

const MOST: usize = 512;

fn decoded(bytes: &[u8]) -> (Option<Result<Ends, Fault>>, Vec<u8>) {
    however_split(bytes, |input| header(input, MOST).transpose())
}

fn ends(remote: &str, local: &str) -> Ends {
    Ends::Addresses { remote: remote.parse().unwrap(), local: local.parse().unwrap() }
}

/// Version 2, with these addresses and what follows them.
fn binary(version_command: u8, kind: u8, content: &[u8]) -> Vec<u8> {
    let mut bytes = SIGNATURE.to_vec();
    bytes.extend([version_command, kind]);
    bytes.extend((content.len() as u16).to_be_bytes());
    bytes.extend(content);
    bytes
}

const FOUR: &[u8] = &[192, 0, 2, 7, 10, 0, 0, 1, 0x12, 0x67, 0x01, 0xbb];

#[test]
fn a_line_is_read_however_it_comes_and_nothing_behind_it() {
    let longest = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff";
    let long = format!("PROXY TCP6 {longest} {longest} 65535 65535");
    let long_ends = ends(&format!("[{longest}]:65535"), &format!("[{longest}]:65535"));
    let all_there_is = format!("PROXY UNKNOWN {longest} {longest} 65535 65535");
    assert_eq!(all_there_is.len() + 2, LINE_MAX);
    for (line, expected) in [
        ("PROXY TCP4 192.0.2.7 10.0.0.1 4711 443", ends("192.0.2.7:4711", "10.0.0.1:443")),
        ("PROXY TCP6 2001:db8::7 ::1 4711 0", ends("[2001:db8::7]:4711", "[::1]:0")),
        (&long, long_ends),
        ("PROXY UNKNOWN", Ends::OfTheConnection),
        (&all_there_is, Ends::OfTheConnection),
    ] {
        let (found, left) = decoded(format!("{line}\r\nGET / HTTP/1.1\r\n").as_bytes());
        assert_eq!((found, &*left), (Some(Ok(expected)), &b"GET / HTTP/1.1\r\n"[..]), "{line}");
        assert_eq!(decoded(line.as_bytes()).0, None, "{line}");
    }
}

#[test]
fn a_line_that_says_something_else_is_refused() {
    let refused = |bytes: &str| decoded(bytes.as_bytes()).0.expect("an answer").unwrap_err();
    for start in ["GET / HTTP/1.1\r\n", "proxy TCP4", " PROXY", "PROXY\r\n", "PROX\0", "\r\n\r\nQ"]
    {
        assert_eq!(refused(start), Fault::Start, "{start:?}");
    }
    for said in [
        "",
        "TCP4",
        "TCP4 192.0.2.7 10.0.0.1 4711",
        "TCP4 192.0.2.7 10.0.0.1 4711 443 ",
        "TCP4 192.0.2.7 10.0.0.1 4711 443 1",
        "TCP4  192.0.2.7 10.0.0.1 4711 443",
        " TCP4 192.0.2.7 10.0.0.1 4711 443",
        "TCP4\t192.0.2.7 10.0.0.1 4711 443",
        "TCP4 192.0.2.7 10.0.0.1 4711 65536",
        "TCP4 192.0.2.7 10.0.0.1 4711 -1",
        "TCP4 192.0.2.7 10.0.0.1 +4711 443",
        "TCP4 192.0.2.7 10.0.0.1 04711 443",
        "TCP4 192.0.2.7 10.0.0.1  443",
        "TCP4 192.0.2 10.0.0.1 4711 443",
        "TCP4 192.0.2.256 10.0.0.1 4711 443",
        "TCP4 2001:db8::7 ::1 4711 443",
        "TCP6 192.0.2.7 10.0.0.1 4711 443",
        "TCP6 [::1] ::1 4711 443",
        "TCP6 fe80::1%1 ::1 4711 443",
        "UDP4 192.0.2.7 10.0.0.1 4711 443",
        "tcp4 192.0.2.7 10.0.0.1 4711 443",
        "UNKNOWNS",
    ] {
        assert_eq!(refused(&format!("PROXY {said}\r\n")), Fault::Line, "{said:?}");
    }
    assert_eq!(refused("PROXY TCP4 192.0.2.7 10.0.0.1 4711 443\n"), Fault::Line, "a bare LF");
    let endless = format!("PROXY UNKNOWN {}", "x".repeat(LINE_MAX));
    assert_eq!(refused(&endless), Fault::Long);
}

#[test]
fn version_2_is_read_however_it_comes_and_nothing_behind_it() {
    let six: Vec<u8> = [[0x20; 16].as_slice(), &[0xfd; 16], &[0, 1, 0, 2]].concat();
    let six_ends = {
        let ip = |octet| IpAddr::from([octet; 16]);
        let (remote, local) = (SocketAddr::new(ip(0x20), 1), SocketAddr::new(ip(0xfd), 2));
        Ends::Addresses { remote, local }
    };
    let more = [FOUR, &[0x03, 0, 4, 1, 2, 3, 4], &[0x04, 0, 0]].concat();
    let four_ends = ends("192.0.2.7:4711", "10.0.0.1:443");
    let filled = [FOUR, &[0x04, 0x01, 0xe1], &[0; 481]].concat();
    assert_eq!(filled.len() + HEAD_BYTES, MOST, "the limit itself");
    for (bytes, expected) in [
        (binary(0x21, 0x11, FOUR), four_ends),
        (binary(0x21, 0x12, FOUR), four_ends),
        (binary(0x21, 0x11, &more), four_ends),
        (binary(0x21, 0x11, &filled), four_ends),
        (binary(0x21, 0x21, &six), six_ends),
        (binary(0x21, 0x31, &[b'/'; 216]), Ends::Local),
        (binary(0x21, 0x00, b""), Ends::OfTheConnection),
        (binary(0x21, 0x00, b"whatever this is"), Ends::OfTheConnection),
        (binary(0x20, 0x00, b""), Ends::OfTheConnection),
        (binary(0x20, 0x11, FOUR), Ends::OfTheConnection),
        (binary(0x20, 0xff, b"any"), Ends::OfTheConnection),
    ] {
        let whole = [&*bytes, b"PRI * HTTP/2.0\r\n"].concat();
        let (found, left) = decoded(&whole);
        assert_eq!((found, &*left), (Some(Ok(expected)), &b"PRI * HTTP/2.0\r\n"[..]), "{bytes:?}");
        assert_eq!(decoded(&bytes[..bytes.len() - 1]).0, None, "{bytes:?}");
    }
}

#[test]
fn version_2_is_strict() {
    let with = |version_command, kind, content: &[u8]| {
        decoded(&binary(version_command, kind, content)).0.expect("an answer").unwrap_err()
    };
    assert_eq!(with(0x11, 0x11, FOUR), Fault::Version(1));
    assert_eq!(with(0x31, 0x11, FOUR), Fault::Version(3));
    assert_eq!(with(0x22, 0x11, FOUR), Fault::Command(2));
    for kind in [0x01, 0x10, 0x13, 0x20, 0x30, 0x41, 0xff] {
        assert_eq!(with(0x21, kind, FOUR), Fault::Kind(kind));
    }
    assert_eq!(with(0x21, 0x11, &FOUR[1..]), Fault::Short);
    assert_eq!(with(0x21, 0x21, &[0; 35]), Fault::Short);
    assert_eq!(with(0x21, 0x31, &[0; 215]), Fault::Short);
    for more in [&[4][..], &[4, 0], &[4, 0, 1], &[4, 0, 0, 4]] {
        assert_eq!(with(0x21, 0x11, &[FOUR, more].concat()), Fault::Beyond, "{more:?}");
    }
    let mut long = binary(0x21, 0x11, b"");
    long[14..16].copy_from_slice(&((MOST - HEAD_BYTES + 1) as u16).to_be_bytes());
    assert_eq!(decoded(&long).0, Some(Err(Fault::Bytes(MOST))), "before it has arrived");
}
