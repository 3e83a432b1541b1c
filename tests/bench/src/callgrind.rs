//! Reads what callgrind writes: user instructions in all, by function, and by address.
//!
//! The format is the one documented as "Callgrind Format" in valgrind's manual: names are
//! compressed as `(id) name`, a line after `calls=` is the inclusive cost of that call.

use std::collections::HashMap;

use anyhow::{Context as _, Result, bail, ensure};

/// One run of one program.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Profile {
    /// All user instructions of the run.
    pub(crate) total: u64,
    /// By function: its own instructions, what was inlined into it included.
    pub(crate) own: HashMap<String, u64>,
    /// By function: its own and those of everything it called.
    pub(crate) inclusive: HashMap<String, u64>,
    /// By object and address in it: how much was executed there.
    pub(crate) at: HashMap<String, HashMap<u64, u64>>,
}

impl Profile {
    /// Reads a whole `callgrind.out` file.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let mut profile = Self::default();
        let mut functions = Names::default();
        let mut objects = Names::default();
        let (mut object, mut current) = (String::new(), String::new());
        let (mut call_follows, mut total) = (false, None);
        let (mut positions, mut address) = (Positions::Line, 0);
        for line in text.lines() {
            if let Some(events) = line.strip_prefix("events:") {
                let first = events.split_ascii_whitespace().next();
                ensure!(first == Some("Ir"), "callgrind counted {first:?}, not instructions");
            } else if let Some(text) = line.strip_prefix("positions:") {
                positions = Positions::parse(text)?;
            } else if let Some(sum) = line.strip_prefix("totals:") {
                total = Some(total.unwrap_or(0) + number(sum)?);
            } else if let Some(name) = line.strip_prefix("ob=") {
                object = objects.resolve(name)?;
            } else if let Some(name) = line.strip_prefix("cob=") {
                objects.resolve(name)?;
            } else if let Some(name) = line.strip_prefix("fn=") {
                current = named(functions.resolve(name)?, &object);
            } else if let Some(name) = line.strip_prefix("cfn=") {
                functions.resolve(name)?;
            } else if line.starts_with("calls=") {
                call_follows = true;
            } else if line
                .starts_with(|first: char| first.is_ascii_digit() || "+-*".contains(first))
            {
                let cost = positions.cost(line)?;
                positions.step(line, &mut address)?;
                *profile.inclusive.entry(current.clone()).or_default() += cost;
                if !std::mem::take(&mut call_follows) {
                    *profile.own.entry(current.clone()).or_default() += cost;
                    if positions == Positions::Instruction {
                        let at = profile.at.entry(object.clone()).or_default();
                        *at.entry(address).or_default() += cost;
                    }
                }
            }
        }
        match total {
            Some(total) => Ok(Self { total, ..profile }),
            None => bail!("callgrind wrote no totals: the server did not end in order"),
        }
    }
}

/// The names seen so far, by id.
#[derive(Debug, Default)]
struct Names(HashMap<String, String>);

impl Names {
    fn resolve(&mut self, text: &str) -> Result<String> {
        let Some(rest) = text.strip_prefix('(') else { return Ok(text.to_owned()) };
        let (id, name) = rest.split_once(')').with_context(|| format!("no id in `{text}`"))?;
        if !name.trim().is_empty() {
            self.0.insert(id.to_owned(), name.trim().to_owned());
        }
        self.0.get(id).cloned().with_context(|| format!("name ({id}) was never given"))
    }
}

/// A function without a symbol is known by an address only, which says less than its object.
fn named(function: String, object: &str) -> String {
    if function.starts_with("0x") || function == "???" {
        let file = object.rsplit('/').next().unwrap_or(object);
        return format!("(unnamed in {file})");
    }
    function
}

/// What stands before a cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Positions {
    /// `LINE COST`
    Line,
    /// `ADDRESS LINE COST`
    Instruction,
}

impl Positions {
    fn parse(text: &str) -> Result<Self> {
        match text.trim() {
            "line" => Ok(Self::Line),
            "instr line" => Ok(Self::Instruction),
            other => bail!("callgrind counted by `{other}`"),
        }
    }

    /// The cost is left out when it is zero.
    fn cost(self, line: &str) -> Result<u64> {
        let before = match self {
            Self::Line => 1,
            Self::Instruction => 2,
        };
        line.split_ascii_whitespace().nth(before).map_or(Ok(0), number)
    }

    /// An address is `0x10`, or `*`, `+1` or `-1` beside the one before.
    fn step(self, line: &str, address: &mut u64) -> Result<()> {
        let text = line.split_ascii_whitespace().next().unwrap_or_default();
        if self == Self::Line || text == "*" {
            return Ok(());
        }
        let hexadecimal = |text| u64::from_str_radix(text, 16).ok();
        let next = if let Some(text) = text.strip_prefix('+') {
            text.parse().ok().and_then(|by| address.checked_add(by))
        } else if let Some(text) = text.strip_prefix('-') {
            text.parse().ok().and_then(|by| address.checked_sub(by))
        } else {
            text.strip_prefix("0x").and_then(hexadecimal)
        };
        *address = next.with_context(|| format!("`{text}` is no address"))?;
        Ok(())
    }
}

fn number(text: &str) -> Result<u64> {
    let first = text.split_ascii_whitespace().next().context("a number is missing")?;
    first.parse().with_context(|| format!("`{first}` is no number"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "\
version: 1
positions: line
events: Ir
ob=(1) /somewhere/host
fl=(1) main.rs
fn=(1) main
10 5
+2 7
cob=(2) /somewhere/libc.so.6
cfn=(2) 0x0000000000012340
calls=3 0
* 90
fi=(2) inlined.rs
-1 1

ob=(2)
fn=(2)
0 88
fn=(3) empty
0
cfn=(1)
calls=1 0
0 2
totals: 101
";

    #[test]
    fn own_and_inclusive_costs_are_told_apart() {
        let profile = Profile::parse(FILE).unwrap();
        assert_eq!(profile.total, 101);
        assert_eq!(profile.own["main"], 13);
        assert_eq!(profile.inclusive["main"], 103);
        assert_eq!(profile.own["(unnamed in libc.so.6)"], 88);
        assert_eq!(profile.own["empty"], 0);
        assert_eq!(profile.inclusive["empty"], 2);
        assert_eq!(profile.own.values().sum::<u64>(), 101);
    }

    #[test]
    fn addresses_are_counted_by_object() {
        let text = "positions: instr line\nevents: Ir\nob=(1) /a/host\nfn=(1) main\n0x10 5 3\n\
                    +4 * 2\ncfn=(1)\ncalls=1 0x10 -1\n* * 90\n-4 +1 1\nob=(2) /a/libc\n\
                    fn=(2) free\n* 0 7\ntotals: 13\n";
        let profile = Profile::parse(text).unwrap();
        assert_eq!(profile.at["/a/host"], HashMap::from([(0x10, 4), (0x14, 2)]));
        assert_eq!(profile.at["/a/libc"], HashMap::from([(0x10, 7)]));
        assert_eq!(profile.own["main"], 6);
        assert!(Profile::parse(&text.replace("+4", "+x")).is_err());
        assert!(Profile::parse(&text.replace("instr line", "bb")).is_err());
    }

    #[test]
    fn totals_of_several_parts_add_up() {
        assert_eq!(Profile::parse("totals: 40\ntotals: 2\n").unwrap().total, 42);
    }

    #[test]
    fn a_file_that_cannot_be_judged_is_an_error() {
        assert!(Profile::parse("").is_err());
        assert!(Profile::parse(&FILE.replace("totals: 101", "")).is_err());
        assert!(Profile::parse(&FILE.replace("events: Ir", "events: Dr")).is_err());
        assert!(Profile::parse(&FILE.replace("fn=(3) empty", "fn=(3)")).is_err());
        assert!(Profile::parse(&FILE.replace("+2 7", "+2 x")).is_err());
    }
}
