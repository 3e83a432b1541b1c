//! The layouts that are proved to a host, walked down from their root.

use std::collections::BTreeMap;

use abi_stable::type_layout::{TLData, TLField, TLFields, TLFunction, TLPrimitive, TypeLayout};

/// A type of ours, as it is described to a host.
#[derive(Debug)]
pub(crate) struct Described {
    pub(crate) kind: Kind,
    pub(crate) size: usize,
    pub(crate) members: Vec<Member>,
}

/// How a type may change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Frozen,
    Grows,
}

/// A field, or a slot with its signature.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) name: String,
    pub(crate) size: usize,
    pub(crate) align: usize,
    pub(crate) of: Of,
}

/// What a member holds.
#[derive(Debug)]
pub(crate) enum Of {
    Type(Text),
    /// Parameters with their names, and the answer.
    Slot {
        parameters: Vec<(String, Text)>,
        answer: Text,
    },
    /// A type that the description leaves out, because it would come back to itself.
    Hidden,
}

/// A type in both languages.
#[derive(Clone, Debug)]
pub(crate) struct Text {
    pub(crate) rust: String,
    pub(crate) c: String,
}

/// Every type that can be reached from the root, by name.
pub(crate) fn described() -> BTreeMap<String, Described> {
    let mut found = BTreeMap::new();
    visit(dsgi::abi::proof::layout(), &mut found);
    found
}

fn visit(layout: &'static TypeLayout, found: &mut BTreeMap<String, Described>) {
    let (kind, fields) = match layout.data() {
        TLData::PrefixType(prefix) => (Kind::Grows, Some(prefix.fields)),
        TLData::Struct { fields } => (Kind::Frozen, Some(fields)),
        TLData::Enum(of) => (Kind::Frozen, Some(of.fields)),
        _ => (Kind::Frozen, None),
    };
    let name = layout.name();
    let ours = layout.package().as_str() == "dsgi" && !["In", "Out"].contains(&name);
    if ours {
        if found.contains_key(name) {
            return;
        }
        let members = fields.map(members).unwrap_or_default();
        found.insert(name.to_owned(), Described { kind, size: layout.size(), members });
    }
    let inside = fields.map(|fields| fields.to_vec()).unwrap_or_default();
    for field in layout.phantom_fields().iter().chain(inside) {
        visit(field.layout(), found);
        for function in field.function_range() {
            function.param_type_layouts.iter().for_each(|of| visit(of(), found));
        }
    }
    layout.generics().type_params().iter().for_each(|of| visit(of(), found));
}

fn members(fields: TLFields) -> Vec<Member> {
    fields.iter().map(|field| member(&field)).collect()
}

fn member(field: &TLField) -> Member {
    let layout = field.layout();
    let of = match field.function_range().iter().next() {
        Some(function) => slot(&function),
        None if matches!(layout.data(), TLData::Opaque) && layout.name() != "c_void" => Of::Hidden,
        None => Of::Type(text(layout)),
    };
    let (size, align) = (layout.size(), layout.alignment());
    Member { name: field.name().to_owned(), size, align, of }
}

fn slot(function: &TLFunction) -> Of {
    assert!(function.fn_qualifs.is_unsafe(), "every slot is unsafe to call");
    // All names of the parameters in one text.
    let names = function.param_names.as_str().split([',', ';']).filter(|name| !name.is_empty());
    let types = function.param_type_layouts.iter().map(|of| text(of()));
    let parameters: Vec<_> = names.map(str::to_owned).zip(types).collect();
    assert_eq!(parameters.len(), function.param_type_layouts.len(), "a parameter has no name");
    let answer = function.return_type_layout().map(|of| text(of()));
    let nothing = || Text { rust: String::from("()"), c: String::from("void") };
    Of::Slot { parameters, answer: answer.unwrap_or_else(nothing) }
}

fn text(layout: &'static TypeLayout) -> Text {
    let generics = layout.generics();
    let inner = || text(generics.type_params().first().expect("a type parameter")());
    let made = |rust: String, c: String| Text { rust, c };
    if let TLData::Primitive(primitive) = layout.data() {
        return match primitive {
            TLPrimitive::ConstPtr => {
                let inner = inner();
                made(format!("*const {}", inner.rust), format!("const {} *", inner.c))
            }
            TLPrimitive::MutPtr => {
                let inner = inner();
                made(format!("*mut {}", inner.rust), format!("{} *", inner.c))
            }
            TLPrimitive::Array => {
                let (inner, count) = (inner(), layout.size());
                assert_eq!(inner.rust, "u8", "arrays of bytes only");
                made(format!("[u8; {count}]"), format!("{}[{count}]", inner.c))
            }
            TLPrimitive::Usize => made("usize".into(), "size_t".into()),
            _ => {
                let name = layout.name();
                let (sign, bits) = name.split_at(1);
                let sign = if sign == "u" { "u" } else { "" };
                made(name.into(), format!("{sign}int{bits}_t"))
            }
        };
    }
    match layout.name() {
        "c_void" => made("c_void".into(), "void".into()),
        pointer @ ("In" | "Out") => {
            let of = generics.const_params().first().expect("the name of the struct");
            let of = format!("{of:?}").replace('"', "");
            let c = super::c_name(&of);
            let constant = if pointer == "In" { "const " } else { "" };
            made(format!("{pointer}<{of}>"), format!("{constant}{c} *"))
        }
        "Option" => made(format!("Option<{}>", inner().rust), String::new()),
        name => made(name.to_owned(), super::c_name(name)),
    }
}
