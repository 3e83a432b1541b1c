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

mod difference;

use abi_stable::StableAbi;
use abi_stable::abi_stability::abi_checking::{
    AbiInstabilityErrors, CheckingGlobals, check_layout_compatibility_with_globals,
};
use abi_stable::library::{AbiHeader, LibHeader, RootModule};
use abi_stable::sabi_types::VersionStrings;
use abi_stable::type_layout::TypeLayout;

use self::difference::View;
use super::app::{AppTableRef, DescriptorRef};
use super::grown::{
    ChangesRef, FrameRef, HeadRef, InitRef, InstanceRef, ReplyRef, StateRef, ValueRef,
};
use super::leaf::{Bytes, Fault, Header, Keep, Str};
use super::object::{
    Body, BodyTableRef, Duplex, DuplexTableRef, Exchange, ExchangeTableRef, Future, FutureTableRef,
    HostTableRef, Remote, RemoteTableRef, Upgrade, UpgradeTableRef, Waker, WakerTableRef,
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
    pub remote: Option<&'static Remote>,
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
    pub remote_table: Option<RemoteTableRef>,
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
/// A report of many kilobytes, as text of this side. It begins with its [`summary`].
pub fn compare(ours: &'static TypeLayout, theirs: &'static TypeLayout) -> Result<(), String> {
    let Err(forward) = one_way(ours, theirs) else { return Ok(()) };
    let forward_lines = difference::lines(&forward, View::Interface);
    let Err(backward) = one_way(theirs, ours) else { return Ok(()) };
    let backward_lines = difference::lines(&backward, View::Implementation);
    if forward_lines.is_empty() || backward_lines.is_empty() {
        return Ok(());
    }
    // Against the grain of history everything that was merely appended is a difference, too.
    let with_the_grain = match backward_lines.len() < forward_lines.len() {
        true => backward_lines,
        false => forward_lines,
    };
    Err(format!("{}\n\n{forward}", difference::shorten(with_the_grain)))
}

/// The one to three lines at the head of a report of [`compare`]: each names a type and a field,
/// with what was expected there and what was found.
///
/// ```
/// let report = "`Header.value`: expected `Str`, found `RString`\n\nCompared <this>: ...";
/// let summary = dsgi::abi::proof::summary(report);
/// assert_eq!(summary, "`Header.value`: expected `Str`, found `RString`");
/// ```
#[must_use]
pub fn summary(report: &str) -> String {
    let head = report.trim_start().split("\n\n").next().unwrap_or_default();
    head.lines().take(3).collect::<Vec<_>>().join("\n")
}

/// Whether `implementation` may stand where `interface` is expected. Nothing of the comparison is
/// kept: abi_stable's own globals would point into a library after it was closed.
fn one_way(
    interface: &'static TypeLayout,
    implementation: &'static TypeLayout,
) -> Result<(), AbiInstabilityErrors> {
    check_layout_compatibility_with_globals(interface, implementation, &CheckingGlobals::new())
}

/// Why a library's description was not accepted.
#[derive(Clone, Debug)]
pub enum Refusal {
    /// It was made by another abi_stable.
    Header(String),
    /// A type differs; the text names type and field.
    Layout(String),
}

/// Checks the header that a library exports under [`SYMBOL`].
///
/// # Errors
/// See [`Refusal`]. The text is this side's own: nothing of it points into the library.
///
/// # Safety
/// `header` points to what an open library exports under [`SYMBOL`].
pub unsafe fn check(header: *const AbiHeader) -> Result<(), Refusal> {
    // SAFETY: the first part of the header is the same in all releases.
    let compatible = unsafe { (*header).is_valid() };
    if !compatible {
        return Err(Refusal::Header(String::from("it was made by another release of abi_stable")));
    }
    // SAFETY: of this release, as just checked, so the whole header may be read.
    let theirs = unsafe { (*header.cast::<LibHeader>()).layout() };
    let theirs = theirs.ok_or_else(|| Refusal::Header(String::from("it holds no layout")))?;
    compare(layout(), theirs).map_err(Refusal::Layout)
}

/// Name of the symbol that [`header`] is exported under.
pub const SYMBOL: &str = abi_stable::library::ROOT_MODULE_LOADER_NAME;

#[cfg(test)]
mod tests {
    #[test]
    fn the_export_macro_uses_the_name_abi_stable_looks_for() {
        assert!(
            include_str!("../export.rs").contains(&format!("export_name = \"{}\"", super::SYMBOL)),
            "abi_stable looks for {}",
            super::SYMBOL
        );
    }

    #[test]
    fn this_release_agrees_with_itself() {
        super::compare(super::layout(), super::layout()).unwrap();
    }
}
