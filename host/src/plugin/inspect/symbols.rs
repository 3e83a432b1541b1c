//! Symbols of a library and their names.
//!
//! Asked for the one symbol that every application exports, and for those that change what a host
//! can promise. Invariant: a name is compared or cut within a bound, so that a file cannot make
//! every symbol's name as long as itself.

use dsgi::abi::SYMBOL;
use object::NativeEndian;
use object::elf::{self, Sym64};
use object::read::elf::Sym;

use super::image::{ENDIAN, Image};
use super::{Stays, Unfit, printable};

/// Bytes of a name that matter; C++ symbols reach some thousands.
const NAME_SIZE_MAX: usize = 4096;

/// A symbol's row.
pub(super) type Symbol = Sym64<NativeEndian>;

/// A table of names that end with a zero byte.
#[derive(Clone, Copy, Debug)]
pub(super) struct Strings<'data>(pub(super) &'data [u8]);

/// A table of symbols.
#[derive(Debug)]
pub(super) struct Symbols<'data> {
    symbols: &'data [Symbol],
    strings: Strings<'data>,
}

impl<'data> Strings<'data> {
    /// The name at an offset; `None` outside of the table, and for one without an end in reach.
    pub(super) fn name(self, offset: u32) -> Option<&'data [u8]> {
        let rest = self.0.get(offset as usize..)?;
        let rest = &rest[..rest.len().min(NAME_SIZE_MAX)];
        Some(&rest[..rest.iter().position(|byte| *byte == 0)?])
    }

    /// Compares without looking for the name's end, which a file may put far away.
    fn is(self, offset: u32, name: &str) -> bool {
        let rest = self.0.get(offset as usize..).unwrap_or_default();
        rest.strip_prefix(name.as_bytes()).is_some_and(|rest| rest.first() == Some(&0))
    }

    fn starts_with(self, offset: u32, start: &str) -> bool {
        self.0.get(offset as usize..).is_some_and(|rest| rest.starts_with(start.as_bytes()))
    }
}

impl<'data> Symbols<'data> {
    pub(super) fn new(symbols: &'data [Symbol], strings: Strings<'data>) -> Self {
        Self { symbols, strings }
    }

    pub(super) fn count(&self) -> usize {
        self.symbols.len()
    }

    /// A function of that name would be read as a table, and so would whatever lies elsewhere.
    pub(super) fn require_table(&self, image: &Image<'_>) -> Result<(), Unfit> {
        let table = self.find(SYMBOL).ok_or(Unfit::NoSymbol)?;
        if matches!(table.st_type(), elf::STT_FUNC | elf::STT_GNU_IFUNC) {
            return Err(Unfit::SymbolIsFunction);
        }
        if !image.is_mapped(table.st_value(ENDIAN)) {
            return Err(Unfit::damaged(format!("`{SYMBOL}` lies outside of its segments")));
        }
        Ok(())
    }

    pub(super) fn defines(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    /// glibc never unmaps the object whose unique symbol it bound first.
    pub(super) fn unique(&self) -> Option<Stays> {
        let is_unique = |one: &&Symbol| is_defined(one) && one.st_bind() == elf::STB_GNU_UNIQUE;
        let first = self.symbols.iter().find(is_unique)?;
        let count = self.symbols.iter().filter(is_unique).count();
        let example = self.strings.name(first.st_name(ENDIAN)).unwrap_or_default();
        Some(Stays::Unique { count, example: printable(example) })
    }

    /// By the names that the common replacements of malloc give their own functions.
    pub(super) fn allocator(&self) -> Option<&'static str> {
        const STARTS: &[(&str, &str)] = &[
            ("mi_malloc", "mimalloc"),
            ("mi_heap_malloc", "mimalloc"),
            ("je_malloc", "jemalloc"),
            ("_rjem_malloc", "jemalloc"),
            ("_rjem_je_", "jemalloc"),
        ];
        self.symbols.iter().find_map(|symbol| {
            let name = symbol.st_name(ENDIAN);
            STARTS.iter().find(|known| self.strings.starts_with(name, known.0)).map(|known| known.1)
        })
    }

    pub(super) fn find(&self, name: &str) -> Option<&'data Symbol> {
        let is_it = |one: &&Symbol| is_exported(one) && self.strings.is(one.st_name(ENDIAN), name);
        self.symbols.iter().find(is_it)
    }
}

fn is_defined(symbol: &Symbol) -> bool {
    symbol.st_shndx(ENDIAN) != elf::SHN_UNDEF
}

fn is_exported(symbol: &Symbol) -> bool {
    let binding = symbol.st_bind();
    is_defined(symbol)
        && matches!(binding, elf::STB_GLOBAL | elf::STB_WEAK | elf::STB_GNU_UNIQUE)
        && matches!(symbol.st_visibility(), elf::STV_DEFAULT | elf::STV_PROTECTED)
}
