//! The validator as a library of its own: a layer that looks whether the rules are kept.

dsgi::validator!();
