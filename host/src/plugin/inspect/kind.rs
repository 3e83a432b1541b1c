//! What kind of file it is: ELF at all, and for this machine.
//!
//! Asked by the reader of headers before it reads any. Invariant: a file that passes is a 64-bit
//! shared object or a position-independent executable of this processor and byte order; which of
//! both, only its dynamic section tells.

use object::elf;
use object::read::elf::FileHeader;

use super::image::{ENDIAN, Header};
use super::{Unfit, printable};

/// Tells what kind of file it is by its first bytes.
pub(super) fn identify(bytes: &[u8]) -> Result<(), Unfit> {
    if bytes.is_empty() {
        return Err(Unfit::Empty);
    }
    if bytes.starts_with(&elf::ELFMAG) {
        return Ok(());
    }
    const MAGIC: &[(&[u8], &str)] = &[
        (b"!<arch>\n", "is an archive, as a static library or an rlib is"),
        (b"!<thin>\n", "is an archive, as a static library is"),
        (b"MZ", "is a program or library for Windows"),
        (b"\xCF\xFA\xED\xFE", "is a program or library for macOS"),
        (b"\xCA\xFE\xBA\xBE", "is a program or library for macOS, or a Java class"),
        (b"\0asm", "is a WebAssembly module"),
        (b"\x1F\x8B", "is compressed"),
        (b"PK\x03\x04", "is a zip archive"),
    ];
    let start = &bytes[..bytes.len().min(512)];
    let found = if let Some((_, what)) = MAGIC.iter().find(|(magic, _)| start.starts_with(magic)) {
        (*what).to_owned()
    } else if start.starts_with(b"#!") {
        let line = start[2..].split(|byte| *byte == b'\n').next().unwrap_or_default();
        format!("is a script for `{}`", printable(line.trim_ascii()))
    } else if is_text(start) {
        String::from("is a text file")
    } else {
        let start: Vec<_> = start.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
        format!("begins with the bytes {}, and not as ELF", start.join(" "))
    };
    Err(Unfit::NotElf { found })
}

/// A character that the end of `start` cuts is still text.
fn is_text(start: &[u8]) -> bool {
    let valid = match std::str::from_utf8(start) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&start[..error.valid_up_to()]).unwrap_or_default()
        }
        Err(_) => return false,
    };
    !valid.is_empty() && valid.chars().all(|one| !one.is_control() || one.is_ascii_whitespace())
}

pub(super) fn check_machine(header: &Header) -> Result<(), Unfit> {
    const NEEDED: &str =
        if cfg!(target_endian = "little") { "little-endian" } else { "big-endian" };
    let ident = &header.e_ident;
    if ident.class != elf::ELFCLASS64 {
        let found = match ident.class {
            elf::ELFCLASS32 => String::from("32-bit"),
            other => format!("unknown (class {})", other.0),
        };
        return Err(Unfit::WrongClass { found });
    }
    if !header.is_supported() || header.endian().is_err() {
        let found = match ident.data {
            elf::ELFDATA2LSB => String::from("little-endian"),
            elf::ELFDATA2MSB => String::from("big-endian"),
            other => format!("unknown (encoding {})", other.0),
        };
        if found != NEEDED {
            return Err(Unfit::WrongEndianness { found, needed: NEEDED });
        }
        return Err(Unfit::damaged(format!("ELF version {}, known is 1", ident.version.0)));
    }
    let machine = header.e_machine(ENDIAN);
    if machine != HERE.0 {
        let known = MACHINES.iter().find(|known| known.0 == machine);
        let found = known.map_or_else(|| format!("machine {}", machine.0), |it| it.1.to_owned());
        return Err(Unfit::WrongMachine { found, needed: HERE.1 });
    }
    let found = match header.e_type(ENDIAN) {
        elf::ET_DYN => return Ok(()),
        elf::ET_EXEC => String::from("an executable"),
        elf::ET_REL => String::from("an object file that was not linked"),
        elf::ET_CORE => String::from("a core dump"),
        other => format!("of ELF type {}", other.0),
    };
    Err(Unfit::NotShared { found })
}

/// Processors by the names that compilers give them.
const MACHINES: &[(elf::Machine, &str)] = &[
    (elf::EM_X86_64, "x86_64"),
    (elf::EM_AARCH64, "aarch64"),
    (elf::EM_RISCV, "riscv64"),
    (elf::EM_386, "i686"),
    (elf::EM_ARM, "arm"),
    (elf::EM_PPC64, "powerpc64"),
    (elf::EM_S390, "s390x"),
    (elf::EM_LOONGARCH, "loongarch64"),
    (elf::EM_MIPS, "mips"),
    (elf::EM_PPC, "powerpc"),
    (elf::EM_SPARCV9, "sparc64"),
    (elf::EM_BPF, "bpf"),
];

/// The processor that this host is built for; `EM_NONE` refuses every file.
const HERE: (elf::Machine, &str) = if cfg!(target_arch = "x86_64") {
    (elf::EM_X86_64, "x86_64")
} else if cfg!(target_arch = "aarch64") {
    (elf::EM_AARCH64, "aarch64")
} else if cfg!(target_arch = "riscv64") {
    (elf::EM_RISCV, "riscv64")
} else if cfg!(target_arch = "powerpc64") {
    (elf::EM_PPC64, "powerpc64")
} else if cfg!(target_arch = "s390x") {
    (elf::EM_S390, "s390x")
} else if cfg!(target_arch = "loongarch64") {
    (elf::EM_LOONGARCH, "loongarch64")
} else {
    (elf::EM_NONE, "a processor that this host does not know")
};
