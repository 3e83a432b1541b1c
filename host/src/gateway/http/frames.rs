//! Where the frames of a WebSocket end, followed in the bytes that an application sends.
//!
//! Nothing is kept of them: a head is at most 10 bytes from a server (RFC 6455 5.2), and of what
//! follows only its length counts.

/// A close frame of a server with the code 1012: it starts anew (RFC 6455 7.4, IANA's registry).
pub(super) const RESTARTS: [u8; 4] = [0x88, 2, 0x03, 0xf4];

/// How far the bytes have come.
#[derive(Debug, Default)]
pub(super) struct Frames {
    /// Bytes of a head that has not ended.
    head: [u8; HEAD],
    known: u8,
    /// Bytes that are left of the frame behind its head.
    left: u64,
    said: Said,
}

/// What the application has said of the end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Said {
    #[default]
    Nothing,
    /// A close frame is on its way.
    Closing,
}

/// Longest head there is: two bytes, a length of eight, a mask of four.
const HEAD: usize = 14;

impl Frames {
    /// Whether no frame is under way.
    pub(super) const fn at_border(&self) -> bool {
        self.known == 0 && self.left == 0
    }

    pub(super) const fn said(&self) -> Said {
        self.said
    }

    /// Goes on by bytes that were sent.
    pub(super) fn go_on(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let step = self.step(bytes);
            bytes = &bytes[step..];
        }
    }

    /// How many of these bytes belong to the frame that is under way.
    pub(super) fn rest(&self, bytes: &[u8]) -> usize {
        let mut copy = Self { head: self.head, ..*self };
        let mut rest = 0;
        while rest < bytes.len() && !copy.at_border() {
            rest += copy.step(&bytes[rest..]);
        }
        rest
    }

    /// One part of a frame: a byte of its head, or as much as there is of what follows.
    fn step(&mut self, bytes: &[u8]) -> usize {
        if self.left > 0 {
            let step = usize::try_from(self.left).unwrap_or(usize::MAX).min(bytes.len());
            self.left -= step as u64;
            return step;
        }
        self.head[usize::from(self.known)] = bytes[0];
        self.known += 1;
        if usize::from(self.known) == self.length() {
            self.left = self.payload();
            if self.head[0] & 0x0f == 8 {
                self.said = Said::Closing;
            }
            self.known = 0;
        }
        1
    }

    /// Bytes of the head, as far as that is known.
    const fn length(&self) -> usize {
        if self.known < 2 {
            return 2;
        }
        let mask = if self.head[1] & 0x80 == 0 { 0 } else { 4 };
        mask + match self.head[1] & 0x7f {
            126 => 4,
            127 => 10,
            _ => 2,
        }
    }

    fn payload(&self) -> u64 {
        let bytes: &[u8] = match self.head[1] & 0x7f {
            126 => &self.head[2..4],
            127 => &self.head[2..10],
            short => return u64::from(short),
        };
        bytes.iter().fold(0, |length, byte| length << 8 | u64::from(*byte))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A frame of a kind, so long, masked or not.
    fn frame(kind: u8, length: usize, mask: &[u8]) -> Vec<u8> {
        let bit = if mask.is_empty() { 0 } else { 0x80 };
        let mut frame = vec![0x80 | kind];
        match length {
            0..=125 => frame.push(bit | u8::try_from(length).unwrap()),
            126..=65_535 => {
                frame.push(bit | 126);
                frame.extend(u16::try_from(length).unwrap().to_be_bytes());
            }
            _ => {
                frame.push(bit | 127);
                frame.extend((length as u64).to_be_bytes());
            }
        }
        frame.extend(mask);
        frame.resize(frame.len() + length, 0x88);
        frame
    }

    #[test]
    fn borders_are_found_however_the_bytes_are_cut() {
        for mask in [&b""[..], b"mask"] {
            let lengths = [0, 1, 125, 126, 65_535, 65_536];
            let all: Vec<Vec<u8>> = lengths.map(|length| frame(2, length, mask)).into();
            let borders: Vec<usize> = all
                .iter()
                .scan(0, |at, frame| {
                    *at += frame.len();
                    Some(*at)
                })
                .collect();
            let bytes = all.concat();
            for cut in [1, 2, 3, 7, 1_000, bytes.len()] {
                let (mut frames, mut found, mut at) = (Frames::default(), Vec::new(), 0);
                for piece in bytes.chunks(cut) {
                    frames.go_on(piece);
                    at += piece.len();
                    if frames.at_border() {
                        found.push(at);
                    }
                }
                let expected =
                    borders.iter().copied().filter(|at| at % cut == 0 || *at == bytes.len());
                assert_eq!(found, expected.collect::<Vec<_>>(), "cut by {cut}");
                assert_eq!(frames.said(), Said::Nothing, "0x88 within a frame is no close");
            }
        }
    }

    #[test]
    fn what_is_left_of_a_frame_is_told() {
        let two = [frame(1, 300, b""), frame(1, 5, b"")].concat();
        for sent in [1, 3, 4, 100, 303] {
            let mut frames = Frames::default();
            frames.go_on(&two[..sent]);
            assert_eq!(frames.rest(&two[sent..]), 304 - sent);
            assert_eq!(frames.rest(&two[sent..303]), 303 - sent, "no more than there are");
        }
        assert_eq!(Frames::default().rest(&two), 0, "none is under way");
    }

    #[test]
    fn a_close_frame_is_seen_and_is_one() {
        let mut frames = Frames::default();
        frames.go_on(&frame(1, 3, b""));
        assert_eq!(frames.said(), Said::Nothing);
        frames.go_on(&RESTARTS);
        assert!(frames.at_border() && frames.said() == Said::Closing);
        assert_eq!(u16::from_be_bytes([RESTARTS[2], RESTARTS[3]]), 1012);
    }
}
