//! What differs between two descriptions, in lines that name type and field.
//!
//! abi_stable reports whole types, many kilobytes for one field. An operator needs the place and
//! both sides of it.

use abi_stable::abi_stability::abi_checking::{
    AbiInstability as Err, AbiInstabilityError, AbiInstabilityErrors, ExpectedFound,
};
use abi_stable::type_layout::{FmtFullType, TLField, TLFieldOrFunction, TLFunction, TypeLayout};

/// Which side of a comparison is the one that expects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum View {
    /// The interface, as abi_stable calls it.
    Interface,
    /// The implementation: the comparison was made the other way round.
    Implementation,
}

/// One line for each difference. There is none when only the version of a package differs, which
/// says nothing about a layout.
pub(super) fn lines(errors: &AbiInstabilityErrors, view: View) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for error in &errors.errors {
        for line in (At { steps: &error.stack_trace, view }).lines(error) {
            if !lines.contains(&line) {
                lines.push(line);
            }
        }
    }
    lines
}

/// At most three lines; the last one counts what was left out.
pub(super) fn shorten(mut lines: Vec<String>) -> String {
    if lines.len() > LINES_MAX {
        let left_out = lines.len() - (LINES_MAX - 1);
        lines.truncate(LINES_MAX - 1);
        lines.push(format!("and {left_out} more differences"));
    }
    lines.join("\n")
}

/// A place within both descriptions: the way to it from the root, field by field.
struct At<'a> {
    steps: &'a [ExpectedFound<TLFieldOrFunction>],
    view: View,
}

impl At<'_> {
    /// The errors of one type or function. A field that is new or gone changes count and size,
    /// too; only its name tells something.
    fn lines(&self, error: &AbiInstabilityError) -> Vec<String> {
        let moved = error.errs.iter().find_map(|err| match err {
            Err::UnexpectedField(of) => Some(self.moved(of)),
            _ => None,
        });
        let is_count = |err: &Err| matches!(err, Err::FieldCountMismatch(_));
        if let Some(line) = moved {
            vec![line]
        } else if error.errs.iter().any(is_count) {
            vec![self.counted()]
        } else {
            error.errs.iter().filter_map(|err| self.line(err)).collect()
        }
    }

    fn line(&self, err: &Err) -> Option<String> {
        let place = self.subject();
        Some(match err {
            Err::PackageVersion(_) => return None,
            Err::Name(_) | Err::MismatchedConstParam(_) => self.type_changed(),
            Err::Size(of) => self.said(&place, of, |size| format!("{size} bytes")),
            Err::Alignment(of) => self.said(&place, of, |align| format!("alignment {align}")),
            Err::MismatchedPrefixSize(of) => {
                self.said(&place, of, |count| format!("{count} fields in the first release"))
            }
            Err::FnQualifierMismatch(of) => self.said(&place, of, signature),
            other => {
                let text = format!("{other:?}");
                let kind = text.split(|one: char| !one.is_alphanumeric()).next();
                format!("`{place}`: {} differs", kind.unwrap_or("it"))
            }
        })
    }

    /// Another type at the innermost place that has a name.
    fn type_changed(&self) -> String {
        match self.named() {
            Some((place, step)) => self.said(&place, step, |side| match side {
                TLFieldOrFunction::Field(field) => type_text(field.full_type()),
                TLFieldOrFunction::Function(function) => signature(function),
            }),
            None => String::from("the root of the descriptions differs"),
        }
    }

    /// A field that is not the one expected at its place, or other parameters.
    fn moved(&self, of: &ExpectedFound<TLField>) -> String {
        let (ours, theirs) = self.sides(of);
        let place = format!("{}.{}", self.subject(), ours.name());
        self.signatures().unwrap_or_else(|| expected_found(&place, "this field", theirs.name()))
    }

    /// Fields at the end of one side that the other side does not have, or other parameters.
    fn counted(&self) -> String {
        if let Some(line) = self.signatures() {
            return line;
        }
        let names = self.steps.last().map(|step| {
            let (ours, theirs) = self.sides(step);
            (fields_of(ours), fields_of(theirs))
        });
        let (ours, theirs) = names.unwrap_or_default();
        let only = |some: &[&'static str], others: &[&'static str]| {
            some.iter().copied().find(|name| !others.contains(name))
        };
        let place = self.subject();
        match (only(&ours, &theirs), only(&theirs, &ours)) {
            (Some(gone), _) => expected_found(&format!("{place}.{gone}"), "this field", "none"),
            (None, Some(new)) => expected_found(&format!("{place}.{new}"), "no such field", "one"),
            (None, None) => format!("`{place}`: the number of fields differs"),
        }
    }

    /// Both signatures, if a function is being compared.
    fn signatures(&self) -> Option<String> {
        let step = self.steps.last()?;
        let (TLFieldOrFunction::Function(ours), TLFieldOrFunction::Function(theirs)) =
            self.sides(step)
        else {
            return None;
        };
        Some(expected_found(&self.subject(), &signature(ours), &signature(theirs)))
    }

    /// The type whose fields, or the function whose parameters, are being compared.
    fn subject(&self) -> String {
        match self.last() {
            Some(TLFieldOrFunction::Field(field)) => field.layout().name().to_owned(),
            _ => self.named().map_or_else(|| String::from("the root"), |(place, _)| place),
        }
    }

    /// `Type.field` of the innermost step with a name of ours, and that step. What abi_stable
    /// finds inside of references, pointers and options has none.
    fn named(&self) -> Option<(String, &ExpectedFound<TLFieldOrFunction>)> {
        (1..self.steps.len()).rev().find_map(|at| {
            let (step, before) = (&self.steps[at], &self.steps[at - 1].expected);
            match (before, &step.expected) {
                (TLFieldOrFunction::Field(owner), TLFieldOrFunction::Field(field))
                    if is_ours(owner.layout()) =>
                {
                    Some((format!("{}.{}", owner.layout().name(), field.name()), step))
                }
                (TLFieldOrFunction::Function(slot), TLFieldOrFunction::Field(parameter)) => {
                    let place = At { steps: &self.steps[..at], ..*self }.named()?.0;
                    Some((format!("{place}({})", parameter_name(slot, parameter)), step))
                }
                _ => None,
            }
        })
    }

    fn last(&self) -> Option<&TLFieldOrFunction> {
        self.steps.last().map(|step| &step.expected)
    }

    /// What this side expects, and what it finds.
    fn sides<'a, T>(&self, of: &'a ExpectedFound<T>) -> (&'a T, &'a T) {
        match self.view {
            View::Interface => (&of.expected, &of.found),
            View::Implementation => (&of.found, &of.expected),
        }
    }

    fn said<T>(&self, place: &str, of: &ExpectedFound<T>, say: impl Fn(&T) -> String) -> String {
        let (ours, theirs) = self.sides(of);
        expected_found(place, &say(ours), &say(theirs))
    }
}

fn fields_of(step: &TLFieldOrFunction) -> Vec<&'static str> {
    let fields = match step {
        TLFieldOrFunction::Field(field) => field.layout().get_fields(),
        TLFieldOrFunction::Function(_) => None,
    };
    fields.map(|fields| fields.iter().map(|field| field.name()).collect()).unwrap_or_default()
}

/// A function as one would write it.
fn signature(function: &TLFunction) -> String {
    let types = function.param_type_layouts.iter().map(|layout| type_text(layout().full_type()));
    let parameters: Vec<_> =
        parameter_names(function).zip(types).map(|(name, of)| format!("{name}: {of}")).collect();
    let safety = if function.fn_qualifs.is_unsafe() { "unsafe " } else { "" };
    let answer = function.return_type_layout().map(|layout| type_text(layout().full_type()));
    let answer = answer.map(|answer| format!(" -> {answer}")).unwrap_or_default();
    format!("{safety}fn({}){answer}", parameters.join(", "))
}

fn parameter_names(function: &TLFunction) -> impl Iterator<Item = &'static str> {
    function.param_names.as_str().split([',', ';']).filter(|name| !name.is_empty())
}

/// abi_stable gives all names to the first parameter, and numbers to the others.
fn parameter_name(function: &TLFunction, parameter: &TLField) -> &'static str {
    if parameter.name() == RETURNS {
        return "the answer";
    }
    let number = parameter.name().strip_prefix("param_").and_then(|number| number.parse().ok());
    parameter_names(function).nth(number.unwrap_or(0)).unwrap_or("a parameter")
}

fn is_ours(layout: &'static TypeLayout) -> bool {
    layout.package().as_str() == env!("CARGO_PKG_NAME")
}

/// A type as one would write it.
fn type_text(full: FmtFullType) -> String {
    full.to_string().replace('"', "").split_whitespace().collect::<Vec<_>>().join(" ")
}

fn expected_found(place: &str, expected: &str, found: &str) -> String {
    format!("`{place}`: expected `{expected}`, found `{found}`")
}

/// What abi_stable calls the type that a function returns.
const RETURNS: &str = "__returns";

/// More lines than these say nothing more.
const LINES_MAX: usize = 3;
