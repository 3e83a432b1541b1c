//! Scratch.
#![cfg(feature = "layout-proof")]
use abi_stable::type_layout::{TLData, TypeLayout};
use std::collections::BTreeSet;
fn walk(layout: &'static TypeLayout, seen: &mut BTreeSet<String>, depth: usize) {
    let full = layout.full_type().to_string();
    let pad = "  ".repeat(depth);
    let kind = format!("{:?}", layout.data_discriminant());
    println!(
        "{pad}{full} [{}] {kind} {:?} {} {}",
        layout.name(),
        layout.repr_attr(),
        layout.size(),
        layout.alignment()
    );
    if !seen.insert(full) || depth > 5 {
        return;
    }
    for field in layout.phantom_fields().iter() {
        println!("{pad} phantom {}: {}", field.name(), field.full_type());
        walk(field.layout(), seen, depth + 1);
    }
    let fields = match layout.data() {
        TLData::Struct { fields } | TLData::Union { fields } => fields,
        TLData::PrefixType(prefix) => prefix.fields,
        _ => return,
    };
    for field in fields.iter() {
        println!(
            "{pad} field {}: {} fns {}",
            field.name(),
            field.full_type(),
            field.function_range().len()
        );
        for function in field.function_range() {
            println!("{pad}   {function}");
        }
        walk(field.layout(), seen, depth + 1);
    }
    for param in layout.generics().type_params() {
        println!("{pad} generic");
        walk(param(), seen, depth + 1);
    }
}
#[test]
fn scratch() {
    walk(dsgi::abi::proof::layout(), &mut BTreeSet::new(), 0);
}
