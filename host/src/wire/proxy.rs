//! The header of the PROXY protocol, versions 1 and 2: who is at the ends of a connection that a
//! load balancer hands on, said before its first byte.
//!
//! Version 1 is a line, `PROXY TCP4 192.0.2.7 192.0.2.1 56324 443`; version 2 begins with bytes
//! that no other protocol begins with, and says its length. What it adds behind the addresses is
//! passed over. Invariant: a header is taken off whole, and nothing behind it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use bytes::{Buf, Bytes, BytesMut};

/// Who is at the ends, as a header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ends {
    /// Those of the connection itself: the sender speaks for itself, or does not know.
    OfTheConnection,
    Addresses {
        remote: SocketAddr,
        local: SocketAddr,
    },
    /// Two programs of one machine, at Unix sockets.
    Local,
}

/// Why a header is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Fault {
    #[error("it does not begin with a header of the PROXY protocol")]
    Start,
    #[error("a line that does not say who is there")]
    Line,
    #[error("a line of more than {LINE_MAX} bytes")]
    Long,
    #[error("version {0}, where only 1 and 2 are known")]
    Version(u8),
    #[error("command {0}, where only 0 and 1 are known")]
    Command(u8),
    #[error("addresses of kind {0:#04x}, which is unknown")]
    Kind(u8),
    #[error("fewer bytes than its addresses have")]
    Short,
    #[error("more than {0} bytes")]
    Bytes(usize),
    #[error("something behind the addresses that is longer than the header")]
    Beyond,
}

/// A line of version 1 with its end, at most.
pub(crate) const LINE_MAX: usize = 107;

const LINE_START: &[u8] = b"PROXY ";

const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";

/// Bytes of version 2 before the addresses.
const HEAD_BYTES: usize = 16;

/// Bytes of the name of a Unix socket.
const NAME_BYTES: usize = 108;

/// Takes a header off the front of what has arrived; none while it is not whole. `most` is for
/// version 2, all its bytes together.
pub(crate) fn header(input: &mut BytesMut, most: usize) -> Result<Option<Ends>, Fault> {
    let begins = |with: &[u8]| {
        let known = input.len().min(with.len());
        input[..known] == with[..known]
    };
    if begins(LINE_START) {
        line(input)
    } else if begins(SIGNATURE) {
        binary(input, most)
    } else {
        Err(Fault::Start)
    }
}

fn line(input: &mut BytesMut) -> Result<Option<Ends>, Fault> {
    let looked_at = &input[..input.len().min(LINE_MAX)];
    let Some(end) = memchr::memchr(b'\n', looked_at) else {
        return if looked_at.len() == LINE_MAX { Err(Fault::Long) } else { Ok(None) };
    };
    let line = input.split_to(end + 1);
    let text = line.strip_suffix(b"\r\n").and_then(|line| std::str::from_utf8(line).ok());
    let said = text.and_then(|text| text.strip_prefix("PROXY ")).ok_or(Fault::Line)?;
    ends_of(said).map(Some).ok_or(Fault::Line)
}

/// Exactly one space between two words.
fn ends_of(said: &str) -> Option<Ends> {
    let mut words = said.split(' ');
    let kind = words.next()?;
    if kind == "UNKNOWN" {
        // Whatever follows is not to be looked at.
        return Some(Ends::OfTheConnection);
    }
    let [remote, local, remote_port, local_port] =
        [words.next()?, words.next()?, words.next()?, words.next()?];
    if words.next().is_some() {
        return None;
    }
    let (remote, local) = match kind {
        "TCP4" => (ip::<Ipv4Addr>(remote)?, ip::<Ipv4Addr>(local)?),
        "TCP6" => (ip::<Ipv6Addr>(remote)?, ip::<Ipv6Addr>(local)?),
        _ => return None,
    };
    Some(Ends::Addresses {
        remote: SocketAddr::new(remote, port(remote_port)?),
        local: SocketAddr::new(local, port(local_port)?),
    })
}

fn ip<A: FromStr + Into<IpAddr>>(text: &str) -> Option<IpAddr> {
    text.parse::<A>().ok().map(Into::into)
}

/// Digits, and none in front that says nothing.
fn port(text: &str) -> Option<u16> {
    let plain =
        text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    plain.then(|| text.parse().ok()).flatten()
}

fn binary(input: &mut BytesMut, most: usize) -> Result<Option<Ends>, Fault> {
    let Some(&head) = input.first_chunk::<HEAD_BYTES>() else { return Ok(None) };
    let [.., version_command, kind, high, low] = head;
    if version_command >> 4 != 2 {
        return Err(Fault::Version(version_command >> 4));
    }
    let size = HEAD_BYTES + usize::from(u16::from_be_bytes([high, low]));
    if size > most {
        return Err(Fault::Bytes(most));
    }
    let command = version_command & 0xf;
    if command > 1 {
        return Err(Fault::Command(command));
    }
    if input.len() < size {
        return Ok(None);
    }
    let mut rest = input.split_to(size).freeze();
    rest.advance(HEAD_BYTES);
    // Who speaks for itself may say anything there.
    if command == 0 {
        return Ok(Some(Ends::OfTheConnection));
    }
    let ends = ends_behind(kind, &mut rest)?;
    pass_over(rest)?;
    Ok(Some(ends))
}

/// A family in the upper half of a kind, a way of transport in the lower one.
fn ends_behind(kind: u8, rest: &mut Bytes) -> Result<Ends, Fault> {
    match kind {
        // The receiver is to ignore whatever is there.
        0x00 => {
            rest.clear();
            Ok(Ends::OfTheConnection)
        }
        0x11 | 0x12 => addresses::<4>(rest),
        0x21 | 0x22 => addresses::<16>(rest),
        0x31 | 0x32 => {
            if rest.len() < 2 * NAME_BYTES {
                return Err(Fault::Short);
            }
            rest.advance(2 * NAME_BYTES);
            Ok(Ends::Local)
        }
        other => Err(Fault::Kind(other)),
    }
}

fn addresses<const N: usize>(rest: &mut Bytes) -> Result<Ends, Fault>
where
    [u8; N]: Into<IpAddr>,
{
    if rest.len() < 2 * N + 4 {
        return Err(Fault::Short);
    }
    let mut ip = || {
        let mut octets = [0; N];
        rest.copy_to_slice(&mut octets);
        octets.into()
    };
    let (remote, local) = (ip(), ip());
    let (remote, local) =
        (SocketAddr::new(remote, rest.get_u16()), SocketAddr::new(local, rest.get_u16()));
    Ok(Ends::Addresses { remote, local })
}

/// What else is said: type (1), length (2), value.
fn pass_over(mut rest: Bytes) -> Result<(), Fault> {
    while rest.has_remaining() {
        rest.advance(1);
        let length = usize::from(rest.try_get_u16().map_err(|_| Fault::Beyond)?);
        if length > rest.len() {
            return Err(Fault::Beyond);
        }
        rest.advance(length);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
