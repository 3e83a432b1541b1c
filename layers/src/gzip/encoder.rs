//! Three compressors behind one step: bytes in, bytes out, nothing held back.

use std::io::{self, Write};

use super::negotiation::Coding;

/// Compresses one body.
pub(super) enum Encoder {
    Gzip(flate2::write::GzEncoder<Vec<u8>>),
    Brotli(Box<brotli::CompressorWriter<Vec<u8>>>),
    Zstd(zstd::stream::write::Encoder<'static, Vec<u8>>),
}

/// How hard each compressor tries where nothing else is said: what a server can afford while a
/// client waits.
const GZIP_LEVEL: u32 = 6;
const BROTLI_LEVEL: u32 = 4;
const ZSTD_LEVEL: i32 = 3;
/// Bytes of what brotli looks back at, as a power of two: 4 MiB.
const BROTLI_WINDOW: u32 = 22;
const BROTLI_BUFFER: usize = 4096;

impl Encoder {
    /// A compressor, as hard as `level` says or as is usual.
    pub(super) fn new(coding: Coding, level: Option<u32>) -> io::Result<Self> {
        Ok(match coding {
            Coding::Gzip => {
                let level = flate2::Compression::new(level.unwrap_or(GZIP_LEVEL).min(9));
                Self::Gzip(flate2::write::GzEncoder::new(Vec::new(), level))
            }
            Coding::Brotli => {
                let level = level.unwrap_or(BROTLI_LEVEL).min(11);
                let writer =
                    brotli::CompressorWriter::new(Vec::new(), BROTLI_BUFFER, level, BROTLI_WINDOW);
                Self::Brotli(Box::new(writer))
            }
            Coding::Zstd => {
                let level = level.map_or(ZSTD_LEVEL, |level| level.min(19).cast_signed());
                Self::Zstd(zstd::stream::write::Encoder::new(Vec::new(), level)?)
            }
        })
    }

    /// Compresses a block, so that the client can read all of it at once.
    pub(super) fn block(&mut self, block: &[u8]) -> io::Result<Vec<u8>> {
        if block.is_empty() {
            return Ok(Vec::new());
        }
        let writer: &mut dyn Write = match self {
            Self::Gzip(writer) => writer,
            Self::Brotli(writer) => writer,
            Self::Zstd(writer) => writer,
        };
        writer.write_all(block)?;
        writer.flush()?;
        Ok(std::mem::take(match self {
            Self::Gzip(writer) => writer.get_mut(),
            Self::Brotli(writer) => writer.get_mut(),
            Self::Zstd(writer) => writer.get_mut(),
        }))
    }

    /// What belongs behind the last block.
    pub(super) fn end(self) -> io::Result<Vec<u8>> {
        match self {
            Self::Gzip(writer) => writer.finish(),
            Self::Brotli(writer) => Ok(writer.into_inner()),
            Self::Zstd(writer) => writer.finish(),
        }
    }
}

/// Compresses all there is.
pub(super) fn compress(coding: Coding, level: Option<u32>, bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = Encoder::new(coding, level)?;
    match &mut encoder {
        Encoder::Gzip(writer) => writer.write_all(bytes)?,
        Encoder::Brotli(writer) => writer.write_all(bytes)?,
        Encoder::Zstd(writer) => writer.write_all(bytes)?,
    }
    encoder.end()
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    const ALL: [Coding; 3] = [Coding::Zstd, Coding::Brotli, Coding::Gzip];

    fn reader(coding: Coding, bytes: &[u8]) -> Box<dyn Read + '_> {
        match coding {
            Coding::Gzip => Box::new(flate2::read::GzDecoder::new(bytes)),
            Coding::Brotli => Box::new(brotli::Decompressor::new(bytes, 4096)),
            Coding::Zstd => Box::new(zstd::stream::read::Decoder::new(bytes).unwrap()),
        }
    }

    /// All of a body that must be complete.
    fn decompressed(coding: Coding, bytes: &[u8]) -> Vec<u8> {
        let mut read = Vec::new();
        reader(coding, bytes).read_to_end(&mut read).unwrap();
        read
    }

    /// What a client can read that has received so much so far.
    fn readable(coding: Coding, bytes: &[u8]) -> Vec<u8> {
        let (mut reader, mut read) = (reader(coding, bytes), Vec::new());
        let mut one = [0; 1];
        while let Ok(1) = reader.read(&mut one) {
            read.push(one[0]);
        }
        read
    }

    #[test]
    fn every_block_can_be_read_before_the_next_one() {
        for coding in ALL {
            let mut encoder = Encoder::new(coding, None).unwrap();
            let (mut sent, mut said) = (Vec::new(), Vec::<u8>::new());
            for block in ["first line\n", "", "second line\n", &"x".repeat(100_000)] {
                sent.extend(encoder.block(block.as_bytes()).unwrap());
                said.extend(block.as_bytes());
                assert!(readable(coding, &sent) == said, "{coding:?}");
            }
            sent.extend(encoder.end().unwrap());
            assert!(decompressed(coding, &sent) == said, "{coding:?} at the end");
            assert!(sent.len() < 1000, "{coding:?}: {} bytes", sent.len());
        }
    }

    #[test]
    fn a_whole_body_is_smaller_than_one_that_is_cut() {
        let text: String = (0..2000).map(|line| format!("line {line} of many\n")).collect();
        for coding in ALL {
            let whole = compress(coding, None, text.as_bytes()).unwrap();
            assert!(decompressed(coding, &whole) == text.as_bytes(), "{coding:?}");
            let mut encoder = Encoder::new(coding, None).unwrap();
            let blocks = text.as_bytes().chunks(100);
            let mut cut: usize = blocks.map(|block| encoder.block(block).unwrap().len()).sum();
            cut += encoder.end().unwrap().len();
            assert!(whole.len() < cut, "{coding:?}: {} and {cut}", whole.len());
        }
    }

    #[test]
    fn every_level_is_one() {
        for coding in ALL {
            for level in [0, 1, 9, 11, 19, u32::MAX] {
                let bytes = compress(coding, Some(level), b"abcabcabc").unwrap();
                assert_eq!(decompressed(coding, &bytes), b"abcabcabc", "{coding:?} {level}");
            }
        }
    }
}
