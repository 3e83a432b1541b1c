//! Records that go to the front server. What a response consists of stays where it is: it goes
//! between a header and its padding.

use bytes::{BufMut, Bytes, BytesMut};

use super::{HEADER_BYTES, Status, VERSION, kind};

/// The most that goes into one record: the greatest length that needs no padding.
pub(crate) const CONTENT_MAX: usize = 0xfff8;

/// Bytes of what [`end`] gives.
pub(crate) const END_BYTES: usize = HEADER_BYTES + 8;

/// Where to a record goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stream {
    /// The response.
    Output,
    /// The front's log.
    Errors,
}

/// The header of a record with so many bytes, at most [`CONTENT_MAX`]; of none, which ends the
/// stream. [`padding`] goes behind the bytes.
pub(crate) fn header(id: u16, stream: Stream, length: usize) -> [u8; HEADER_BYTES] {
    let kind = match stream {
        Stream::Output => kind::OUTPUT,
        Stream::Errors => kind::ERRORS,
    };
    record(kind, id, length)
}

/// What fills a record of so many bytes up to a multiple of eight.
pub(crate) fn padding(length: usize) -> &'static [u8] {
    &[0; 8][..padding_bytes(length)]
}

/// The last record of a request.
pub(crate) fn end(id: u16, status: Status) -> [u8; END_BYTES] {
    let mut bytes = [0; END_BYTES];
    bytes[..HEADER_BYTES].copy_from_slice(&record(kind::END, id, 8));
    // Four bytes of a program's exit status come before it, which we have none of.
    bytes[HEADER_BYTES + 4] = status as u8;
    bytes
}

/// That a record's type is not known.
pub(crate) fn unknown(of: u8) -> [u8; HEADER_BYTES + 8] {
    let mut bytes = [0; HEADER_BYTES + 8];
    bytes[..HEADER_BYTES].copy_from_slice(&record(kind::UNKNOWN, 0, 8));
    bytes[HEADER_BYTES] = of;
    bytes
}

/// Those of our values that were asked for, each once. Names and values are shorter than 128 bytes.
pub(crate) fn values(asked: &[(Bytes, Bytes)], ours: &[(&str, &str)]) -> Bytes {
    let wanted = |name: &str| asked.iter().any(|(asked, _)| asked == name);
    let mut content = BytesMut::new();
    for (name, value) in ours.iter().filter(|(name, _)| wanted(name)) {
        debug_assert!(name.len() < 128 && value.len() < 128, "a length of one byte");
        content.put_u8(name.len() as u8);
        content.put_u8(value.len() as u8);
        content.put_slice(name.as_bytes());
        content.put_slice(value.as_bytes());
    }
    let mut bytes = BytesMut::with_capacity(HEADER_BYTES + content.len() + 8);
    bytes.put_slice(&record(kind::VALUES_RESULT, 0, content.len()));
    bytes.put_slice(&content);
    bytes.put_slice(padding(content.len()));
    bytes.freeze()
}

fn record(kind: u8, id: u16, length: usize) -> [u8; HEADER_BYTES] {
    debug_assert!(length <= CONTENT_MAX, "{length} bytes in one record");
    let ([high, low], [id_high, id_low]) = ((length as u16).to_be_bytes(), id.to_be_bytes());
    [VERSION, kind, id_high, id_low, high, low, padding_bytes(length) as u8, 0]
}

const fn padding_bytes(length: usize) -> usize {
    length.next_multiple_of(8) - length
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_multiples_of_eight_bytes() {
        assert_eq!(header(0x0102, Stream::Output, 3), [1, 6, 1, 2, 0, 3, 5, 0]);
        assert_eq!(header(1, Stream::Errors, 0), [1, 7, 0, 1, 0, 0, 0, 0]);
        assert_eq!(header(1, Stream::Output, CONTENT_MAX), [1, 6, 0, 1, 0xff, 0xf8, 0, 0]);
        let filled = [0, 1, 7, 8, 9, CONTENT_MAX].map(|length| padding(length).len());
        assert_eq!(filled, [0, 7, 1, 0, 7, 0]);
    }

    #[test]
    fn the_end_says_how_it_was() {
        let overloaded = [1, 3, 0, 9, 0, 8, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0];
        assert_eq!(end(9, Status::Overloaded), overloaded);
        assert_eq!(end(9, Status::Complete)[12], 0);
        assert_eq!(end(9, Status::UnknownRole)[12], 3);
        assert_eq!(unknown(77), [1, 11, 0, 0, 0, 8, 0, 0, 77, 0, 0, 0, 0, 0, 0, 0]);
    }

    #[test]
    fn values_are_those_that_were_asked_for() {
        let ours = [("FCGI_MAX_CONNS", "1024"), ("FCGI_MPXS_CONNS", "1")];
        let name = |name: &'static str| (Bytes::from_static(name.as_bytes()), Bytes::new());
        let asked = [name("FCGI_MPXS_CONNS"), name("OTHER"), name("FCGI_MPXS_CONNS")];
        let told = b"\x01\x0a\0\0\0\x12\x06\0\x0f\x01FCGI_MPXS_CONNS1\0\0\0\0\0\0";
        assert_eq!(&*values(&asked, &ours), told);
        assert_eq!(&*values(&[], &ours), [1, 10, 0, 0, 0, 0, 0, 0]);
    }
}
