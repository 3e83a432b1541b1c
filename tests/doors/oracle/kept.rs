//! Requests that doors once saw differently, made small, or that are known to be hard: they are
//! asked before any other.

use super::asked::{Asked, Length};

type Row =
    (&'static str, &'static str, &'static [(&'static str, &'static str)], &'static [u8], Length);

const KEPT: [Row; 8] = [
    ("GET", "/", &[], b"", Length::None),
    ("GET", "/a%2Fb//c%20d/%c3%a9?x=1%20&y", &[], b"", Length::None),
    ("GET", "/?", &[], b"", Length::None),
    ("GET", "/%", &[], b"", Length::None),
    ("GET", "/%00", &[], b"", Length::None),
    ("POST", "/", &[], b"", Length::Declared),
    ("POST", "/", &[], b"abc", Length::Open),
    (
        "GET",
        "/",
        &[("Cookie", "a=1"), ("x-b", ""), ("cookie", "b=2"), ("x-b", "2"), ("Proxy", "x")],
        b"",
        Length::None,
    ),
];

pub(super) fn requests() -> impl Iterator<Item = Asked> {
    KEPT.iter().map(|&(method, target, fields, body, length)| Asked {
        method: method.to_owned(),
        target: target.to_owned(),
        fields: fields.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect(),
        body: body.to_vec(),
        length,
    })
}
