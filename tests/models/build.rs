//! Says that the files of the host are compiled for a model.

fn main() {
    println!("cargo::rustc-cfg=dsgi_loom");
    println!("cargo::rerun-if-changed=build.rs");
}
