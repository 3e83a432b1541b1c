//! A library with some bytes changed: it is refused with one line, or it serves the right bytes.
//!
//! The changes are drawn from a fixed seed; a failing test prints the seed and each change, the
//! one that failed last.

use crate::harness::client::{self, Response};
use crate::harness::host::{Host, Launch};
use crate::harness::libraries::fault_app;
use crate::harness::operated::Operated;
use crate::harness::refusal::refused;
use object::{Object, ObjectSection};
use std::net::SocketAddr;
use std::ops::Range;
use std::path::PathBuf;
use std::process::Command;
use std::sync::LazyLock;
use tempfile::TempDir;

const SEED: u64 = 0x0D56_1D56_1D56_1D56;

const OF_EACH_CLASS: usize = 50;

#[test]
fn in_the_elf_header() {
    bytes_changed("ELF header", std::iter::once(0..64).collect());
}

#[test]
fn in_the_program_headers() {
    bytes_changed("program header", vec![program_headers(&ORIGINAL)]);
}

#[test]
fn in_the_dynamic_section() {
    bytes_changed("dynamic section", sections(&ORIGINAL, &[".dynamic"]));
}

#[test]
fn in_the_relocations() {
    bytes_changed("relocation", sections(&ORIGINAL, &[".rela.dyn", ".rela.plt"]));
}

#[test]
fn in_the_text() {
    with_text_changed(refused_or_right);
}

#[test]
fn in_the_length() {
    cut_short(refused_or_right);
}

/// Nothing is proved by mutants of a library that is refused or silent itself.
#[test]
fn the_original_serves() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let host = Launch::new().arg("--load").arg(written(&folder, &ORIGINAL)).start();
    let response = client::get(host.address(), "/right");
    assert_eq!((response.status, response.text()), (200, "asked for /right\n"));
}

/// Mutants of every class, deployed one after the other: what served before serves on, or the
/// mutant serves, and goes when the next one comes.
#[test]
fn as_deploys() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let original = written(&folder, &ORIGINAL);
    let launch = Launch::new().arg("--load").arg(format!("app={}", original.display()));
    let host = Operated::start(launch.env("DSGI_LOG", "error"));
    let places: Vec<(&str, Vec<Range<usize>>)> = vec![
        ("ELF header", std::iter::once(0..64).collect()),
        ("program header", vec![program_headers(&ORIGINAL)]),
        ("dynamic section", sections(&ORIGINAL, &[".dynamic"])),
        ("relocation", sections(&ORIGINAL, &[".rela.dyn", ".rela.plt"])),
        ("pointers to functions", sections(&ORIGINAL, &[".init_array", ".fini_array"])),
    ];
    let (mut taken, mut refused) = (0, 0);
    let mut deploy = |mutant: &[u8]| {
        let answer = host.try_deploy("app", &written(&folder, mutant));
        match answer.status {
            200 => taken += 1,
            422 | 504 => refused += 1,
            _ => panic!("{answer:?}"),
        }
        // Whoever it is.
        answers_right(host.address());
    };
    for (class, places) in places {
        mutants(class, places, &mut deploy);
    }
    with_text_changed(&mut deploy);
    cut_short(deploy);
    assert!(taken > 0 && refused > taken, "{taken} taken, {refused} refused");
    host.deploy("app", &written(&folder, &ORIGINAL));
    answers_right(host.address());
}

/// A block at a time, as a disk would damage it. One changed byte of code may make another program
/// that works, and nothing can tell that it is not the one that was meant.
fn with_text_changed(mut with: impl FnMut(&[u8])) {
    const BLOCK: usize = 64;
    let text = sections(&ORIGINAL, &[".text"]).remove(0);
    let mut random = Random(SEED);
    for number in 0..OF_EACH_CLASS {
        let start = text.start + random.below(text.len() - BLOCK);
        let mut mutant = ORIGINAL.clone();
        mutant[start..start + BLOCK].fill_with(|| random.below(256) as u8);
        eprintln!("text {number} of seed {SEED:#x}: {BLOCK} bytes at {start:#x}");
        with(&mutant);
    }
}

fn cut_short(mut with: impl FnMut(&[u8])) {
    let mut random = Random(SEED);
    for number in 0..OF_EACH_CLASS {
        let length = random.below(ORIGINAL.len());
        eprintln!("truncation {number} of seed {SEED:#x}: to {length} bytes");
        with(&ORIGINAL[..length]);
    }
}

fn bytes_changed(class: &str, places: Vec<Range<usize>>) {
    mutants(class, places, refused_or_right);
}

/// Changes one to four bytes at a time of what lies in `places`.
fn mutants(class: &str, places: Vec<Range<usize>>, mut with: impl FnMut(&[u8])) {
    let places: Vec<usize> = places.into_iter().flatten().collect();
    assert!(!places.is_empty(), "the library has no {class}");
    // Each class has a sequence of its own.
    let mut random = Random(SEED ^ places[0] as u64);
    for number in 0..OF_EACH_CLASS {
        let mut mutant = ORIGINAL.clone();
        let mut changes = String::new();
        for _ in 0..=random.below(4) {
            let place = places[random.below(places.len())];
            // Never by zero: something is to change.
            let by = 1 + random.below(255) as u8;
            mutant[place] ^= by;
            changes += &format!(" {place:#x}^{by:#04x}");
        }
        eprintln!("{class} {number} of seed {SEED:#x}:{changes}");
        with(&mutant);
    }
}

fn refused_or_right(mutant: &[u8]) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = written(&folder, mutant);
    match Launch::new().arg("--load").arg(&file).start_or_end() {
        Ok(host) => right(host),
        Err(output) => {
            let code = output.status.code();
            assert!(matches!(code, Some(65 | 4)), "{output:?}");
            refused(&output, code.unwrap_or_default());
        }
    }
}

fn answers_right(address: SocketAddr) {
    let mut response = client::get(address, "/right");
    response.headers.retain(|(name, _)| !name.eq_ignore_ascii_case("date"));
    assert_eq!(response, *RIGHT);
}

fn right(mut host: Host) {
    answers_right(host.address());
    host.terminate();
    assert_eq!(host.wait().code(), Some(0));
}

fn written(folder: &TempDir, bytes: &[u8]) -> PathBuf {
    let file = folder.path().join("libprobed.so");
    std::fs::write(&file, bytes).expect("the library is written");
    file
}

/// Without what only a debugger reads: a digest of that takes longer than all the rest.
static ORIGINAL: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let stripped = folder.path().join("stripped.so");
    let strip = Command::new("strip").arg("-o").arg(&stripped).arg(fault_app("probed")).status();
    assert!(strip.expect("binutils are installed").success());
    std::fs::read(stripped).expect("the stripped library")
});

/// What the original answers, without the date.
static RIGHT: LazyLock<Response> = LazyLock::new(|| {
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    Response {
        status: 200,
        headers: vec![
            header("content-type", "text/plain; charset=utf-8"),
            header("transfer-encoding", "chunked"),
        ],
        body: b"asked for /right\n".to_vec(),
        trailers: Vec::new(),
    }
});

fn program_headers(library: &[u8]) -> Range<usize> {
    // e_phoff and e_phnum of a 64-bit ELF header; a program header has 56 bytes.
    let start = u64::from_ne_bytes(library[32..40].try_into().expect("eight bytes")) as usize;
    let count = u16::from_ne_bytes(library[56..58].try_into().expect("two bytes"));
    start..start + 56 * usize::from(count)
}

fn sections(library: &[u8], names: &[&str]) -> Vec<Range<usize>> {
    let file = object::File::parse(library).expect("an ELF file");
    let found = names.iter().filter_map(|name| file.section_by_name(name)?.file_range());
    found.map(|(start, size)| start as usize..(start + size) as usize).collect()
}

/// SplitMix64: short, and the same everywhere.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((mixed ^ (mixed >> 31)) % limit as u64) as usize
    }
}
