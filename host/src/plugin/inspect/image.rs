//! An ELF file as the kernel and the dynamic linker would map it, without mapping it.
//!
//! The readers beside this file ask for bytes by the address they will have. Invariant: every
//! header lies within the file, and so does everything that a header points to.

use std::ops::Range;

use object::elf::{self, FileHeader64, ProgramHeader64, SectionHeader64};
use object::read::elf::{FileHeader, NoteIterator, ProgramHeader, SectionHeader};
use object::{NativeEndian, ReadRef};

use super::Unfit;
use super::kind::{check_machine, identify};
use super::symbols::{Strings, Symbols};

/// The byte order of this machine; a file of the other one is refused.
pub(super) const ENDIAN: NativeEndian = NativeEndian;

pub(super) type Header = FileHeader64<NativeEndian>;
type Segment = ProgramHeader64<NativeEndian>;
type Section = SectionHeader64<NativeEndian>;

/// The parts of one file.
#[derive(Debug)]
pub(super) struct Image<'data> {
    bytes: &'data [u8],
    segments: &'data [Segment],
    sections: &'data [Section],
}

/// A note, of whatever owner.
#[derive(Debug)]
pub(super) struct Note<'data> {
    pub(super) owner: &'data [u8],
    pub(super) number: u32,
    pub(super) content: &'data [u8],
}

impl<'data> Image<'data> {
    pub(super) fn parse(bytes: &'data [u8]) -> Result<Self, Unfit> {
        identify(bytes)?;
        let size = bytes.len() as u64;
        let header: &Header = bytes
            .read_at(0)
            .map_err(|()| truncated("the ELF header", 0..size_of::<Header>() as u64, size))?;
        check_machine(header)?;
        let image =
            Self { bytes, segments: segments(header, bytes)?, sections: sections(header, bytes)? };
        image.check_bounds()?;
        Ok(image)
    }

    /// The bytes from an address to the end of what the file has there.
    pub(super) fn at(&self, address: u64) -> Option<&'data [u8]> {
        let (segment, offset) = self.loaded().find_map(|segment| {
            let offset = address.checked_sub(segment.p_vaddr(ENDIAN))?;
            (offset < segment.p_filesz(ENDIAN)).then_some((segment, offset))
        })?;
        segment.data(ENDIAN, self.bytes).ok()?.get(usize::try_from(offset).ok()?..)
    }

    /// Whether anything will be mapped at an address.
    pub(super) fn is_mapped(&self, address: u64) -> bool {
        self.loaded().any(|segment| {
            address
                .checked_sub(segment.p_vaddr(ENDIAN))
                .is_some_and(|offset| offset < segment.p_memsz(ENDIAN))
        })
    }

    /// What nobody may write to: code, and what is only read.
    pub(super) fn constants(&self) -> impl Iterator<Item = &'data [u8]> {
        let constant = |segment: &&Segment| !segment.p_flags(ENDIAN).contains(elf::PF_W);
        self.loaded().filter(constant).filter_map(|it| it.data(ENDIAN, self.bytes).ok())
    }

    /// Whether so many bytes at an address will lie in one segment that may be written to.
    pub(super) fn is_writable(&self, address: u64, size: u64) -> bool {
        let writable = |segment: &&Segment| segment.p_flags(ENDIAN).contains(elf::PF_W);
        self.loaded().filter(writable).any(|segment| {
            let offset = address.checked_sub(segment.p_vaddr(ENDIAN));
            let end = offset.and_then(|offset| offset.checked_add(size));
            end.is_some_and(|end| end <= segment.p_memsz(ENDIAN))
        })
    }

    /// Where the dynamic section will lie.
    pub(super) fn dynamic(&self) -> Option<&'data [u8]> {
        let segment = self.segments_of(elf::PT_DYNAMIC).next()?;
        let bytes = self.at(segment.p_vaddr(ENDIAN))?;
        let size = usize::try_from(segment.p_memsz(ENDIAN)).unwrap_or(usize::MAX);
        Some(&bytes[..bytes.len().min(size)])
    }

    /// All notes; one that is malformed ends its segment.
    pub(super) fn notes(&self) -> impl Iterator<Item = Note<'data>> {
        let data = |segment: &Segment| {
            let bytes = segment.data(ENDIAN, self.bytes).ok()?;
            NoteIterator::<Header>::new(ENDIAN, segment.p_align(ENDIAN), bytes).ok()
        };
        self.segments_of(elf::PT_NOTE).filter_map(data).flatten().map_while(Result::ok).map(
            |note| Note { owner: note.name(), number: note.n_type(ENDIAN).0, content: note.desc() },
        )
    }

    pub(super) fn build_id(&self) -> Option<String> {
        const BYTES_MAX: usize = 64;
        let is_id = |note: &Note<'_>| note.owner == b"GNU" && note.number == elf::NT_GNU_BUILD_ID.0;
        let note = self.notes().find(is_id)?;
        Some(note.content.iter().take(BYTES_MAX).map(|byte| format!("{byte:02x}")).collect())
    }

    /// The symbols that the linker does not need; none in a stripped file.
    pub(super) fn local_symbols(&self) -> Symbols<'data> {
        let found = self.sections.iter().find_map(|section| {
            if section.sh_type(ENDIAN) != elf::SHT_SYMTAB {
                return None;
            }
            let strings = self.sections.get(section.sh_link(ENDIAN) as usize)?;
            let strings = strings.data(ENDIAN, self.bytes).ok()?;
            Some((section.data_as_array(ENDIAN, self.bytes).ok()?, Strings(strings)))
        });
        let (symbols, strings) = found.unwrap_or((&[], Strings(&[])));
        Symbols::new(symbols, strings)
    }

    fn loaded(&self) -> impl Iterator<Item = &'data Segment> {
        self.segments_of(elf::PT_LOAD)
    }

    fn segments_of(&self, kind: elf::ProgramType) -> impl Iterator<Item = &'data Segment> {
        self.segments.iter().filter(move |segment| segment.p_type(ENDIAN) == kind)
    }

    #[cfg(test)]
    pub(super) fn end_of_segments(&self) -> usize {
        let ends = self.segments.iter().map(|segment| {
            let (start, length) = segment.file_range(ENDIAN);
            start + length
        });
        usize::try_from(ends.max().unwrap_or(0)).unwrap()
    }

    /// The linker maps without looking: what the file lacks is a SIGBUS at the first touch.
    fn check_bounds(&self) -> Result<(), Unfit> {
        for (number, segment) in self.segments.iter().enumerate() {
            let (start, length) = segment.file_range(ENDIAN);
            self.check_range(start, length, || format!("program header {number}"))?;
        }
        for (number, section) in self.sections.iter().enumerate() {
            let (start, length) = section.file_range(ENDIAN).unwrap_or_default();
            self.check_range(start, length, || format!("section {number}"))?;
        }
        Ok(())
    }

    fn check_range(
        &self,
        start: u64,
        length: u64,
        part: impl FnOnce() -> String,
    ) -> Result<(), Unfit> {
        let (end, size) = (start.saturating_add(length), self.bytes.len() as u64);
        if length == 0 || end <= size {
            return Ok(());
        }
        Err(truncated(part(), start..end, size))
    }
}

fn segments<'data>(header: &Header, bytes: &'data [u8]) -> Result<&'data [Segment], Unfit> {
    let size = bytes.len() as u64;
    let count = u64::from(header.e_phnum(ENDIAN));
    let range = table(header.e_phoff(ENDIAN), count, size_of::<Segment>());
    if range.end > size {
        return Err(truncated("the table of program headers", range, size));
    }
    header.program_headers(ENDIAN, bytes).map_err(|error| Unfit::damaged(error.to_string()))
}

/// The linker does not read them, so entries of another size are another tool's business.
fn sections<'data>(header: &Header, bytes: &'data [u8]) -> Result<&'data [Section], Unfit> {
    let size = bytes.len() as u64;
    if header.e_shoff(ENDIAN) == 0
        || usize::from(header.e_shentsize(ENDIAN)) != size_of::<Section>()
    {
        return Ok(&[]);
    }
    // A count of zero stands for one that is written into the first entry.
    let count = u64::from(header.e_shnum(ENDIAN)).max(1);
    let range = table(header.e_shoff(ENDIAN), count, size_of::<Section>());
    if range.end > size {
        return Err(truncated("the table of sections", range, size));
    }
    header.section_headers(ENDIAN, bytes).map_err(|error| Unfit::damaged(error.to_string()))
}

fn table(start: u64, count: u64, entry_size: usize) -> Range<u64> {
    start..start.saturating_add(count.saturating_mul(entry_size as u64))
}

fn truncated(part: impl Into<String>, range: Range<u64>, size: u64) -> Unfit {
    Unfit::Truncated { part: part.into(), end: range.end, size }
}
