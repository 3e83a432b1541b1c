//! Where the dynamic linker writes when it opens a library, and for which symbols.
//!
//! The linker trusts these tables: what lies outside of the library is the memory of the host, or
//! none, and which of both differs between a probe and the serving process. Invariant: every loop
//! is bounded by the bytes of a table.

use object::ReadRef;
use object::elf::{self, DynamicTag, Rela64, Relr64};
use object::{NativeEndian, pod::Pod};

use super::Unfit;
use super::dynamic::Dynamic;
use super::image::{ENDIAN, Image};

/// Bytes that are written at one place.
const WORD: u64 = size_of::<u64>() as u64;

/// Refuses a library that would have the linker write elsewhere than into it.
pub(super) fn check(
    dynamic: &Dynamic<'_>,
    image: &Image<'_>,
    symbol_count: usize,
) -> Result<(), Unfit> {
    let places = Places { image, all: dynamic.relocates_text() };
    for (table, size) in [(elf::DT_RELA, elf::DT_RELASZ), (elf::DT_JMPREL, elf::DT_PLTRELSZ)] {
        let rows: &[Rela64<NativeEndian>] = rows(dynamic, image, table, size)?;
        for row in rows {
            if row.r_type(ENDIAN, false).0 != 0 {
                places.check(row.r_offset.get(ENDIAN))?;
            }
            if row.r_sym(ENDIAN, false) as usize >= symbol_count.max(1) {
                return Err(Unfit::damaged("a relocation names a symbol that is not there"));
            }
        }
    }
    let packed: &[Relr64<NativeEndian>] = rows(dynamic, image, elf::DT_RELR, elf::DT_RELRSZ)?;
    let mut next = 0_u64;
    for row in packed {
        let word = row.0.get(ENDIAN);
        if word & 1 == 0 {
            places.check(word)?;
            next = word.wrapping_add(WORD);
            continue;
        }
        for bit in (1..u64::from(u64::BITS)).filter(|bit| (word >> bit) & 1 == 1) {
            places.check(next.wrapping_add((bit - 1) * WORD))?;
        }
        next = next.wrapping_add(u64::from(u64::BITS - 1) * WORD);
    }
    Ok(())
}

/// Where the linker may write.
struct Places<'a, 'data> {
    image: &'a Image<'data>,
    /// Read-only segments too: it makes them writable meanwhile.
    all: bool,
}

impl Places<'_, '_> {
    fn check(&self, address: u64) -> Result<(), Unfit> {
        if self.image.is_writable(address, WORD) || (self.all && self.image.is_mapped(address)) {
            return Ok(());
        }
        Err(Unfit::damaged(format!("a relocation writes to {address:#x}, outside of its data")))
    }
}

fn rows<'data, T: Pod>(
    dynamic: &Dynamic<'data>,
    image: &Image<'data>,
    table: DynamicTag,
    size: DynamicTag,
) -> Result<&'data [T], Unfit> {
    let (Some(address), Some(size)) = (dynamic.value(table), dynamic.value(size)) else {
        return Ok(&[]);
    };
    let count = usize::try_from(size).unwrap_or(usize::MAX) / size_of::<T>();
    let rows = image.at(address).and_then(|bytes| bytes.read_slice_at(0, count).ok());
    // An empty table may have any address.
    rows.or((count == 0).then_some(&[]))
        .ok_or_else(|| Unfit::damaged("its table of relocations lies outside of its segments"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugin::inspect::fixture::{library_bytes, rust_library_bytes};
    use crate::plugin::inspect::{Facts, Look, inspect_for};

    fn read(bytes: &[u8]) -> Result<Facts, Unfit> {
        inspect_for(None, bytes, Look::ToOpen)
    }

    /// Where the first row lies in the file, and the row.
    fn first_row(bytes: &[u8]) -> (usize, [u64; 3]) {
        let image = Image::parse(bytes).unwrap();
        let dynamic = Dynamic::parse(&image).unwrap();
        let table = image.at(dynamic.value(elf::DT_RELA).unwrap()).unwrap();
        let row = [0, 8, 16].map(|at| u64::from_ne_bytes(table[at..at + 8].try_into().unwrap()));
        (table.as_ptr() as usize - bytes.as_ptr() as usize, row)
    }

    fn with_word(bytes: &[u8], at: usize, word: u64) -> Vec<u8> {
        let mut changed = bytes.to_vec();
        changed[at..at + 8].copy_from_slice(&word.to_ne_bytes());
        changed
    }

    #[test]
    fn writes_outside_of_the_data_are_refused() {
        for bytes in [library_bytes(&["-DPRINTS"]), rust_library_bytes()] {
            let (at, [place, kind, _]) = first_row(&bytes);
            assert!(read(&with_word(&bytes, at, place + 8)).is_ok(), "the control is refused");
            for elsewhere in [0, 0x20_0000_0000, u64::MAX - 3] {
                let error = read(&with_word(&bytes, at, elsewhere)).unwrap_err().to_string();
                assert!(error.contains("outside of its data"), "{elsewhere:#x}: {error}");
            }
            let error = read(&with_word(&bytes, at + 8, kind | (9999 << 32))).unwrap_err();
            assert!(error.to_string().contains("names a symbol"), "{error}");
            // A row of no kind writes nothing.
            assert!(read(&with_word(&with_word(&bytes, at, 0), at + 8, 0)).is_ok());
        }
    }

    #[test]
    fn packed_relocations_are_followed() {
        let bytes = library_bytes(&["-DPRINTS", "-DPOINTERS", "-Wl,-z,pack-relative-relocs"]);
        let image = Image::parse(&bytes).unwrap();
        let dynamic = Dynamic::parse(&image).unwrap();
        let table = image.at(dynamic.value(elf::DT_RELR).expect("a packed table")).unwrap();
        let at = table.as_ptr() as usize - bytes.as_ptr() as usize;
        assert!(read(&bytes).is_ok(), "the control is refused");
        let error = read(&with_word(&bytes, at, 0x20_0000_0000)).unwrap_err();
        assert!(error.to_string().contains("writes to 0x2000000000"), "{error}");
        // A row of bits reaches on from the place before it: at the end of the data, out of them.
        let first = u64::from_ne_bytes(table[..8].try_into().unwrap());
        let with_bits = |place, bits| read(&with_word(&with_word(&bytes, at, place), at + 8, bits));
        let places = (first..).step_by(8).take_while(|place| with_bits(*place, 1).is_ok());
        let last = places.take(10_000).last().unwrap();
        assert!(last > first, "the control is refused");
        let error = with_bits(last, 0b11).unwrap_err();
        assert!(error.to_string().contains("outside of its data"), "{error}");
    }
}
