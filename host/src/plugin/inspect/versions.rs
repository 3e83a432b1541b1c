//! Tables of symbol versions: which releases of its libraries an object needs or is.
//!
//! Read for the one question whether glibc is new enough; the linker's own answer comes too late
//! and names a symbol instead of a system. Invariant: however the rows point, reading ends.

use std::iter;

use object::elf;
use object::pod::Pod;
use object::{NativeEndian, ReadRef};

use super::image::ENDIAN;

/// Rows that are followed in one table; libc itself defines some 60 versions.
const ROWS_MAX: usize = 4096;

/// Offsets of the names in a table of needed versions, without those that may be missing.
pub(super) fn needed(bytes: &[u8]) -> Option<Vec<u32>> {
    let is_weak = |row: &&Needed| row.vna_flags.get(ENDIAN).contains(elf::VER_FLG_WEAK);
    let rows = needed_rows(bytes)?;
    Some(rows.iter().filter(|row| !is_weak(row)).map(|row| row.vna_name.get(ENDIAN)).collect())
}

/// The highest number in a table of needed versions.
pub(super) fn highest_needed(bytes: &[u8]) -> Option<u16> {
    let numbers = needed_rows(bytes)?.into_iter().map(|row| row.vna_other.get(ENDIAN).0);
    numbers.map(|number| number & elf::VERSYM_VERSION).max()
}

/// The highest number in a table of defined versions.
pub(super) fn highest_defined(bytes: &[u8]) -> Option<u16> {
    let rows = chain(bytes, |row: &elf::Verdef<NativeEndian>| row.vd_next.get(ENDIAN)).map(|at| {
        let row: &elf::Verdef<NativeEndian> = bytes.get(at..)?.read_at(0).ok()?;
        Some(row.vd_ndx.get(ENDIAN).0 & elf::VERSYM_VERSION)
    });
    rows.max().flatten()
}

type Needed = elf::Vernaux<NativeEndian>;

fn needed_rows(bytes: &[u8]) -> Option<Vec<&Needed>> {
    let mut rows = Vec::new();
    for at in chain(bytes, |row: &elf::Verneed<NativeEndian>| row.vn_next.get(ENDIAN)) {
        let rest = bytes.get(at..)?;
        let library: &elf::Verneed<NativeEndian> = rest.read_at(0).ok()?;
        let rest = rest.get(library.vn_aux.get(ENDIAN) as usize..)?;
        let count = usize::from(library.vn_cnt.get(ENDIAN));
        for at in chain(rest, |row: &Needed| row.vna_next.get(ENDIAN)).take(count) {
            if rows.len() == ROWS_MAX {
                return None;
            }
            rows.push(rest.get(at..)?.read_at(0).ok()?);
        }
    }
    Some(rows)
}

/// Offsets of rows that each say how far away the next one is; zero is the end.
///
/// A row that lies outside of the bytes is still given, so that its reader notices.
fn chain<'a, T: Pod + 'a>(
    bytes: &'a [u8],
    next: impl Fn(&T) -> u32 + 'a,
) -> impl Iterator<Item = usize> + 'a {
    iter::successors(Some(0_usize), move |at| {
        let row: &T = bytes.get(*at..)?.read_at(0).ok()?;
        match next(row) {
            0 => None,
            step => at.checked_add(step as usize),
        }
    })
    .take(ROWS_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One library of `count` versions, each row `step` bytes behind the last.
    fn table(count: u16, step: u32, flags: u16) -> Vec<u8> {
        let mut bytes = vec![0; 16];
        bytes[..2].copy_from_slice(&1_u16.to_ne_bytes());
        bytes[2..4].copy_from_slice(&count.to_ne_bytes());
        bytes[8..12].copy_from_slice(&16_u32.to_ne_bytes());
        for name in 0..u32::from(count) {
            bytes.extend([0; 4]);
            bytes.extend(flags.to_ne_bytes());
            bytes.extend([0; 2]);
            bytes.extend(name.to_ne_bytes());
            bytes.extend(step.to_ne_bytes());
        }
        bytes
    }

    #[test]
    fn names_are_found_and_weak_ones_left_out() {
        assert_eq!(needed(&table(3, 16, 0)), Some(vec![0, 1, 2]));
        assert_eq!(needed(&table(3, 16, 2)), Some(Vec::new()));
        assert_eq!(needed(&table(3, 0, 0)), Some(vec![0]), "a step of zero is the end");
    }

    #[test]
    fn the_highest_number_is_found() {
        let mut bytes = table(3, 16, 2);
        assert_eq!(highest_needed(&bytes), Some(0));
        // The bit that hides a symbol is not part of the number.
        bytes[16 + 16 + 6..][..2].copy_from_slice(&(7 | 0x8000_u16).to_ne_bytes());
        assert_eq!(highest_needed(&bytes), Some(7));
        assert_eq!(highest_needed(&bytes[..40]), None);
    }

    #[test]
    fn rows_outside_of_the_table_are_refused() {
        let whole = table(3, 16, 0);
        assert_eq!(needed(&whole[..whole.len() - 16]), None);
        assert_eq!(needed(&table(3, u32::MAX, 0)), None);
    }

    #[test]
    fn rows_without_an_end_are_refused() {
        let most = u16::try_from(ROWS_MAX).unwrap();
        assert!(needed(&table(most, 16, 0)).is_some());
        for flags in [0, 2] {
            // Each library's row is its own successor's, one byte further on.
            let mut bytes = table(most, 16, flags);
            bytes[12..16].copy_from_slice(&16_u32.to_ne_bytes());
            let again = bytes.clone();
            bytes.splice(16..16, again);
            assert_eq!(needed(&bytes), None);
        }
    }
}
