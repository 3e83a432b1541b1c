//! Percent signs in targets.

/// What an escaped text stands for. What only looks escaped stands for itself.
pub(crate) fn decoded(raw: &str) -> Vec<u8> {
    let (mut decoded, mut left) = (Vec::with_capacity(raw.len()), raw.as_bytes());
    while let Some((byte, behind)) = first(left) {
        decoded.push(byte);
        left = behind;
    }
    decoded
}

/// The first byte that an escaped text stands for, and what follows.
pub(crate) fn first(raw: &[u8]) -> Option<(u8, &[u8])> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    match raw {
        [b'%', high, low, behind @ ..] => match (digit(*high), digit(*low)) {
            (Some(high), Some(low)) => Some(((high * 16 + low) as u8, behind)),
            _ => Some((b'%', &raw[1..])),
        },
        [first, behind @ ..] => Some((*first, behind)),
        [] => None,
    }
}

/// Appends a path as it may stand in a target.
pub(crate) fn encode(path: &[u8], target: &mut Vec<u8>) {
    for byte in path {
        if byte.is_ascii_graphic() && !b"\"#%<>?`{}\\^|".contains(byte) {
            target.push(*byte);
        } else {
            target.extend_from_slice(format!("%{byte:02X}").as_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_escaped_is_read_again() {
        let mut target = Vec::new();
        encode("/a b/\u{e9}?%".as_bytes(), &mut target);
        let target = String::from_utf8(target).unwrap();
        assert_eq!(target, "/a%20b/%C3%A9%3F%25");
        assert_eq!(decoded(&target), "/a b/\u{e9}?%".as_bytes());
        assert_eq!(decoded("/100%/%zz%4"), b"/100%/%zz%4");
    }
}
