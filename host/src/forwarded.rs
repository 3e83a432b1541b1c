//! Who the client is where others have forwarded its request: what trusted peers say in fields.
//!
//! Fields are believed as far as whoever wrote them: the last name was written by our own peer, the
//! one before by the peer that it names, and so on. The client is the first from the right that is
//! not trusted. Invariant: what cannot be read changes nothing, and nothing left of the client is
//! looked at.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use http::HeaderMap;
use http::header::FORWARDED;

/// Whose fields are believed, and which.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Trusted {
    pub(crate) peers: Vec<Peer>,
    pub(crate) fields: Fields,
}

/// Who may be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Peer {
    /// All addresses whose first bits are these.
    Network { address: IpAddr, bits: u32 },
    /// Whoever may connect to a Unix socket.
    Unix,
}

/// What forwarders write into. They pass on what they do not know, from anybody, so that only one
/// kind can be believed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Fields {
    /// `X-Forwarded-For` and `X-Forwarded-Proto`.
    #[default]
    XForwarded,
    /// `Forwarded` (RFC 7239).
    Forwarded,
}

/// Neither an address, nor a network, nor `unix`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NoPeer;

/// What is known of a client; what is not said stays what it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Client {
    /// Port 0 where none is said.
    pub(crate) remote: Option<SocketAddr>,
    pub(crate) scheme: Option<&'static str>,
}

/// One that has forwarded a request, as the next one has seen it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Hop {
    remote: SocketAddr,
    scheme: Option<&'static str>,
}

impl Trusted {
    /// Who is behind our peer; none where the peer is not to be believed.
    pub(crate) fn client(&self, peer: Option<SocketAddr>, fields: &HeaderMap) -> Option<Client> {
        self.includes(peer.map(|peer| peer.ip())).then(|| match self.fields {
            Fields::XForwarded => self.x_forwarded(fields),
            Fields::Forwarded => self.forwarded(fields),
        })
    }

    fn includes(&self, remote: Option<IpAddr>) -> bool {
        self.peers.iter().any(|peer| match (peer, remote.map(|remote| remote.to_canonical())) {
            (Peer::Unix, None) => true,
            (Peer::Network { address, bits }, Some(remote)) => {
                first_bits(remote, *bits) == first_bits(*address, *bits)
            }
            _ => false,
        })
    }

    /// The first hop from the right that is not trusted, or the last one; none where one before it
    /// cannot be read.
    fn first_other<T>(
        &self,
        hops: impl Iterator<Item = T>,
        read: impl Fn(&T) -> Option<Hop>,
    ) -> Option<(usize, Hop)> {
        let mut found = None;
        for (index, hop) in hops.enumerate() {
            let hop = read(&hop)?;
            found = Some((index, hop));
            if !self.includes(Some(hop.remote.ip())) {
                break;
            }
        }
        found
    }

    fn x_forwarded(&self, fields: &HeaderMap) -> Client {
        let (Some(hops), Some(schemes)) =
            (list(fields, "x-forwarded-for"), list(fields, "x-forwarded-proto"))
        else {
            return Client::default();
        };
        let read = |text: &&str| Some(Hop { remote: address(text)?, scheme: None });
        let found = self.first_other(hops.iter().rev().copied(), read);
        if found.is_none() && !hops.is_empty() {
            return Client::default();
        }
        // One for all, or one for each hop.
        let text = match (&schemes[..], found) {
            ([only], _) => Some(*only),
            (all, Some((index, _))) if all.len() == hops.len() => {
                all.iter().rev().nth(index).copied()
            }
            _ => None,
        };
        Client { remote: found.map(|(_, hop)| hop.remote), scheme: text.and_then(scheme) }
    }

    fn forwarded(&self, fields: &HeaderMap) -> Client {
        let lines = fields.get_all(FORWARDED).iter().map(|line| line.to_str().ok());
        let Some(lines) = lines.collect::<Option<Vec<&str>>>() else { return Client::default() };
        let Some(elements) = elements(&lines.join(",")) else { return Client::default() };
        let found = self.first_other(elements.iter().rev(), |element| element.hop());
        found.map_or_else(Client::default, |(_, hop)| Client {
            remote: Some(hop.remote),
            scheme: hop.scheme,
        })
    }
}

impl FromStr for Peer {
    type Err = NoPeer;

    /// A network has no bits behind its own.
    fn from_str(text: &str) -> Result<Self, NoPeer> {
        if text == "unix" {
            return Ok(Self::Unix);
        }
        let (address, bits) = match text.split_once('/') {
            None => (text, None),
            Some((address, bits)) => (address, Some(bits)),
        };
        let address: IpAddr = address.parse().map_err(|_| NoPeer)?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = match bits {
            None => most,
            Some(bits) if bits.bytes().all(|byte| byte.is_ascii_digit()) => {
                bits.parse().map_err(|_| NoPeer)?
            }
            Some(_) => return Err(NoPeer),
        };
        let whole = bits <= most && first_bits(address, bits) == first_bits(address, most);
        if whole { Ok(Self::Network { address, bits }) } else { Err(NoPeer) }
    }
}

/// The other bits are none; addresses of different kinds are never alike.
fn first_bits(address: IpAddr, bits: u32) -> (bool, u128) {
    match address {
        IpAddr::V4(address) => {
            let mask = u32::MAX.checked_shl(32_u32.saturating_sub(bits)).unwrap_or(0);
            (true, u128::from(u32::from(address) & mask))
        }
        IpAddr::V6(address) => {
            let mask = u128::MAX.checked_shl(128_u32.saturating_sub(bits)).unwrap_or(0);
            (false, u128::from(address) & mask)
        }
    }
}

/// All members of a list, whose lines are one; none where they are no text.
fn list<'a>(fields: &'a HeaderMap, name: &str) -> Option<Vec<&'a str>> {
    let mut members = Vec::new();
    for line in fields.get_all(name) {
        let blank = |character| matches!(character, ' ' | '\t');
        members.extend(line.to_str().ok()?.split(',').map(|member| member.trim_matches(blank)));
    }
    Some(members)
}

/// `192.0.2.7`, `2001:db8::7` or `[2001:db8::7]`, with a port where the last form or the first one
/// has one.
fn address(text: &str) -> Option<SocketAddr> {
    if let Ok(bare) = text.parse::<IpAddr>() {
        return Some(SocketAddr::new(bare, 0));
    }
    if let Some(inside) = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')) {
        return Some(SocketAddr::new(IpAddr::V6(inside.parse().ok()?), 0));
    }
    text.parse().ok()
}

fn scheme(text: &str) -> Option<&'static str> {
    ["http", "https"].into_iter().find(|known| known.eq_ignore_ascii_case(text))
}

/// What one forwarder has written.
#[derive(Debug, Default)]
struct Element {
    node: Option<String>,
    proto: Option<String>,
}

impl Element {
    /// A node without an address cannot be believed or not.
    fn hop(&self) -> Option<Hop> {
        let node = self.node.as_deref()?;
        // An address of IPv6 has brackets here.
        if node.parse::<std::net::Ipv6Addr>().is_ok() {
            return None;
        }
        Some(Hop { remote: address(node)?, scheme: self.proto.as_deref().and_then(scheme) })
    }

    /// Each name once; what is not known is passed over.
    fn take(&mut self, name: &str, value: String) -> Option<()> {
        let place = match name {
            _ if name.eq_ignore_ascii_case("for") => &mut self.node,
            _ if name.eq_ignore_ascii_case("proto") => &mut self.proto,
            _ => return Some(()),
        };
        place.replace(value).is_none().then_some(())
    }
}

/// The elements of a `Forwarded`; none where it is malformed.
fn elements(mut text: &str) -> Option<Vec<Element>> {
    let (mut all, mut element) = (Vec::new(), Element::default());
    if text.is_empty() {
        return Some(all);
    }
    loop {
        text = text.trim_start_matches([' ', '\t']);
        let (name, rest) = token(text)?;
        let (value, rest) = value(rest.strip_prefix('=')?)?;
        element.take(name, value)?;
        text = rest.trim_start_matches([' ', '\t']);
        match text.as_bytes().first() {
            None => {
                all.push(element);
                return Some(all);
            }
            Some(b';') => {}
            Some(b',') => all.push(std::mem::take(&mut element)),
            Some(_) => return None,
        }
        text = &text[1..];
    }
}

fn value(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        return token(text).map(|(value, rest)| (value.to_owned(), rest));
    };
    let (mut value, mut characters) = (String::new(), quoted.char_indices());
    loop {
        match characters.next()? {
            (at, '"') => return Some((value, &quoted[at + 1..])),
            (_, '\\') => value.push(characters.next()?.1),
            (_, plain) => value.push(plain),
        }
    }
}

fn token(text: &str) -> Option<(&str, &str)> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    let end = text.bytes().position(|byte| !plain(byte)).unwrap_or(text.len());
    (end > 0).then(|| text.split_at(end))
}

#[cfg(test)]
mod tests;
