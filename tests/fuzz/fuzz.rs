//! Gives what libFuzzer makes to one of the host's targets, which `DSGI_FUZZ_TARGET` names.
#![cfg_attr(feature = "libfuzzer", no_main)]

#[cfg(feature = "libfuzzer")]
mod fuzzer {
    use std::sync::LazyLock;

    use dsgi_host::fuzzing::TARGETS;

    static TARGET: LazyLock<fn(&[u8])> = LazyLock::new(|| {
        let wanted = std::env::var("DSGI_FUZZ_TARGET").expect("the name of a target");
        let found = TARGETS.iter().find(|(name, _)| *name == wanted);
        found.unwrap_or_else(|| panic!("no target is named {wanted}")).1
    });

    libfuzzer_sys::fuzz_target!(|input: &[u8]| TARGET(input));
}

/// Built without libFuzzer, as with everything else, there is nothing to do.
#[cfg(not(feature = "libfuzzer"))]
fn main() {
    panic!("tests/fuzz/run builds and runs this");
}
