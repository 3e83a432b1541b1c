//! What a later release may do to the boundary and what it may not, checked as a host checks it.
//!
//! Each module below is one release with one type of each kind, named alike in all of them,
//! because abi_stable compares types by name. `FIRST` is the release that the others follow.
#![cfg(feature = "layout-proof")]
#![allow(
    unsafe_code,
    missing_debug_implementations,
    unreachable_pub,
    dead_code,
    reason = "layouts only: no value of these types ever exists, and no function is called"
)]

use abi_stable::StableAbi;
use abi_stable::abi_stability::abi_checking::{
    CheckingGlobals, check_layout_compatibility_with_globals,
};
use abi_stable::sabi_types::NulStr;
use abi_stable::std_types::RSlice;
use abi_stable::type_layout::{
    _private_MonoTypeLayoutDerive, _private_TypeLayoutDerive, CompGenericParams, GenericTLData,
    ItemInfo, MonoTLData, MonoTypeLayout, StartLen, TypeLayout,
};
use dsgi::abi::proof::{compare, summary};

type Layout = fn() -> &'static TypeLayout;

/// One release: a frozen leaf, a struct that may grow, a table of functions, and a root that
/// holds the three as [`dsgi::abi::proof::Proof`] does.
macro_rules! release {
    ($name:ident, Leaf { $($leaf:tt)* } Grown { $($grown:tt)* } Table { $($table:tt)* }) => {
        mod $name {
            use abi_stable::StableAbi;
            use abi_stable::type_layout::TypeLayout;
            #[allow(unused_imports, reason = "not every release uses all of them")]
            use dsgi::abi::{
                grown::{Frame, Reply},
                pointer::Out,
            };

            #[repr(C)]
            #[derive(StableAbi)]
            pub struct Leaf { $($leaf)* }

            #[repr(C)]
            #[derive(StableAbi)]
            #[sabi(kind(Prefix(prefix_ref = GrownRef)))]
            #[sabi(missing_field(option))]
            pub struct Grown { $($grown)* }

            #[repr(C)]
            #[derive(StableAbi)]
            #[sabi(kind(Prefix(prefix_ref = TableRef)))]
            #[sabi(missing_field(option))]
            pub struct Table { $($table)* }

            #[repr(C)]
            #[derive(StableAbi)]
            #[sabi(kind(Prefix(prefix_ref = ProofRef)))]
            #[sabi(missing_field(panic))]
            pub struct Proof {
                leaf: Option<&'static Leaf>,
                grown: Option<GrownRef>,
                #[sabi(last_prefix_field)]
                table: Option<TableRef>,
            }

            pub fn layout() -> &'static TypeLayout {
                <ProofRef as StableAbi>::LAYOUT
            }
        }
    };
}

release!(first,
    Leaf { id: u32, reserved: u32, value: u64 }
    Grown { size: u32, flags: u32, #[sabi(last_prefix_field)] port: u64 }
    Table {
        size: u64,
        open: Option<unsafe extern "C" fn(path: u64) -> u32>,
        read: Option<unsafe extern "C" fn(reply: Out<Reply>) -> u32>,
        #[sabi(last_prefix_field)]
        close: Option<unsafe extern "C" fn(outcome: u32)>,
    }
);

release!(leaf_changed,
    Leaf { id: u32, reserved: u32, value: i64 }
    Grown { size: u32, flags: u32, #[sabi(last_prefix_field)] port: u64 }
    Table {
        size: u64,
        open: Option<unsafe extern "C" fn(path: u64) -> u32>,
        read: Option<unsafe extern "C" fn(reply: Out<Reply>) -> u32>,
        #[sabi(last_prefix_field)]
        close: Option<unsafe extern "C" fn(outcome: u32)>,
    }
);

release!(leaf_grown,
    Leaf { id: u32, reserved: u32, value: u64, extra: u64 }
    Grown { size: u32, flags: u32, #[sabi(last_prefix_field)] port: u64 }
    Table {
        size: u64,
        open: Option<unsafe extern "C" fn(path: u64) -> u32>,
        read: Option<unsafe extern "C" fn(reply: Out<Reply>) -> u32>,
        #[sabi(last_prefix_field)]
        close: Option<unsafe extern "C" fn(outcome: u32)>,
    }
);

release!(struct_grown,
    Leaf { id: u32, reserved: u32, value: u64 }
    Grown { size: u32, flags: u32, #[sabi(last_prefix_field)] port: u64, extra: u64 }
    Table {
        size: u64,
        open: Option<unsafe extern "C" fn(path: u64) -> u32>,
        read: Option<unsafe extern "C" fn(reply: Out<Reply>) -> u32>,
        #[sabi(last_prefix_field)]
        close: Option<unsafe extern "C" fn(outcome: u32)>,
    }
);

release!(struct_changed,
    Leaf { id: u32, reserved: u32, value: u64 }
    Grown { size: u32, flags: u32, #[sabi(last_prefix_field)] port: *const u8 }
    Table {
        size: u64,
        open: Option<unsafe extern "C" fn(path: u64) -> u32>,
        read: Option<unsafe extern "C" fn(reply: Out<Reply>) -> u32>,
        #[sabi(last_prefix_field)]
        close: Option<unsafe extern "C" fn(outcome: u32)>,
    }
);

release!(slot_appended,
    Leaf { id: u32, reserved: u32, value: u64 }
    Grown { size: u32, flags: u32, #[sabi(last_prefix_field)] port: u64 }
    Table {
        size: u64,
        open: Option<unsafe extern "C" fn(path: u64) -> u32>,
        read: Option<unsafe extern "C" fn(reply: Out<Reply>) -> u32>,
        #[sabi(last_prefix_field)]
        close: Option<unsafe extern "C" fn(outcome: u32)>,
        flush: Option<unsafe extern "C" fn()>,
    }
);

release!(parameter_added,
    Leaf { id: u32, reserved: u32, value: u64 }
    Grown { size: u32, flags: u32, #[sabi(last_prefix_field)] port: u64 }
    Table {
        size: u64,
        open: Option<unsafe extern "C" fn(path: u64, mode: u32) -> u32>,
        read: Option<unsafe extern "C" fn(reply: Out<Reply>) -> u32>,
        #[sabi(last_prefix_field)]
        close: Option<unsafe extern "C" fn(outcome: u32)>,
    }
);

release!(parameter_changed,
    Leaf { id: u32, reserved: u32, value: u64 }
    Grown { size: u32, flags: u32, #[sabi(last_prefix_field)] port: u64 }
    Table {
        size: u64,
        open: Option<unsafe extern "C" fn(path: u64) -> u32>,
        read: Option<unsafe extern "C" fn(reply: Out<Frame>) -> u32>,
        #[sabi(last_prefix_field)]
        close: Option<unsafe extern "C" fn(outcome: u32)>,
    }
);

release!(answer_changed,
    Leaf { id: u32, reserved: u32, value: u64 }
    Grown { size: u32, flags: u32, #[sabi(last_prefix_field)] port: u64 }
    Table {
        size: u64,
        open: Option<unsafe extern "C" fn(path: u64) -> u32>,
        read: Option<unsafe extern "C" fn(reply: Out<Reply>) -> u32>,
        #[sabi(last_prefix_field)]
        close: Option<unsafe extern "C" fn(outcome: u32) -> u32>,
    }
);

release!(slot_removed,
    Leaf { id: u32, reserved: u32, value: u64 }
    Grown { size: u32, flags: u32, #[sabi(last_prefix_field)] port: u64 }
    Table {
        size: u64,
        open: Option<unsafe extern "C" fn(path: u64) -> u32>,
        #[sabi(last_prefix_field)]
        close: Option<unsafe extern "C" fn(outcome: u32)>,
    }
);

release!(grown_and_changed,
    Leaf { id: u32, reserved: u32, value: i64 }
    Grown { size: u32, flags: u32, #[sabi(last_prefix_field)] port: u64, extra: u64 }
    Table {
        size: u64,
        open: Option<unsafe extern "C" fn(path: u64) -> u32>,
        read: Option<unsafe extern "C" fn(reply: Out<Reply>) -> u32>,
        #[sabi(last_prefix_field)]
        close: Option<unsafe extern "C" fn(outcome: u32)>,
        flush: Option<unsafe extern "C" fn()>,
    }
);

#[test]
fn what_was_appended_is_accepted_in_both_directions() {
    for (name, later) in [
        ("the same", first::layout as Layout),
        ("struct grown", struct_grown::layout),
        ("slot appended", slot_appended::layout),
    ] {
        let accepted = |ours: Layout, theirs: Layout| {
            compare(ours(), theirs()).map_err(|report| summary(&report))
        };
        assert_eq!(accepted(first::layout, later), Ok(()), "{name}, an old host");
        assert_eq!(accepted(later, first::layout), Ok(()), "{name}, a new host");
    }
}

#[test]
fn what_was_changed_is_refused_in_both_directions_and_named() {
    for (later, new_library, new_host) in [
        (
            leaf_changed::layout as Layout,
            "`Leaf.value`: expected `u64`, found `i64`",
            "`Leaf.value`: expected `i64`, found `u64`",
        ),
        (
            leaf_grown::layout,
            "`Leaf.extra`: expected `no such field`, found `one`",
            "`Leaf.extra`: expected `this field`, found `none`",
        ),
        (
            struct_changed::layout,
            "`Grown.port`: expected `u64`, found `*const u8`",
            "`Grown.port`: expected `*const u8`, found `u64`",
        ),
        (
            parameter_added::layout,
            "`Table.open`: expected `unsafe fn(path: u64) -> u32`, \
             found `unsafe fn(path: u64, mode: u32) -> u32`",
            "`Table.open`: expected `unsafe fn(path: u64, mode: u32) -> u32`, \
             found `unsafe fn(path: u64) -> u32`",
        ),
        (
            parameter_changed::layout,
            "`Table.read(reply)`: expected `Out<Reply>`, found `Out<Frame>`",
            "`Table.read(reply)`: expected `Out<Frame>`, found `Out<Reply>`",
        ),
        (
            answer_changed::layout,
            "`Table.close(the answer)`: expected `()`, found `u32`",
            "`Table.close(the answer)`: expected `u32`, found `()`",
        ),
        (
            slot_removed::layout,
            "`Table.read`: expected `this field`, found `close`",
            "`Table.close`: expected `this field`, found `read`",
        ),
        (
            grown_and_changed::layout,
            "`Leaf.value`: expected `u64`, found `i64`",
            "`Leaf.value`: expected `i64`, found `u64`",
        ),
    ] {
        let refused = |ours: Layout, theirs: Layout| {
            compare(ours(), theirs()).map_err(|report| summary(&report)).unwrap_err()
        };
        assert_eq!(refused(first::layout, later), new_library);
        assert_eq!(refused(later, first::layout), new_host);
    }
}

/// History is one line: two releases that each appended something of their own have no order.
#[test]
fn two_branches_of_history_refuse_each_other() {
    let report = compare(struct_grown::layout(), slot_appended::layout()).unwrap_err();
    assert_eq!(summary(&report), "`Grown.extra`: expected `this field`, found `none`");
}

#[test]
fn the_report_holds_more_than_its_summary() {
    let report = compare(first::layout(), leaf_changed::layout()).unwrap_err();
    assert!(report.len() > 1_000, "{report}");
    assert!(report.starts_with(&summary(&report)), "{report}");
}

/// A release's number says nothing about its layout: `dsgi` 0.1 and 0.2 may be the same inside.
#[test]
fn a_version_alone_is_no_difference() {
    let (ours, theirs) = (of_version("dsgi;0.1.0"), of_version("dsgi;7.0.0"));
    let all = CheckingGlobals::new();
    let refused = check_layout_compatibility_with_globals(ours, theirs, &all);
    assert!(refused.is_err(), "abi_stable itself accepts it, so this test shows nothing");
    assert_eq!(compare(ours, theirs), Ok(()));
    assert!(compare(ours, of_version("other;0.1.0")).is_err(), "another package was accepted");
}

/// The layout of `first::Leaf` without its fields, as if a package of that version had it.
fn of_version(package: &'static str) -> &'static TypeLayout {
    let same = <first::Leaf as StableAbi>::LAYOUT;
    let mono = MonoTypeLayout::from_derive(_private_MonoTypeLayoutDerive {
        name: "Leaf".into(),
        item_info: ItemInfo::package_and_mod(package, NulStr::from_str("first\0")),
        data: MonoTLData::EMPTY,
        generics: CompGenericParams::new(
            NulStr::from_str("\0"),
            0,
            StartLen::new(0, 0),
            StartLen::new(0, 0),
        ),
        repr_attr: same.repr_attr(),
        mod_refl_mode: same.mod_refl_mode(),
        phantom_fields: RSlice::EMPTY,
        shared_vars: *same.mono_type_layout().shared_vars(),
    });
    Box::leak(Box::new(TypeLayout::from_derive::<first::Leaf>(_private_TypeLayoutDerive {
        shared_vars: same.shared_vars(),
        mono: Box::leak(Box::new(mono)),
        abi_consts: <first::Leaf as StableAbi>::ABI_CONSTS,
        data: GenericTLData::Struct,
        tag: None,
        extra_checks: None,
    })))
}
