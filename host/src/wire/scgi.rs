//! SCGI: variables in a netstring, and the body behind it.
//!
//! `70:CONTENT_LENGTH<00>27<00>SCGI<00>1<00>...,` as the protocol has it: the length comes first,
//! of digits only, and `SCGI` is there. Fields of a request may be there twice, as nginx sends
//! them; what frames the request may not.

use bytes::{Buf, Bytes, BytesMut};

use super::{Most, Unusable, Variables};

/// Why a request is not one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Fault {
    #[error("it does not begin with the length of a netstring")]
    Length,
    #[error("the netstring does not end with a comma")]
    Comma,
    #[error("a name without a value, or a string without its end")]
    Unended,
    #[error("it does not begin with one CONTENT_LENGTH of digits")]
    ContentLength,
    #[error("it does not say `SCGI` `1` once")]
    Version,
    #[error(transparent)]
    Variables(#[from] Unusable),
}

/// A longer length is beyond every limit.
const DIGITS_MAX: usize = 9;

/// Takes a head off the front of what has arrived; none while it is not whole.
pub(crate) fn head(input: &mut BytesMut, most: Most) -> Result<Option<Variables>, Fault> {
    let Some((digits, size)) = size(input)? else { return Ok(None) };
    if size > most.bytes {
        return Err(Unusable::Bytes(most.bytes).into());
    }
    let end = digits + 1 + size;
    match input.get(end) {
        None => return Ok(None),
        Some(b',') => {}
        Some(_) => return Err(Fault::Comma),
    }
    input.advance(digits + 1);
    let mut rest = input.split_to(size).freeze();
    input.advance(1);
    let mut variables = Variables::new();
    while !rest.is_empty() {
        let name = string(&mut rest)?;
        most.add(&mut variables, name, string(&mut rest)?)?;
    }
    check_length(&variables)?;
    let mut versions = variables.iter().filter(|(name, _)| name == "SCGI");
    match (versions.next(), versions.next()) {
        (Some((_, value)), None) if value == "1" => Ok(Some(variables)),
        _ => Err(Fault::Version),
    }
}

/// How many digits a netstring begins with, and their number; none while no colon has arrived.
fn size(input: &[u8]) -> Result<Option<(usize, usize)>, Fault> {
    let digits = input.iter().take(DIGITS_MAX + 1).take_while(|byte| byte.is_ascii_digit()).count();
    let leading_zero = digits > 1 && input[0] == b'0';
    match input.get(digits) {
        _ if digits > DIGITS_MAX || leading_zero => Err(Fault::Length),
        None => Ok(None),
        Some(b':') => number(&input[..digits]).map(|size| Some((digits, size))),
        Some(_) => Err(Fault::Length),
    }
}

fn number<N: std::str::FromStr>(digits: &[u8]) -> Result<N, Fault> {
    str::from_utf8(digits).ok().and_then(|text| text.parse().ok()).ok_or(Fault::Length)
}

fn string(rest: &mut Bytes) -> Result<Bytes, Fault> {
    let end = memchr::memchr(0, rest).ok_or(Fault::Unended)?;
    let string = rest.split_to(end);
    rest.advance(1);
    Ok(string)
}

/// The body's length comes first, once, and is a number.
fn check_length(variables: &Variables) -> Result<(), Fault> {
    let mut all = variables.iter().enumerate().filter(|(_, (name, _))| name == "CONTENT_LENGTH");
    match (all.next(), all.next()) {
        (Some((0, (_, value))), None) if value.iter().all(u8::is_ascii_digit) => {
            number::<u64>(value).map(drop).map_err(|_| Fault::ContentLength)
        }
        _ => Err(Fault::ContentLength),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::tests::{MOST, however_split, pair};

    fn decoded(bytes: &[u8]) -> (Option<Result<Variables, Fault>>, Vec<u8>) {
        however_split(bytes, |input| head(input, MOST).transpose())
    }

    fn netstring(content: &str) -> String {
        format!("{}:{content},", content.len())
    }

    fn refused(bytes: &str) -> Fault {
        decoded(bytes.as_bytes()).0.expect("an answer").unwrap_err()
    }

    #[test]
    fn a_head_is_read_however_it_comes_and_the_body_is_left() {
        let content = "CONTENT_LENGTH\x0027\0SCGI\x001\0HTTP_A\x001\0HTTP_A\x002\0EMPTY\0\0";
        let bytes = netstring(content) + "the body, and what follows";
        let (head, left) = decoded(bytes.as_bytes());
        let variables = vec![
            pair("CONTENT_LENGTH", "27"),
            pair("SCGI", "1"),
            pair("HTTP_A", "1"),
            pair("HTTP_A", "2"),
            pair("EMPTY", ""),
        ];
        assert_eq!(head, Some(Ok(variables)));
        assert_eq!(left, b"the body, and what follows");
    }

    #[test]
    fn a_netstring_is_one() {
        for bytes in ["", "1", "123456789"] {
            assert_eq!(decoded(bytes.as_bytes()).0, None, "{bytes}");
        }
        for bytes in
            [":", "x", " 1:", "1 :", "-1:", "+1:", "01:", "00:", "1234567890", "1x", "GET /"]
        {
            assert_eq!(refused(bytes), Fault::Length, "{bytes}");
        }
        assert_eq!(refused("5:A\0B\0\0;"), Fault::Comma);
        assert_eq!(refused("513:"), Unusable::Bytes(512).into(), "before it has arrived");
        assert_eq!(decoded(b"512:").0, None, "the limit itself");
    }

    #[test]
    fn variables_are_pairs_with_the_length_first() {
        const START: &str = "CONTENT_LENGTH\x000\0SCGI\x001\0";
        let with = |more: &str| netstring(&format!("{START}{more}"));
        assert!(matches!(decoded(with("").as_bytes()).0, Some(Ok(_))));
        for more in ["A", "A\0", "A\0b"] {
            assert_eq!(refused(&with(more)), Fault::Unended, "{more:?}");
        }
        assert_eq!(refused(&with("\0b\0")), Unusable::Nameless.into());
        assert_eq!(refused(&with(&"A\0\0".repeat(7))), Unusable::Count(8).into());
        for again in ["CONTENT_LENGTH\x000\0", "CONTENT_LENGTH\x001\0"] {
            assert_eq!(refused(&with(again)), Fault::ContentLength, "{again:?}");
        }
        assert_eq!(refused(&with("SCGI\x001\0")), Fault::Version, "twice");
        let others = [
            ("", Fault::ContentLength),
            ("SCGI\x001\0CONTENT_LENGTH\x000\0", Fault::ContentLength),
            ("CONTENT_LENGTH\0\0SCGI\x001\0", Fault::ContentLength),
            ("CONTENT_LENGTH\0-1\0SCGI\x001\0", Fault::ContentLength),
            ("CONTENT_LENGTH\0+1\0SCGI\x001\0", Fault::ContentLength),
            ("CONTENT_LENGTH\x0099999999999999999999\0SCGI\x001\0", Fault::ContentLength),
            ("CONTENT_LENGTH\x000\0", Fault::Version),
            ("CONTENT_LENGTH\x000\0SCGI\x002\0", Fault::Version),
            ("CONTENT_LENGTH\x000\0SCGI\0\0", Fault::Version),
        ];
        for (content, fault) in others {
            assert_eq!(refused(&netstring(content)), fault, "{content:?}");
        }
    }
}
