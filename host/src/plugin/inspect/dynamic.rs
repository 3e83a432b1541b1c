//! What the dynamic linker reads of a library: its dynamic section and where that points.
//!
//! Everything is found by address, as the linker finds it, and not through section headers, which
//! may be stripped. Invariant: every loop is bounded by the bytes of the file or by a constant.

use object::elf::{self, Dyn64};
use object::read::elf::{Dyn, GnuHashTable, HashTable};
use object::{NativeEndian, ReadRef};

use super::image::{ENDIAN, Header, Image};
use super::symbols::{Strings, Symbols};
use super::{Glibc, Tls, Unfit, printable, versions};

/// Libraries that one library may need; a generous multiple of what is seen.
const NEEDED_MAX: usize = 512;

/// The dynamic section.
#[derive(Debug)]
pub(super) struct Dynamic<'data> {
    entries: &'data [Dyn64<NativeEndian>],
    strings: Strings<'data>,
}

impl<'data> Dynamic<'data> {
    pub(super) fn parse(image: &Image<'data>) -> Result<Self, Unfit> {
        let bytes = image.dynamic().ok_or(Unfit::NoDynamic)?;
        let count = bytes.len() / size_of::<Dyn64<NativeEndian>>();
        let entries: &[Dyn64<_>] = bytes.read_slice_at(0, count).map_err(|()| Unfit::NoDynamic)?;
        let end = entries
            .iter()
            .position(|entry| entry.d_tag(ENDIAN) == elf::DT_NULL)
            .ok_or_else(|| Unfit::damaged("its dynamic section has no end"))?;
        let mut dynamic = Self { entries: &entries[..end], strings: Strings(&[]) };
        dynamic.strings = dynamic.find_strings(image)?;
        if dynamic.flags(elf::DT_FLAGS_1) & elf::DF_1_PIE.0 != 0 {
            return Err(Unfit::NotShared { found: String::from("an executable") });
        }
        Ok(dynamic)
    }

    pub(super) fn needed(&self) -> Result<Vec<String>, Unfit> {
        let names: Vec<_> = self.values(elf::DT_NEEDED).take(NEEDED_MAX + 1).collect();
        if names.len() > NEEDED_MAX {
            return Err(Unfit::damaged(format!("it needs more than {NEEDED_MAX} libraries")));
        }
        names.into_iter().map(|offset| self.text(offset, "the name of a needed library")).collect()
    }

    /// `DT_RPATH` counts only without `DT_RUNPATH`, ld.so(8).
    pub(super) fn search_path(&self) -> Result<Option<String>, Unfit> {
        let offset = self.value(elf::DT_RUNPATH).or_else(|| self.value(elf::DT_RPATH));
        offset.map(|offset| self.text(offset, "its search path")).transpose()
    }

    /// The name under which others need it.
    #[allow(dead_code, reason = "only an engine that unmaps asks")]
    pub(super) fn name(&self) -> Result<Option<String>, Unfit> {
        self.value(elf::DT_SONAME).map(|offset| self.text(offset, "its own name")).transpose()
    }

    pub(super) fn is_nodelete(&self) -> bool {
        self.flags(elf::DT_FLAGS_1) & elf::DF_1_NODELETE.0 != 0
    }

    /// Whether the linker may write to segments that are read-only.
    pub(super) fn relocates_text(&self) -> bool {
        self.value(elf::DT_TEXTREL).is_some() || self.flags(elf::DT_FLAGS) & elf::DF_TEXTREL.0 != 0
    }

    pub(super) fn tls(&self) -> Tls {
        let is_static = self.flags(elf::DT_FLAGS) & elf::DF_STATIC_TLS.0 != 0;
        if is_static { Tls::Static } else { Tls::OnDemand }
    }

    /// The symbols that other objects see.
    pub(super) fn symbols(&self, image: &Image<'data>) -> Result<Symbols<'data>, Unfit> {
        let none = || Unfit::damaged("its dynamic section names no symbol table");
        let address = self.value(elf::DT_SYMTAB).ok_or_else(none)?;
        let bytes = image.at(address).ok_or_else(none)?;
        let symbols = bytes
            .read_slice_at(0, self.symbol_count(image)?)
            .map_err(|()| Unfit::damaged("its symbol table is longer than its segment"))?;
        Ok(Symbols::new(symbols, self.strings))
    }

    /// The linker takes each symbol's version from a table of its own, by a number that it does not
    /// check.
    pub(super) fn check_versions(&self, image: &Image<'data>, count: usize) -> Result<(), Unfit> {
        let Some(address) = self.value(elf::DT_VERSYM) else { return Ok(()) };
        let highest = |tag, of: fn(&[u8]) -> Option<u16>| {
            let highest = |address| image.at(address).and_then(of).ok_or_else(no_versions);
            self.value(tag).map(highest)
        };
        let needed = highest(elf::DT_VERNEED, versions::highest_needed).transpose()?;
        let defined = highest(elf::DT_VERDEF, versions::highest_defined).transpose()?;
        let Some(highest) = needed.max(defined) else { return Ok(()) };
        let bytes = image.at(address).ok_or_else(no_versions)?;
        let symbols: &[elf::Versym<NativeEndian>] =
            bytes.read_slice_at(0, count).map_err(|()| no_versions())?;
        let is_there = |symbol: &elf::Versym<NativeEndian>| {
            symbol.0.get(ENDIAN).index().0 <= highest.max(elf::VER_NDX_GLOBAL.0)
        };
        match symbols.iter().all(is_there) {
            true => Ok(()),
            false => Err(Unfit::damaged("a symbol has a version that is not there")),
        }
    }

    /// The newest `GLIBC_x.y` among the versions it needs; it runs on no older glibc.
    pub(super) fn required_glibc(&self, image: &Image<'data>) -> Result<Option<Glibc>, Unfit> {
        let Some(address) = self.value(elf::DT_VERNEED) else { return Ok(None) };
        let names = image.at(address).and_then(versions::needed).ok_or_else(no_versions)?;
        Ok(names.into_iter().filter_map(|name| Glibc::parse(self.strings.name(name)?)).max())
    }

    fn find_strings(&self, image: &Image<'data>) -> Result<Strings<'data>, Unfit> {
        let bad = || Unfit::damaged("its dynamic string table lies outside of its segments");
        let (Some(address), Some(size)) = (self.value(elf::DT_STRTAB), self.value(elf::DT_STRSZ))
        else {
            return Err(Unfit::damaged("its dynamic section names no string table"));
        };
        let bytes = image.at(address).ok_or_else(bad)?;
        let size = usize::try_from(size).map_err(|_| bad())?;
        Ok(Strings(bytes.get(..size).ok_or_else(bad)?))
    }

    /// The section does not say how many symbols there are; only the hash tables know.
    fn symbol_count(&self, image: &Image<'data>) -> Result<usize, Unfit> {
        let bad = |_| Unfit::damaged("its symbol hash table cannot be read");
        let table = |tag| self.value(tag).map(|address| image.at(address).unwrap_or_default());
        let count = if let Some(bytes) = table(elf::DT_GNU_HASH) {
            // A table that holds nothing has no length.
            let hash = GnuHashTable::<Header>::parse(ENDIAN, bytes).map_err(bad)?;
            hash.symbol_table_length(ENDIAN).unwrap_or(0)
        } else if let Some(bytes) = table(elf::DT_HASH) {
            HashTable::<Header>::parse(ENDIAN, bytes).map_err(bad)?.symbol_table_length()
        } else {
            return Err(Unfit::damaged("it has no symbol hash table"));
        };
        Ok(count as usize)
    }

    fn text(&self, offset: u64, what: &str) -> Result<String, Unfit> {
        let name = u32::try_from(offset).ok().and_then(|offset| self.strings.name(offset));
        let name = name.ok_or_else(|| {
            Unfit::damaged(format!("{what} lies outside of its dynamic string table"))
        })?;
        Ok(printable(name))
    }

    fn flags(&self, tag: elf::DynamicTag) -> u64 {
        self.value(tag).unwrap_or(0)
    }

    pub(super) fn value(&self, tag: elf::DynamicTag) -> Option<u64> {
        self.values(tag).last()
    }

    fn values(&self, tag: elf::DynamicTag) -> impl Iterator<Item = u64> {
        self.entries
            .iter()
            .filter(move |entry| entry.d_tag(ENDIAN) == tag)
            .map(|entry| entry.d_val(ENDIAN))
    }
}

fn no_versions() -> Unfit {
    Unfit::damaged("its table of symbol versions cannot be read")
}
