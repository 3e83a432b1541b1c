//! Everything that crosses, as the Rust compiler lays it out, for the tests of header and
//! snapshot: each type with its fields, each number with its value.
#![allow(dead_code, reason = "each test uses its part")]

#[cfg(feature = "layout-proof")]
pub(crate) mod layout;

use std::mem::offset_of;

use dsgi::abi::{app, grown, leaf, object};

/// One struct of the boundary.
#[derive(Debug)]
pub(crate) struct Type {
    pub(crate) name: &'static str,
    pub(crate) size: usize,
    pub(crate) align: usize,
    pub(crate) fields: Vec<Field>,
}

/// One field of it.
#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) offset: usize,
    pub(crate) size: usize,
}

impl Type {
    /// Bytes between fields and behind the last one. Such bytes are never zeroed for sure, so that
    /// a later release could not place a field there.
    pub(crate) fn padding(&self) -> usize {
        self.size - self.fields.iter().map(|field| field.size).sum::<usize>()
    }
}

/// The name of a type in `dsgi.h`: `AppTable` is `dsgi_app_table`.
pub(crate) fn c_name(name: &str) -> String {
    let mut c = String::from("dsgi");
    for one in name.chars() {
        if one.is_ascii_uppercase() {
            c.push('_');
        }
        c.push(one.to_ascii_lowercase());
    }
    c
}

macro_rules! types {
    ($($module:ident::$name:ident { $($field:ident),* $(,)? })*) => {
        /// Every struct that crosses the boundary.
        pub(crate) fn types() -> Vec<Type> {
            // A field that is missing below does not compile.
            $({
                fn all(value: &$module::$name) {
                    let $module::$name { $($field: _),* } = value;
                }
                let _ = all;
            })*
            vec![$(Type {
                name: stringify!($name),
                size: size_of::<$module::$name>(),
                align: align_of::<$module::$name>(),
                fields: vec![$(Field {
                    name: stringify!($field),
                    offset: offset_of!($module::$name, $field),
                    size: size_of_field(|value: &$module::$name| &value.$field),
                }),*],
            }),*]
        }
    };
}

types! {
    leaf::Str { ptr, len }
    leaf::Bytes { ptr, len, owner, release }
    leaf::Keep { owner, release }
    leaf::Header { id, reserved, name, value }
    leaf::Fault { status, reserved, generation, message }
    object::Exchange { table }
    object::Body { table }
    object::Future { table }
    object::Waker { table }
    object::Upgrade { table }
    object::Duplex { table }
    object::Remote { table }
    object::ExchangeTable {
        size, reserved, head, clone, release, read, derive, inner, log, cancelled, inform, value,
        set_value, member, pass,
    }
    object::BodyTable { size, reserved, poll, size_hint, close }
    object::FutureTable { size, reserved, poll, drop }
    object::WakerTable { size, reserved, clone, wake, wake_by_ref, drop }
    object::UpgradeTable { size, reserved, start, drop }
    object::DuplexTable { size, reserved, read, write, flush, shutdown, drop }
    object::RemoteTable { size, reserved, call, drop }
    object::HostTable { size, reserved, log, enabled }
    grown::Head {
        size, protocol, flags, server_port, remote_port, header_stride, header_count,
        variable_count, method, scheme, authority, target, script_name, path_info, query,
        server_name, remote_address, gateway, software, headers, variables, content_length,
        generation,
    }
    grown::Changes { size, variable_stride, variable_count, reserved, variables, input }
    grown::Init { size, abi, purpose, previous, generation, name, config, host }
    grown::Instance { size, reserved, app, fault }
    grown::Reply {
        size, status, header_count, header_stride, headers, reason, keep, body_kind, reserved,
        whole, stream, file, file_offset, file_length, upgrade, future, fault, scratch,
        scratch_length, scratch_users, scratch_keep,
    }
    grown::Frame { size, kind, data, headers, header_count, header_stride, keep, fault }
    grown::Value { size, reserved, name, layout, pointer, keep }
    grown::State { size, format, handover, reserved, bytes, fault }
    app::Descriptor {
        size, abi, flavour, kind, panic, flags, probe, reserved, name, version, compiler, kit,
        probe_path,
    }
    app::Note { name_size, descriptor_size, note_type, name, descriptor }
    app::AppTable {
        size, abi, descriptor, init, call, drop, drain, resume, shutdown, export_state,
        import_state,
    }
}

fn size_of_field<T, F>(_: fn(&T) -> &F) -> usize {
    size_of::<F>()
}

/// Every number of the boundary as `module::NAME`, read from the source, so that none is
/// forgotten.
pub(crate) fn numbers() -> Vec<(String, u64)> {
    let sources = [
        include_str!("../../src/abi.rs"),
        include_str!("../../src/abi/app.rs"),
        include_str!("../../src/abi/grown.rs"),
        include_str!("../../src/abi/object.rs"),
    ];
    let mut numbers = Vec::new();
    for line in sources.iter().flat_map(|source| numbers_of(source)) {
        numbers.push(line);
    }
    numbers
}

fn numbers_of(source: &'static str) -> Vec<(String, u64)> {
    let mut module = "";
    let mut numbers = Vec::new();
    for line in source.lines() {
        if let Some(name) = line.strip_prefix("pub mod ").and_then(|rest| rest.strip_suffix(" {")) {
            module = name;
        } else if line == "}" {
            module = "";
        } else if let Some((name, value)) = line
            .trim_start()
            .strip_prefix("pub const ")
            .and_then(|rest| rest.split_once(": u32 = "))
        {
            let value = value.trim_end_matches(';').parse().expect("a literal number");
            let path = if module.is_empty() { "" } else { "::" };
            numbers.push((format!("{module}{path}{name}"), value));
        }
    }
    numbers
}

/// The parser above reads what the compiler reads.
pub(crate) fn check_numbers() {
    let numbers = numbers();
    for (name, value) in [
        ("ABI", dsgi::abi::ABI),
        ("NOTE_TYPE", app::NOTE_TYPE),
        ("answer::WOULD_BLOCK", dsgi::abi::answer::WOULD_BLOCK),
        ("head_flag::RUN_ONCE", grown::head_flag::RUN_ONCE),
        ("level::TRACE", object::level::TRACE),
        ("interest::ALWAYS", object::interest::ALWAYS),
    ] {
        let found = numbers.iter().find(|(known, _)| known == name);
        assert_eq!(found.map(|(_, value)| *value), Some(u64::from(value)), "{name}");
    }
}
