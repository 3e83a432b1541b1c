//! The layout proof: every type of the boundary, described for a host to compare.
//!
//! abi_stable's root module carries types only; nothing of it is ever called. A host compares its
//! own description with the library's in both directions, with globals that are thrown away, and
//! accepts when one is a prefix of the other. Types that grow are described as prefix types, so
//! that an appended field or slot is fine and a changed one is named.
#![allow(
    missing_debug_implementations,
    reason = "the types that the derive makes have none, and no value of them ever exists"
)]

use abi_stable::StableAbi;
use abi_stable::abi_stability::abi_checking::{
    CheckingGlobals, check_layout_compatibility_with_globals,
};
use abi_stable::library::{LibHeader, RootModule};
use abi_stable::sabi_types::VersionStrings;
use abi_stable::type_layout::TypeLayout;

use super::app::{AppTableRef, DescriptorRef};
use super::grown::{
    ChangesRef, FrameRef, HeadRef, InitRef, InstanceRef, ReplyRef, StateRef, ValueRef,
};
use super::leaf::{Bytes, Fault, Header, Keep, Str};
use super::object::{
    Body, BodyTableRef, Duplex, DuplexTableRef, Exchange, ExchangeTableRef, Future, FutureTableRef,
    HostTableRef, Upgrade, UpgradeTableRef, Waker, WakerTableRef,
};

/// One absent value of each type that crosses.
#[repr(C)]
#[derive(StableAbi)]
#[sabi(kind(Prefix(prefix_ref = ProofRef)))]
#[sabi(missing_field(panic))]
#[allow(missing_docs, reason = "each field is named for the type it describes")]
pub struct Proof {
    pub str: Option<&'static Str>,
    pub bytes: Option<&'static Bytes>,
    pub keep: Option<&'static Keep>,
    pub header: Option<&'static Header>,
    pub fault: Option<&'static Fault>,
    pub exchange: Option<&'static Exchange>,
    pub body: Option<&'static Body>,
    pub future: Option<&'static Future>,
    pub waker: Option<&'static Waker>,
    pub upgrade: Option<&'static Upgrade>,
    pub duplex: Option<&'static Duplex>,
    pub head: Option<HeadRef>,
    pub changes: Option<ChangesRef>,
    pub init: Option<InitRef>,
    pub instance: Option<InstanceRef>,
    pub reply: Option<ReplyRef>,
    pub frame: Option<FrameRef>,
    pub value: Option<ValueRef>,
    pub state: Option<StateRef>,
    pub descriptor: Option<DescriptorRef>,
    pub app_table: Option<AppTableRef>,
    pub exchange_table: Option<ExchangeTableRef>,
    pub body_table: Option<BodyTableRef>,
    pub future_table: Option<FutureTableRef>,
    pub waker_table: Option<WakerTableRef>,
    pub upgrade_table: Option<UpgradeTableRef>,
    pub duplex_table: Option<DuplexTableRef>,
    #[sabi(last_prefix_field)]
    pub host_table: Option<HostTableRef>,
}

// SAFETY: every field is absent, by rule: only the types matter.
unsafe impl Send for ProofRef {}
// SAFETY: as above.
unsafe impl Sync for ProofRef {}

impl RootModule for ProofRef {
    abi_stable::declare_root_module_statics! {ProofRef}

    const BASE_NAME: &'static str = "dsgi";
    const NAME: &'static str = "dsgi";
    const VERSION_STRINGS: VersionStrings = abi_stable::package_version_strings!();
}

/// This release's description.
#[must_use]
pub const fn layout() -> &'static TypeLayout {
    <ProofRef as StableAbi>::LAYOUT
}

/// What a library exports beside its table.
#[must_use]
pub const fn header() -> LibHeader {
    // SAFETY: the constructor is never called, by rule: the header carries the layout only.
    unsafe {
        LibHeader::from_constructor::<ProofRef>(
            constructor,
            abi_stable::library::CheckTypeLayout::Yes,
        )
    }
}

extern "C" fn constructor() -> abi_stable::library::RootModuleResult {
    abi_stable::library::__call_root_module_loader(
        || -> Result<ProofRef, abi_stable::std_types::RBoxError> {
            Err(abi_stable::std_types::RBoxError::from_fmt("it carries types only"))
        },
    )
}

/// Compares two descriptions in both directions.
///
/// # Errors
/// The report of the comparison, many lines long, as text of this side.
pub fn compare(ours: &'static TypeLayout, theirs: &'static TypeLayout) -> Result<(), String> {
    let check = |interface, implementation| {
        check_layout_compatibility_with_globals(interface, implementation, &CheckingGlobals::new())
            .map_err(|error| error.to_string())
    };
    check(ours, theirs).or_else(|report| check(theirs, ours).map_err(|_| report))
}

/// Name of the symbol that [`header`] is exported under.
pub const SYMBOL: &str = abi_stable::library::ROOT_MODULE_LOADER_NAME;

#[cfg(test)]
mod tests {
    #[test]
    fn the_export_macro_uses_the_name_abi_stable_looks_for() {
        assert!(
            include_str!("../lib.rs").contains(&format!("export_name = \"{}\"", super::SYMBOL)),
            "abi_stable looks for {}",
            super::SYMBOL
        );
    }

    #[test]
    fn this_release_agrees_with_itself() {
        super::compare(super::layout(), super::layout()).unwrap();
    }
}
