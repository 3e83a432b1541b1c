//! Which coding a client gets, by its `Accept-Encoding` (RFC 9110 12.5.3).

/// A way to compress that this crate knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
pub enum Coding {
    /// `zstd`: as small as brotli at the price of gzip.
    #[serde(rename = "zstd")]
    Zstd,
    /// `br`: brotli.
    #[serde(rename = "br")]
    Brotli,
    /// `gzip`: what every client knows.
    #[serde(rename = "gzip")]
    Gzip,
}

impl Coding {
    /// As it stands in header fields.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Zstd => "zstd",
            Self::Brotli => "br",
            Self::Gzip => "gzip",
        }
    }

    fn is_called(self, name: &str) -> bool {
        name.eq_ignore_ascii_case(self.name())
            // RFC 9110 8.4.1.3: an old name of the same.
            || (self == Self::Gzip && name.eq_ignore_ascii_case("x-gzip"))
    }
}

/// The best coding among `offered`, in the server's order of preference, that the client likes at
/// least as much as no coding at all; `None` for none.
pub(super) fn choose(accepted: &str, offered: &[Coding]) -> Option<Coding> {
    let mut best = None;
    let mut liked = quality(accepted, |name| name.eq_ignore_ascii_case("identity"));
    for coding in offered {
        let wanted = quality(accepted, |name| coding.is_called(name))
            .or_else(|| quality(accepted, |name| name == "*"))
            .unwrap_or(0);
        let better = match (best, liked) {
            (None, Some(least)) => wanted >= least,
            (None, None) => true,
            (Some(_), least) => Some(wanted) > least,
        };
        if wanted > 0 && better {
            (best, liked) = (Some(*coding), Some(wanted));
        }
    }
    best
}

/// The weight in thousandths of the first member whose name is meant.
fn quality(accepted: &str, meant: impl Fn(&str) -> bool) -> Option<u16> {
    accepted.split(',').find_map(|member| {
        let mut parts = member.split(';').map(str::trim);
        let name = parts.next().filter(|name| meant(name))?;
        let _ = name;
        let weight = parts.find_map(|part| part.strip_prefix("q=").or(part.strip_prefix("Q=")));
        Some(weight.map_or(1000, thousandths))
    })
}

/// A weight of at most three digits behind its point; what is malformed is not wanted.
fn thousandths(weight: &str) -> u16 {
    let (whole, rest) = weight.split_once('.').unwrap_or((weight, ""));
    let fits = rest.len() <= 3 && rest.bytes().all(|digit| digit.is_ascii_digit());
    match whole {
        "1" if rest.bytes().all(|digit| digit == b'0') => 1000,
        "0" if fits => format!("{rest:0<3}").parse().unwrap_or(0),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Coding; 3] = [Coding::Zstd, Coding::Brotli, Coding::Gzip];

    #[test]
    fn the_client_weighs_and_the_server_prefers() {
        for (accepted, chosen) in [
            ("gzip, deflate, br, zstd", Some(Coding::Zstd)),
            ("gzip, deflate, br", Some(Coding::Brotli)),
            ("gzip", Some(Coding::Gzip)),
            ("X-GZIP", Some(Coding::Gzip)),
            ("zstd;q=0.5, gzip;q=0.8", Some(Coding::Gzip)),
            ("zstd ; q=0.8 , gzip ; q=0.8", Some(Coding::Zstd)),
            ("br;q=0, *", Some(Coding::Zstd)),
            ("zstd;q=0, *;q=0.1", Some(Coding::Brotli)),
            ("*;q=0, gzip;q=0.001", Some(Coding::Gzip)),
            ("identity, gzip;q=0.5", None),
            ("identity;q=0.5, gzip;q=0.5", Some(Coding::Gzip)),
            ("identity;q=0, gzip;q=0", None),
            ("gzip;q=0", None),
            ("gzip;q=0.000", None),
            ("gzip;q=1.000", Some(Coding::Gzip)),
            ("gzip;q=1.1", None),
            ("gzip;q=2, br;q=0.1", Some(Coding::Brotli)),
            ("gzip;q=0.1234", None),
            ("gzip;q=", None),
            ("gzip;level=9;q=0.5", Some(Coding::Gzip)),
            ("deflate", None),
            ("gzipped", None),
            ("", None),
            (",,", None),
        ] {
            assert_eq!(choose(accepted, &ALL), chosen, "{accepted:?}");
        }
        assert_eq!(choose("gzip, br", &[Coding::Gzip, Coding::Brotli]), Some(Coding::Gzip));
    }
}
