//! Who is believed, how far, and what changes nothing.

use http::HeaderValue;

use super::*;

fn trusted(peers: &[&str], fields: Fields) -> Trusted {
    Trusted { peers: peers.iter().map(|peer| peer.parse().unwrap()).collect(), fields }
}

const PEERS: &[&str] = &["127.0.0.1", "10.0.0.0/8", "2001:db8::/32", "unix"];

fn seen(kind: Fields, peer: &str, rows: &[(&'static str, &str)]) -> Option<Client> {
    let mut fields = HeaderMap::new();
    for (name, value) in rows {
        fields.append(*name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    let peer = (peer != "unix").then(|| address(peer).unwrap());
    trusted(PEERS, kind).client(peer, &fields)
}

/// What is seen of a request of 127.0.0.1, as `address scheme`.
fn said(kind: Fields, rows: &[(&'static str, &str)]) -> String {
    let Client { remote, scheme } = seen(kind, "127.0.0.1:1", rows).expect("it is trusted");
    let remote = remote.map_or(String::from("-"), |remote| remote.to_string());
    format!("{remote} {}", scheme.unwrap_or("-"))
}

#[test]
fn peers_are_addresses_networks_and_sockets() {
    let all = ["127.0.0.1", "0.0.0.0/0", "10.0.0.0/8", "::1", "::/0", "2001:db8::/32", "unix"];
    for text in all {
        assert!(text.parse::<Peer>().is_ok(), "{text}");
    }
    let none = [
        "",
        "localhost",
        "10.0.0.1/8",
        "10.0.0.0/33",
        "10.0.0.0/",
        "10.0.0.0/+8",
        "10/8",
        "*",
        "unix:",
        "2001:db8::1/32",
        "::/129",
        "10.0.0.0/8/8",
    ];
    for text in none {
        assert_eq!(text.parse::<Peer>(), Err(NoPeer), "{text}");
    }
    let includes = |peer: &str, remote: &str| {
        trusted(&[peer], Fields::XForwarded).includes(Some(remote.parse().unwrap()))
    };
    for (peer, remote, expected) in [
        ("10.0.0.0/8", "10.255.0.1", true),
        ("10.0.0.0/8", "11.0.0.0", false),
        ("10.0.0.0/8", "::ffff:10.1.1.1", true),
        ("10.0.0.0/8", "a00::", false),
        ("0.0.0.0/0", "8.8.8.8", true),
        ("0.0.0.0/0", "::1", false),
        ("::/0", "::1", true),
        ("::/0", "8.8.8.8", false),
        ("192.0.2.7", "192.0.2.8", false),
        ("2001:db8::/32", "2001:db8:1::1", true),
        ("2001:db8::/32", "2001:db9::1", false),
        ("unix", "127.0.0.1", false),
    ] {
        assert_eq!(includes(peer, remote), expected, "{peer} {remote}");
    }
}

#[test]
fn only_trusted_peers_are_believed() {
    let rows = [("x-forwarded-for", "192.0.2.7"), ("x-forwarded-proto", "https")];
    let client = Client { remote: address("192.0.2.7"), scheme: Some("https") };
    for (peer, expected) in [
        ("127.0.0.1", Some(client)),
        ("unix", Some(client)),
        ("10.1.2.3", Some(client)),
        ("127.0.0.2", None),
        ("[::1]:1", None),
    ] {
        assert_eq!(seen(Fields::XForwarded, peer, &rows), expected, "{peer}");
    }
    let nobody = trusted(&["127.0.0.1"], Fields::XForwarded);
    assert_eq!(nobody.client(None, &HeaderMap::new()), None, "a Unix socket is not named");
}

#[test]
fn the_client_is_the_first_from_the_right_that_is_not_trusted() {
    let x = |rows: &[(&'static str, &str)]| said(Fields::XForwarded, rows);
    for (value, expected) in [
        ("192.0.2.7", "192.0.2.7:0 -"),
        ("192.0.2.7:4711", "192.0.2.7:4711 -"),
        ("2001:470::7", "[2001:470::7]:0 -"),
        ("[2001:470::7]", "[2001:470::7]:0 -"),
        ("[2001:470::7]:4711", "[2001:470::7]:4711 -"),
        ("198.51.100.1, 192.0.2.7", "192.0.2.7:0 -"),
        ("192.0.2.7, 10.0.0.9", "192.0.2.7:0 -"),
        ("198.51.100.1,192.0.2.7 ,\t10.0.0.9,10.0.0.8", "192.0.2.7:0 -"),
        ("10.0.0.9, 10.0.0.8", "10.0.0.9:0 -"),
        // What the client itself has written is not looked at.
        ("<script>, 192.0.2.7, 10.0.0.9", "192.0.2.7:0 -"),
        // What cannot be read changes nothing.
        ("192.0.2.7, unknown", "- -"),
        ("192.0.2.7, <script>, 10.0.0.9", "- -"),
        ("192.0.2.7,", "- -"),
        ("192.0.2.7:", "- -"),
        ("192.0.2.7:65536", "- -"),
        ("192.0.2.7 10.0.0.1", "- -"),
        ("[192.0.2.7]", "- -"),
        ("", "- -"),
    ] {
        assert_eq!(x(&[("x-forwarded-for", value)]), expected, "{value}");
    }
    let lines = [("x-forwarded-for", "192.0.2.7"), ("x-forwarded-for", "10.0.0.9")];
    assert_eq!(x(&lines), "192.0.2.7:0 -", "lines are one list");
    assert_eq!(x(&[("x-forwarded-for", "192.0.2.7\u{e9}")]), "- -");
    assert_eq!(x(&[("forwarded", "for=192.0.2.7")]), "- -", "of the other kind");
}

#[test]
fn a_scheme_belongs_to_all_or_to_its_hop() {
    let x = |hops: &str, schemes: &str| {
        said(Fields::XForwarded, &[("x-forwarded-for", hops), ("x-forwarded-proto", schemes)])
    };
    assert_eq!(said(Fields::XForwarded, &[("x-forwarded-proto", "HTTPS")]), "- https");
    assert_eq!(x("192.0.2.7", "http"), "192.0.2.7:0 http");
    assert_eq!(x("192.0.2.7, 10.0.0.9", "https"), "192.0.2.7:0 https");
    assert_eq!(x("192.0.2.7, 10.0.0.9", "https, http"), "192.0.2.7:0 https");
    assert_eq!(x("1.1.1.1, 192.0.2.7, 10.0.0.9", "http, https, http"), "192.0.2.7:0 https");
    for schemes in ["ftp", "", "https,http,https", "https://"] {
        assert_eq!(x("192.0.2.7, 10.0.0.9", schemes), "192.0.2.7:0 -", "{schemes}");
    }
    assert_eq!(x("192.0.2.7, unknown", "https"), "- -", "all or nothing");
}

#[test]
fn forwarded_is_read_by_its_grammar() {
    let f = |value: &str| said(Fields::Forwarded, &[("forwarded", value)]);
    for (value, expected) in [
        ("for=192.0.2.7", "192.0.2.7:0 -"),
        ("For=\"192.0.2.7:4711\";Proto=https;by=10.0.0.1;host=a.test", "192.0.2.7:4711 https"),
        ("for=\"[2001:470::7]:4711\"; proto=\"http\"", "[2001:470::7]:4711 http"),
        ("for=192.0.2.7;proto=https, for=10.0.0.9;proto=http", "192.0.2.7:0 https"),
        ("for=1.1.1.1;proto=http,for=192.0.2.7", "192.0.2.7:0 -"),
        ("for=\"1.1.1.1, for=6.6.6.6\", for=192.0.2.7", "192.0.2.7:0 -"),
        ("for=\"192.0\\.2.7\"", "192.0.2.7:0 -"),
        ("for=unknown", "- -"),
        ("for=_hidden", "- -"),
        ("for=192.0.2.7, for=unknown", "- -"),
        ("proto=https", "- -"),
        ("for=192.0.2.7;for=192.0.2.8", "- -"),
        ("for=192.0.2.7;", "- -"),
        ("for=192.0.2.7,", "- -"),
        ("for=", "- -"),
        ("for", "- -"),
        ("for =192.0.2.7", "- -"),
        ("for=\"192.0.2.7", "- -"),
        ("for=\"192.0.2.7\\", "- -"),
        ("for=[2001:470::7]", "- -"),
        ("for=\"2001:470::7\"", "- -"),
        ("for=192.0.2.7 for=10.0.0.1", "- -"),
        ("", "- -"),
    ] {
        assert_eq!(f(value), expected, "{value}");
    }
    let lines = [("forwarded", "for=192.0.2.7"), ("forwarded", "for=10.0.0.9;proto=https")];
    assert_eq!(said(Fields::Forwarded, &lines), "192.0.2.7:0 -");
    let other = [("x-forwarded-for", "192.0.2.7"), ("x-forwarded-proto", "https")];
    assert_eq!(said(Fields::Forwarded, &other), "- -", "of the other kind");
}
