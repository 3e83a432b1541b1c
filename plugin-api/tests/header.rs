//! `include/dsgi.h` and the Rust side are the same boundary: a C program prints every size,
//! offset and number as its compiler sees them, and they are compared with Rust's.

mod boundary;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use boundary::{Type, c_name, numbers, types};
use dsgi::abi::app::{NOTE_NAME, NOTE_SECTION};
use dsgi::abi::{SYMBOL, known};

#[test]
fn the_header_says_the_same_as_the_rust_side() {
    boundary::check_numbers();
    let Some(printed) = run_c("layout", &program(&types())) else {
        return skip("the_header_says_the_same_as_the_rust_side", "gcc is not installed");
    };
    let in_c: BTreeMap<&str, &str> =
        printed.lines().filter_map(|line| line.split_once(" = ")).collect();
    let in_rust = expected(&types());
    let differing: Vec<String> = in_rust
        .iter()
        .filter(|(name, value)| in_c.get(name.as_str()) != Some(&value.as_str()))
        .map(|(name, value)| format!("{name}: C {:?}, Rust {value:?}", in_c.get(name.as_str())))
        .collect();
    assert_eq!(in_c.len(), in_rust.len(), "the program did not print everything");
    assert!(differing.is_empty(), "\n{}\n", differing.join("\n"));
}

/// Also what each field points to and what each slot takes: nothing else would notice two
/// pointers that changed places.
#[cfg(feature = "layout-proof")]
#[test]
fn every_field_and_slot_has_the_same_type_in_c() {
    let mut source = String::from("#include \"dsgi.h\"\n");
    let mut count = 0;
    for (name, of) in boundary::layout::described() {
        // The root of the proof does not cross.
        for member in of.members.iter().filter(|_| name != "Proof") {
            let (c, field, there) = (c_name(&name), &member.name, c_type(&name, member));
            let here = format!("__typeof__((({c} *)0)->{field})");
            let same = format!("__builtin_types_compatible_p({here}, {there})");
            writeln!(source, "_Static_assert({same}, \"{c}.{field} is no {there}\");")
                .expect("a string takes text");
            count += 1;
        }
    }
    assert!(count > 100, "only {count} fields were described");
    source.push_str("int main(void) { return 0; }\n");
    if run_c("types", &source).is_none() {
        skip("every_field_and_slot_has_the_same_type_in_c", "gcc is not installed");
    }
}

#[cfg(feature = "layout-proof")]
fn c_type(owner: &str, member: &boundary::layout::Member) -> String {
    use boundary::layout::Of;
    match (&member.of, member.name.as_str()) {
        (Of::Type(of), _) => of.c.clone(),
        (Of::Hidden, "table") => format!("const {}_table *", c_name(owner)),
        (Of::Hidden, name) => format!("const dsgi_{name} *"),
        (Of::Slot { parameters, answer }, _) => {
            let parameters: Vec<&str> = parameters.iter().map(|(_, of)| of.c.as_str()).collect();
            format!("{} (*)({})", answer.c, parameters.join(", "))
        }
    }
}

/// The header's own assertions hold, and what it defines beyond the layout can be used.
#[test]
fn the_header_is_plain_c_and_valid_cpp() {
    let name = "the_header_is_plain_c_and_valid_cpp";
    let source = write("use.c", USE);
    for (compiler, language) in
        [("gcc", &["-x", "c", "-std=c11"]), ("g++", &["-x", "c++", "-std=c++20"])]
    {
        if !installed(compiler) {
            return skip(name, &format!("{compiler} is not installed"));
        }
        let output = Command::new(compiler)
            .args(["-fsyntax-only", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-I"])
            .arg(include())
            .args(language)
            .arg(&source)
            .output()
            .expect("the compiler starts");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{compiler}:\n{said}");
    }
}

/// An assertion of the header that is wrong stops the compiler: they are not merely decoration.
#[test]
fn a_wrong_offset_does_not_compile() {
    if !installed("gcc") {
        return skip("a_wrong_offset_does_not_compile", "gcc is not installed");
    }
    let right = std::fs::read_to_string(include().join("dsgi.h")).expect("the header");
    let wrong = right.replacen("    uint32_t kind;\n", "    uint64_t kind;\n", 1);
    assert_ne!(right, wrong);
    let source = write("wrong.c", &wrong);
    let output = Command::new("gcc")
        .args(["-fsyntax-only", "-std=c11", "-x", "c"])
        .arg(source)
        .output()
        .expect("the compiler starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("static assertion failed"), "{said}");
}

/// What an application written against the header does with it, but for its work.
const USE: &str = r#"
#include "dsgi.h"

DSGI_NOTE(note, {
    .size = sizeof(dsgi_descriptor),
    .abi = DSGI_ABI,
    .flavour = DSGI_FLAVOUR_NON_BLOCKING,
    .kind = DSGI_KIND_APPLICATION,
    .panic = DSGI_PANIC_MODE_UNWIND,
    .flags = 0,
    .probe = DSGI_PROBE_INIT,
    .reserved = 0,
    .name = "use",
    .version = "1",
    .compiler = DSGI_COMPILER,
    .kit = "by hand",
    .probe_path = "",
});

static uint32_t init(const dsgi_init *given, dsgi_instance *instance)
{
    (void)given;
    instance->app = NULL;
    return DSGI_ANSWER_READY;
}

static uint32_t call(void *app, dsgi_exchange *exchange, dsgi_reply *reply)
{
    static const dsgi_header rows[] = {{DSGI_KNOWN_SERVER, 0, DSGI_STR("server"), DSGI_STR("c")}};
    static const dsgi_bytes text = DSGI_BYTES("text");
    const dsgi_head *head = exchange->table->head(exchange);
    (void)app;
    reply->status = DSGI_HAS(head, dsgi_head, generation) ? 200 : 500;
    if (DSGI_CAN(exchange, dsgi_exchange_table, release))
        exchange->table->release(exchange);
    reply->headers = rows;
    reply->whole = text;
    return DSGI_ANSWER_READY;
}

static void drop(void *app)
{
    (void)app;
}

const dsgi_app_table dsgi_app_v1 = {
    sizeof(dsgi_app_table), DSGI_ABI, &note.descriptor, init, call, drop, 0, 0, 0, 0, 0,
};
"#;

/// A C program that prints `what = value` for everything that [`expected`] lists.
fn program(types: &[Type]) -> String {
    let mut source = String::from("#include <stdio.h>\n#include \"dsgi.h\"\nint main(void) {\n");
    let mut number = |name: &str, value: &str| {
        writeln!(source, "printf(\"{name} = %llu\\n\", (unsigned long long)({value}));")
            .expect("a string takes text");
    };
    for each in types {
        let c = c_name(each.name);
        number(&format!("size of {c}"), &format!("sizeof({c})"));
        number(&format!("alignment of {c}"), &format!("_Alignof({c})"));
        for field in &each.fields {
            let field = field.name;
            number(&format!("offset of {c}.{field}"), &format!("offsetof({c}, {field})"));
            number(&format!("size of {c}.{field}"), &format!("sizeof((({c} *)0)->{field})"));
        }
    }
    for (name, _) in numbers() {
        number(&name, &c_constant(&name));
    }
    for name in known::NAMES {
        number(name, &c_constant(&format!("known::{name}")));
    }
    for name in ["DSGI_SYMBOL", "DSGI_NOTE_SECTION", "DSGI_NOTE_NAME"] {
        writeln!(source, "printf(\"{name} = %s\\n\", {name});").expect("a string takes text");
    }
    source.push_str("return 0;\n}\n");
    source
}

fn expected(types: &[Type]) -> BTreeMap<String, String> {
    let mut expected = BTreeMap::new();
    for each in types {
        let c = c_name(each.name);
        expected.insert(format!("size of {c}"), each.size.to_string());
        expected.insert(format!("alignment of {c}"), each.align.to_string());
        for field in &each.fields {
            let name = field.name;
            expected.insert(format!("offset of {c}.{name}"), field.offset.to_string());
            expected.insert(format!("size of {c}.{name}"), field.size.to_string());
        }
    }
    expected.extend(numbers().into_iter().map(|(name, value)| (name, value.to_string())));
    for (at, name) in known::NAMES.iter().enumerate() {
        expected.insert((*name).to_owned(), (at + 1).to_string());
    }
    let name = String::from_utf8_lossy(&NOTE_NAME).trim_end_matches('\0').to_owned();
    for (constant, value) in
        [("DSGI_SYMBOL", SYMBOL), ("DSGI_NOTE_SECTION", NOTE_SECTION), ("DSGI_NOTE_NAME", &name)]
    {
        expected.insert(constant.to_owned(), value.to_owned());
    }
    expected
}

/// `head_flag::LENGTH` is `DSGI_HEAD_FLAG_LENGTH`.
fn c_constant(name: &str) -> String {
    format!("DSGI_{}", name.replace("::", "_").replace('-', "_").to_uppercase())
}

/// Compiles and runs a program; `None` without a compiler.
fn run_c(name: &str, source: &str) -> Option<String> {
    if !installed("gcc") {
        return None;
    }
    let source = write(&format!("{name}.c"), source);
    let program = source.with_extension("out");
    let output = Command::new("gcc")
        .args(["-std=c11", "-Wall", "-Wextra", "-Werror", "-I"])
        .arg(include())
        .arg(&source)
        .arg("-o")
        .arg(&program)
        .output()
        .expect("the compiler starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "gcc:\n{said}");
    let output = Command::new(program).output().expect("the program starts");
    assert!(output.status.success(), "{:?}", output.status);
    Some(String::from_utf8(output.stdout).expect("text"))
}

fn installed(compiler: &str) -> bool {
    let started = Command::new(compiler).arg("--version").stdout(Stdio::null()).status();
    started.is_ok_and(|status| status.success())
}

fn write(name: &str, source: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, source).expect("a writable folder");
    path
}

fn include() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("include")
}

/// Records a skip as `tests/run` expects it.
fn skip(name: &str, reason: &str) {
    use std::io::Write as _;
    eprintln!("skipped: {name}: {reason}");
    let Some(path) = std::env::var_os("DSGI_SKIPS") else { return };
    let mut file =
        std::fs::OpenOptions::new().append(true).create(true).open(path).expect("a file");
    file.write_all(format!("{name} | {reason}\n").as_bytes()).expect("the file takes a line");
}
