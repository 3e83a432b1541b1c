//! What fuzzing asks of the reader of libraries, whatever the bytes: facts that fit each other, or
//! one reason, in words that may be shown.

use super::linkage::linkage;
use super::{Look, describe, inspect_for};

pub(crate) fn elf(bytes: &[u8]) {
    let linked = linkage(bytes);
    match inspect_for(None, bytes, Look::Whole) {
        Ok(facts) => {
            let linked = linked.expect("an application is a library");
            assert_eq!(
                (&linked.needed, &linked.never_unloads),
                (&facts.needed, &facts.never_unloads)
            );
            assert!(!facts.descriptor.name.is_empty());
            let described = describe(&facts, "declared");
            assert_eq!(described.lines().count(), 17, "one fact a line: {described}");
            described.lines().for_each(shown);
        }
        Err(reason) => shown(&reason.to_string()),
    }
    if let Err(reason) = linkage(bytes) {
        shown(&reason.to_string());
    }
}

/// A terminal obeys control characters, and nobody reads on for ever.
fn shown(line: &str) {
    assert!(!line.contains(char::is_control), "not on one line: {line:?}");
    assert!(line.len() < LINE_BYTES, "{} bytes to be read: {line}", line.len());
}

const LINE_BYTES: usize = 1 << 20;
