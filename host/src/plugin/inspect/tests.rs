//! What the reader makes of real libraries, and of everything that can be wrong with one.
//!
//! The libraries are built by the compilers of this machine; damage is done to their bytes.
//! Invariant: every refusal has a neighbour that is accepted.

use object::elf;

use super::fixture::{compiled_bytes, library_bytes, rust_library_bytes};
use super::*;

/// Offsets in the ELF header of a 64-bit file.
const CLASS: usize = 4;
const ENCODING: usize = 5;
const MACHINE: usize = 18;
const SECTION_TABLE: usize = 40;

fn read(bytes: &[u8]) -> Result<Facts, Unfit> {
    inspect_for(None, bytes, Look::Whole)
}

fn facts(options: &[&str]) -> Facts {
    read(&library_bytes(options)).unwrap_or_else(|error| panic!("{options:?}: {error}"))
}

fn refusal(bytes: &[u8]) -> String {
    let error = inspect(Path::new("x.so"), bytes, Look::Whole).expect_err("it was accepted");
    error.to_string()
}

#[test]
fn a_plain_library_is_read() {
    let facts = facts(&["-Wl,--build-id=0xABCD01", "-DPRINTS"]);
    assert_eq!(
        facts.descriptor,
        Descriptor {
            name: "shop".into(),
            version: "1.2".into(),
            compiler: "cc".into(),
            kit: "by hand".into(),
            abi: dsgi::abi::ABI,
            flavour: Flavour::Blocking,
            kind: Kind::Application,
            panic: Panic::Unsaid,
            unloading: Unloading::Allowed,
            overlap: Overlap::Allowed,
            probe: Probe::Init,
        }
    );
    assert_eq!(facts.needed, ["libc.so.6"]);
    assert_eq!((facts.tls, facts.proof), (Tls::OnDemand, Proof::Absent));
    assert_eq!((facts.never_unloads, facts.search_path), (Vec::new(), None));
    assert_eq!(facts.marks.map(|marks| marks.allocator), Some(None));
    assert_eq!(facts.build_id.as_deref(), Some("abcd01"));
    assert_eq!(facts.glibc, Glibc::parse(b"GLIBC_2.2.5"));
}

#[test]
fn every_trait_of_a_descriptor_is_read() {
    let descriptor = |options: &[&str]| facts(options).descriptor;
    let one = descriptor(&["-DFLAVOUR=3", "-DKIND=2", "-DPANIC=2", "-DFLAGS=3", "-DPROBE=1"]);
    assert_eq!((one.flavour, one.kind, one.panic), (Flavour::Async, Kind::Layer, Panic::Abort));
    assert_eq!((one.unloading, one.overlap), (Unloading::Never, Overlap::Exclusive));
    assert_eq!(one.probe, Probe::Open);
    let other = descriptor(&["-DFLAVOUR=1", "-DPANIC=1", "-DPROBE=4", "-DPATH=\"/health\""]);
    assert_eq!((other.flavour, other.panic), (Flavour::NonBlocking, Panic::Unwind));
    assert_eq!(other.probe, Probe::Request { path: "/health".into() });
    assert_eq!(descriptor(&["-DPROBE=2"]).probe, Probe::Layout);
    assert_eq!(descriptor(&["-DFLAVOUR=4", "-DKIND=2"]).flavour, Flavour::AsInside);
}

#[test]
fn fields_beyond_the_written_size_are_absent() {
    // An older kit wrote the numbers and the name, and nothing behind them.
    let older = facts(&["-DSIZE=96", "-DFLAGS=1"]).descriptor;
    assert_eq!((older.name.as_str(), older.version.as_str()), ("shop", ""));
    assert_eq!(older.unloading, Unloading::Never);
}

#[test]
fn the_linker_s_facts_are_read() {
    assert_eq!(facts(&["-Wl,-z,nodelete"]).never_unloads, [Stays::NoDelete]);
    assert_eq!(facts(&["-DFLAGS=1"]).never_unloads, [Stays::Pinned]);
    let unique = Stays::Unique { count: 1, example: "only_one".into() };
    assert_eq!(facts(&["-DUNIQUE"]).never_unloads, [unique]);
    assert_eq!(facts(&["-DTHREAD_LOCAL"]).tls, Tls::Static);
    assert_eq!(facts(&["-DPROOF"]).proof, Proof::Present);
    assert_eq!(facts(&["-DALLOCATOR"]).marks.unwrap().allocator, Some("mimalloc"));
    for tags in ["-Wl,--enable-new-dtags", "-Wl,--disable-new-dtags"] {
        let path = facts(&["-Wl,-rpath,$ORIGIN/lib:/opt", tags]).search_path;
        assert_eq!(path.as_deref(), Some("$ORIGIN/lib:/opt"), "{tags}");
    }
    let by_hash = |style: &str| facts(&["-Wl,--build-id=none", style]);
    assert_eq!(by_hash("-Wl,--hash-style=sysv"), by_hash("-Wl,--hash-style=gnu"));
}

#[test]
fn a_rust_library_is_read() {
    let facts = read(&rust_library_bytes()).unwrap();
    assert_eq!(facts.descriptor.name, "r");
    assert_eq!(facts.descriptor.panic, Panic::Unwind);
    assert!(facts.needed.iter().any(|name| name == "libc.so.6"), "{:?}", facts.needed);
    assert_eq!((facts.never_unloads, facts.tls), (Vec::new(), Tls::OnDemand));
}

#[test]
fn section_headers_are_not_needed() {
    let bytes = library_bytes(&[]);
    let stripped = without_section_headers(&bytes);
    assert_eq!(read(&stripped).unwrap(), read(&bytes).unwrap());
    // The last segment's end is the last byte that counts.
    let image = Image::parse(&bytes).unwrap();
    let end = image.end_of_segments();
    assert!(read(&stripped[..end]).is_ok());
    let error = read(&stripped[..end - 1]).unwrap_err().to_string();
    assert!(error.starts_with("is cut short: program header "), "{error}");
}

fn without_section_headers(bytes: &[u8]) -> Vec<u8> {
    let mut stripped = bytes.to_vec();
    stripped[SECTION_TABLE..SECTION_TABLE + 8].fill(0);
    stripped[60..64].fill(0);
    stripped
}

#[test]
fn a_section_outside_of_the_file_is_refused() {
    let mut bytes = library_bytes(&[]);
    let table = u64::from_ne_bytes(*bytes[SECTION_TABLE..].first_chunk().unwrap());
    // The size of the first section but the empty one.
    let at = usize::try_from(table).unwrap() + 64 + 32;
    bytes[at..at + 8].copy_from_slice(&(1_u64 << 40).to_ne_bytes());
    let error = read(&bytes).unwrap_err().to_string();
    assert!(error.starts_with("is cut short: section 1 reaches to byte 10995"), "{error}");
}

#[test]
fn other_files_are_named_for_what_they_are() {
    let not = |found: &str| format!("`x.so` is not a shared library: it {found}");
    assert_eq!(refusal(b""), "`x.so` is empty");
    assert_eq!(refusal(b"hello\n"), not("is a text file"));
    assert_eq!(refusal(b"#! /bin/sh -e\nexit\n"), not("is a script for `/bin/sh -e`"));
    assert_eq!(refusal(b"#!\x1b[2J\n"), not("is a script for `?[2J`"));
    assert_eq!(
        refusal(b"!<arch>\nlib.rmeta/"),
        not("is an archive, as a static library or an rlib is")
    );
    assert_eq!(refusal(b"MZ\x90\0"), not("is a program or library for Windows"));
    assert_eq!(refusal(&[1, 2, 3, 4, 5]), not("begins with the bytes 01 02 03 04, and not as ELF"));
    assert_eq!(refusal(&[0xFF]), not("begins with the bytes ff, and not as ELF"));
    assert_eq!(refusal(&compiled_bytes(&["-no-pie", "-DMAIN"])), not("is an executable"));
    assert_eq!(refusal(&compiled_bytes(&["-pie", "-fPIE", "-DMAIN"])), not("is an executable"));
    assert_eq!(refusal(&compiled_bytes(&["-c"])), not("is an object file that was not linked"));
}

#[test]
fn libraries_of_other_machines_are_refused() {
    let plain = library_bytes(&[]);
    let changed = |at: usize, value: u8| {
        let mut bytes = plain.clone();
        assert_ne!(bytes[at], value);
        bytes[at] = value;
        refusal(&bytes)
    };
    let here = std::env::consts::ARCH;
    let (machine, other) = if here == "aarch64" { (62, "x86_64") } else { (183, "aarch64") };
    assert_eq!(
        changed(MACHINE, machine),
        format!("`x.so` is built for `{other}`: this host needs `{here}`")
    );
    assert_eq!(
        changed(CLASS, 1),
        "`x.so` is built for 32-bit systems: this host needs a 64-bit library"
    );
    let (found, needed, value) = match cfg!(target_endian = "little") {
        true => ("big-endian", "little-endian", 2),
        false => ("little-endian", "big-endian", 1),
    };
    assert_eq!(
        changed(ENCODING, value),
        format!("`x.so` is built for {found} systems: this host needs a {needed} library")
    );
}

#[test]
fn a_library_of_something_else_is_refused() {
    let error = refusal(&library_bytes(&["-DNO_SYMBOL"]));
    assert_eq!(error, "`x.so` is not a DSGI library: it exports no `dsgi_app_v1`");
    for option in ["-fvisibility=hidden", "-DIMPORTED"] {
        assert_eq!(refusal(&library_bytes(&[option])), error, "{option}");
    }
    assert!(refusal(&library_bytes(&["-DFUNCTION"])).ends_with("must be a table"));
    assert!(refusal(&library_bytes(&["-DNO_NOTE"])).contains("holds no DSGI note"));
    let abi = refusal(&library_bytes(&["-DABI=9"]));
    assert_eq!(abi, "`x.so` is built for ABI 9 of DSGI: this host needs ABI 0");
}

#[test]
fn a_table_outside_of_the_library_is_refused() {
    let bytes = library_bytes(&[]);
    let image = Image::parse(&bytes).unwrap();
    let symbols = Dynamic::parse(&image).unwrap().symbols(&image).unwrap();
    let row = object::pod::bytes_of(symbols.find("dsgi_app_v1").unwrap());
    let at = bytes.windows(row.len()).position(|window| window == row).unwrap();
    let mut changed = bytes.clone();
    changed[at + 8..at + 16].copy_from_slice(&(1_u64 << 40).to_ne_bytes());
    assert_eq!(refusal(&changed), "`x.so` is damaged: `dsgi_app_v1` lies outside of its segments");
}

#[test]
fn malformed_descriptors_are_refused_with_the_rule() {
    let cases = [
        ("-DSIZE=4", "its size is 4, and at least 8"),
        ("-DSIZE=4000", "its size is 4000, and the note holds 384 bytes"),
        ("-DSIZE=8", "it names no application"),
        ("-DNAME=\"\"", "it names no application"),
        ("-DNAME=\"a\\nb\"", "its name `a\\nb` has a control character"),
        ("-DFLAVOUR=0", "its flavour is 0, and one of 1 to 4"),
        ("-DFLAVOUR=4", "its flavour is that of what is inside, and it is no layer"),
        ("-DKIND=3", "its kind is 3, and 1 or 2"),
        ("-DPANIC=3", "its panic mode is 3, and at most 2"),
        ("-DPROBE=9", "its probe depth is 9, and at most 4"),
        ("-DPROBE=4", "its probe path is ``, and must begin with /"),
        ("-DTWO_NOTES", "it is there more than once"),
    ];
    for (option, what) in cases {
        let expected = format!("`x.so` has a malformed descriptor: {what}");
        assert_eq!(refusal(&library_bytes(&[option])), expected, "{option}");
    }
}

#[test]
fn a_newer_glibc_is_asked_for_by_its_version() {
    let bytes = library_bytes(&["-DPRINTS"]);
    let with =
        |version: &[u8]| inspect_for(Glibc::parse(version), &bytes, Look::ToOpen).map(|_| ());
    assert_eq!(with(b"GLIBC_2.2"), Ok(()));
    let error = with(b"GLIBC_2.1").unwrap_err();
    assert_eq!(error.to_string(), "needs glibc 2.2: this system has 2.1");
}

#[test]
fn a_file_that_is_cut_short_says_so() {
    for bytes in [library_bytes(&[]), rust_library_bytes()] {
        let (size, step) = (bytes.len(), bytes.len() / 1000 + 1);
        let sizes = (4..size).step_by(step).chain([size - 1]);
        for kept in sizes {
            match read(&bytes[..kept]) {
                Err(Unfit::Truncated { end, size, .. }) => {
                    assert!(end > size && size == kept as u64);
                }
                other => panic!("{kept} of {size} bytes: {other:?}"),
            }
        }
        assert!(read(&bytes).is_ok());
    }
    let error = refusal(&library_bytes(&[])[..100]);
    let expected = "`x.so` is cut short: the table of program headers reaches to byte ";
    assert!(error.starts_with(expected) && error.ends_with("the file has 100 bytes"), "{error}");
}

#[test]
fn tables_that_lie_elsewhere_are_refused() {
    let bytes = library_bytes(&["-DPRINTS"]);
    let cases = [
        (elf::DT_STRTAB, u64::MAX, "its dynamic string table lies outside of its segments"),
        (elf::DT_STRSZ, 1 << 40, "its dynamic string table lies outside of its segments"),
        (elf::DT_SYMTAB, 1 << 40, "its dynamic section names no symbol table"),
        (elf::DT_GNU_HASH, 1 << 40, "its symbol hash table cannot be read"),
        (elf::DT_VERNEED, 1 << 40, "its table of symbol versions cannot be read"),
        (elf::DT_VERSYM, 1 << 40, "its table of symbol versions cannot be read"),
        (elf::DT_VERSYM, code_address(&bytes), "a symbol has a version that is not there"),
        (elf::DT_RELA, 1 << 40, "its table of relocations lies outside of its segments"),
        (elf::DT_RELASZ, 1 << 40, "its table of relocations lies outside of its segments"),
        (elf::DT_NEEDED, 1 << 33, "the name of a needed library lies outside"),
    ];
    for (tag, value, what) in cases {
        let changed = with_dynamic_entry(&bytes, tag, value);
        let error = read(&changed).expect_err("it was accepted").to_string();
        assert!(error.contains(what), "{tag:?}: {error}");
    }
    let same = with_dynamic_entry(&bytes, elf::DT_VERNEEDNUM, 1);
    assert_eq!(read(&same), read(&bytes), "the control is damaged");
}

/// Where no small numbers lie.
fn code_address(bytes: &[u8]) -> u64 {
    Dynamic::parse(&Image::parse(bytes).unwrap()).unwrap().value(elf::DT_INIT).unwrap()
}

/// Changes the value of the first entry of the dynamic section with this tag.
fn with_dynamic_entry(bytes: &[u8], tag: elf::DynamicTag, value: u64) -> Vec<u8> {
    let image = Image::parse(bytes).unwrap();
    let section = image.dynamic().unwrap();
    let start = bytes.windows(section.len()).position(|window| window == section).unwrap();
    let of_tag = |entry: &[u8]| entry[..8] == tag.0.to_ne_bytes();
    let at = start + 16 * section.chunks_exact(16).position(of_tag).unwrap() + 8;
    let mut changed = bytes.to_vec();
    changed[at..at + 8].copy_from_slice(&value.to_ne_bytes());
    changed
}

#[test]
fn no_damage_makes_the_reader_panic_or_hang() {
    let mut random = Random(0x0123_4567_89AB_CDEF);
    for bytes in [library_bytes(&["-DPRINTS", "-DUNIQUE"]), rust_library_bytes()] {
        let tables = tables(&bytes);
        let mut seen = [0_usize; 2];
        for _ in 0..4000 {
            let mut damaged = bytes.clone();
            for _ in 0..=random.below(4) {
                let (start, length) = tables[random.below(tables.len())];
                let at = start + random.below(length);
                damage(&mut damaged, at, &mut random);
            }
            if random.below(8) == 0 {
                damaged.truncate(random.below(bytes.len()));
            }
            match inspect(Path::new("x.so"), &damaged, Look::Whole) {
                Ok(facts) => {
                    seen[0] += 1;
                    assert_one_line_each(&describe(&facts, "declared"));
                }
                Err(error) => {
                    seen[1] += 1;
                    let text = error.to_string();
                    assert!(!text.chars().any(char::is_control), "{text:?}");
                }
            }
        }
        // Damage that is never noticed, or always, would test nothing.
        assert!(seen[0] > 100 && seen[1] > 100, "accepted and refused: {seen:?}");
    }
}

/// Where damage can matter: headers, notes and all that the dynamic section points to.
fn tables(bytes: &[u8]) -> Vec<(usize, usize)> {
    let sections =
        usize::try_from(u64::from_ne_bytes(*bytes[SECTION_TABLE..].first_chunk().unwrap()))
            .unwrap();
    let image = Image::parse(bytes).unwrap();
    let dynamic = image.dynamic().unwrap();
    let start = bytes.windows(dynamic.len()).position(|window| window == dynamic).unwrap();
    vec![
        (0, 64),
        (64, 64 * 9),
        (0, 0x1000),
        (start, dynamic.len()),
        (sections, bytes.len() - sections),
        (0, bytes.len()),
    ]
}

fn damage(bytes: &mut [u8], at: usize, random: &mut Random) {
    let extreme = [0, 1, 0x7F, 0x80, 0xFF][random.below(5)];
    match random.below(3) {
        0 => bytes[at] ^= 1 << random.below(8),
        1 => bytes[at] = extreme,
        _ => {
            let end = bytes.len().min(at + 8);
            bytes[at..end].fill(extreme);
        }
    }
}

/// A fixed sequence, so that a failure comes back.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % limit as u64).unwrap()
    }
}

fn assert_one_line_each(text: &str) {
    assert_eq!(text.lines().count(), 17, "{text:?}");
    assert!(text.chars().all(|one| one == '\n' || !one.is_control()), "{text:?}");
}

#[test]
fn a_signal_driver_is_found_by_what_it_says() {
    let found = |text: &str| facts(&[&format!("-DSAYS=\"{text}\""), "-s"]);
    for (text, driver, told) in [
        ("Bad read of it", SignalDriver::Absent, "when nothing uses it\n"),
        ("Bad read on self-pipe: ", SignalDriver::Idle, "tokio signal driver, unused\n"),
        ("Refusing to register signal 9", SignalDriver::Waits, "once it has waited for a signal\n"),
    ] {
        let facts = found(text);
        assert_eq!(facts.marks.unwrap().signals, driver, "{text}");
        let said = describe(&facts, "declared");
        let line = said.split_inclusive('\n').find(|line| line.starts_with("unload:"));
        assert!(line.is_some_and(|line| line.ends_with(told)), "{said}");
    }
}

#[test]
fn a_description_has_one_aligned_line_for_each_fact() {
    let options = ["-DPRINTS", "-DFLAGS=1", "-DUNIQUE", "-DPANIC=2", "-Wl,--build-id=0x17"];
    let text = describe(&facts(&options), "declared");
    let expected = "\
name:        shop
version:     1.2
kind:        application
abi:         0
layout:      declared
flavour:     blocking
panic:       abort: ends the whole process
probe:       init
swap:        beside the old generation
unload:      never: its descriptor says pinned; its symbol `only_one` is unique
compiler:    cc
kit:         by hand
needs:       libc.so.6, glibc 2.2 or newer
search path: none
tls:         on demand
allocator:   the process's
build id:    17
";
    assert_eq!(text, expected);
}

#[test]
fn what_a_user_can_change_has_a_help() {
    let help = |bytes: &[u8]| inspect(Path::new("x.so"), bytes, Look::Whole).unwrap_err().help();
    let symbol = help(&library_bytes(&["-DNO_SYMBOL"])).unwrap();
    assert!(symbol.contains("dsgi::app!(app);") && symbol.contains("cdylib"), "{symbol}");
    assert!(help(b"text").unwrap().contains("crate-type"));
    let newer = help(&library_bytes(&["-DABI=9"])).unwrap();
    assert!(newer.starts_with("update the host"), "{newer}");
    assert_eq!(help(&library_bytes(&["-DFUNCTION"])), None);
}
