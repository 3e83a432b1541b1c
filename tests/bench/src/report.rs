//! What a run leaves: Markdown tables as RESULTS.md holds them, and one JSON row per case.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};
use serde::Serialize;

use crate::figures::{Goal, Verdict};

/// Everything one run of a bench says.
#[derive(Debug)]
pub(crate) struct Report {
    heading: Vec<String>,
    notes: Vec<String>,
    tables: Vec<Table>,
    rows: Vec<Row>,
}

impl Report {
    /// Notes where and when the run begins.
    pub(crate) fn begin(bench: &str, command: String) -> Result<Self> {
        let heading = vec![
            format!("## {bench}, {}", said_by("date", &["-u", "+%Y-%m-%d %H:%M UTC"])),
            String::new(),
            format!("- Machine: {}", machine()),
            format!("- Compiler: {}", said_by("rustc", &["--version"])),
            format!("- Load average at the start: {}", load()?),
            format!("- Command: `{command}`"),
        ];
        Ok(Self { heading, notes: Vec::new(), tables: Vec::new(), rows: Vec::new() })
    }

    pub(crate) fn note(&mut self, note: String) {
        self.notes.push(note);
    }

    pub(crate) fn table(&mut self, table: Table) {
        self.tables.push(table);
    }

    pub(crate) fn row(&mut self, row: Row) {
        self.rows.push(row);
    }

    pub(crate) fn print(&self) -> Result<()> {
        let mut out = std::io::stdout().lock();
        for line in &self.heading {
            writeln!(out, "{line}")?;
        }
        writeln!(out, "- Load average at the end: {}", load()?)?;
        for note in &self.notes {
            writeln!(out, "{}", item(note))?;
        }
        let verdicts = verdicts(&self.rows);
        for table in std::iter::once(&verdicts).chain(&self.tables) {
            write!(out, "\n{}", table.markdown())?;
        }
        out.flush().context("the report was not taken")
    }

    pub(crate) fn write_rows(&self, file: &Path) -> Result<()> {
        let mut text = serde_json::to_string_pretty(&self.rows)?;
        text.push('\n');
        fs::write(file, text).with_context(|| format!("`{}` was not written", file.display()))
    }
}

/// One case: a ratio, what it should be, and what the A/A control of the same run was.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    bench: &'static str,
    case: String,
    ratio: f64,
    goal: Option<f64>,
    goal_sign: Option<&'static str>,
    aa: f64,
    verdict: Option<Verdict>,
    #[serde(flatten)]
    numbers: BTreeMap<&'static str, f64>,
}

impl Row {
    /// A case that is published, not judged.
    pub(crate) fn new(bench: &'static str, case: String, ratio: f64, aa: f64) -> Self {
        let numbers = BTreeMap::new();
        Self { bench, case, ratio, goal: None, goal_sign: None, aa, verdict: None, numbers }
    }

    pub(crate) fn judged(self, goal: Goal) -> Self {
        let verdict = Verdict::of(self.ratio, goal, self.aa);
        self.with_verdict(goal, verdict)
    }

    /// Judges with what A/A is off by counted against the row: for a figure that is far from its
    /// goal, or whose A/A differs by more than a ratio's does.
    pub(crate) fn judged_by_margin(self, goal: Goal) -> Self {
        let verdict = Verdict::by_margin(self.ratio, goal, self.ratio * (self.aa - 1.0));
        self.with_verdict(goal, verdict)
    }

    /// The same for a difference, whose A/A is 1 and what the two controls differ by. Controls
    /// that differ by more than the goal cannot say that it was held.
    pub(crate) fn judged_as_difference(self, goal: Goal) -> Self {
        let off = self.aa - 1.0;
        let verdict = match Verdict::by_margin(self.ratio, goal, off) {
            Verdict::Held if off.abs() > goal.limit() => Verdict::Undecided,
            verdict => verdict,
        };
        self.with_verdict(goal, verdict)
    }

    fn with_verdict(self, goal: Goal, verdict: Verdict) -> Self {
        let (limit, sign) = (goal.limit(), goal.sign());
        Self { goal: Some(limit), goal_sign: Some(sign), verdict: Some(verdict), ..self }
    }

    /// Adds an absolute number.
    pub(crate) fn with(mut self, name: &'static str, number: f64) -> Self {
        self.numbers.insert(name, number);
        self
    }
}

/// A Markdown table under a title.
#[derive(Debug)]
pub(crate) struct Table {
    title: String,
    head: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new(title: String, head: &[&str]) -> Self {
        Self { title, head: head.iter().map(|&cell| cell.to_owned()).collect(), rows: Vec::new() }
    }

    pub(crate) fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    fn markdown(&self) -> String {
        let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
        let rule = vec!["---".to_owned(); self.head.len()];
        let mut text = format!("### {}\n\n{}{}", self.title, line(&self.head), line(&rule));
        self.rows.iter().for_each(|row| text.push_str(&line(row)));
        text
    }
}

fn verdicts(rows: &[Row]) -> Table {
    let mut table = Table::new("Verdicts".into(), &["case", "ratio", "goal", "A/A", "verdict"]);
    for row in rows {
        let goal = match (row.goal_sign, row.goal) {
            (Some(sign), Some(goal)) => format!("{sign} {goal}"),
            _ => "-".into(),
        };
        table.row(vec![
            row.case.clone(),
            format!("{:.3}", row.ratio),
            goal,
            format!("{:.3}", row.aa),
            row.verdict.map_or("-", Verdict::word).into(),
        ]);
    }
    table
}

/// A list item, broken into lines as the project's files are.
fn item(note: &str) -> String {
    let mut lines = vec!["-".to_owned()];
    for word in note.split_ascii_whitespace() {
        match lines.last_mut() {
            Some(line) if line.len() + 1 + word.len() <= COLUMNS => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(format!("  {word}")),
        }
    }
    lines.join("\n")
}

fn machine() -> String {
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpuinfo
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(':'))
        .map_or("unknown CPU", |(_, model)| model.trim());
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!("{model}, {cores} cores, Linux {}", kernel.trim())
}

fn load() -> Result<String> {
    let text = fs::read_to_string("/proc/loadavg").context("/proc/loadavg cannot be read")?;
    Ok(text.split_ascii_whitespace().take(3).collect::<Vec<_>>().join(" "))
}

fn said_by(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    let text = output.map_or_else(|_| Vec::new(), |output| output.stdout);
    String::from_utf8_lossy(&text).trim().to_owned()
}

const COLUMNS: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_carries_its_judgement_and_numbers() {
        let row = Row::new("idle", "a / b".into(), 0.9, 1.0)
            .judged(Goal::AtMost(1.0))
            .with("bytes", 12_400.0);
        let json = serde_json::to_value(&row).unwrap();
        assert_eq!(json["verdict"], "held");
        assert_eq!(json["goal"], 1.0);
        assert_eq!(json["bytes"], 12_400.0);
    }

    #[test]
    fn a_row_without_goal_has_no_verdict() {
        let json = serde_json::to_value(Row::new("idle", "a".into(), 0.9, 1.0)).unwrap();
        assert!(json["verdict"].is_null() && json["goal"].is_null());
    }

    #[test]
    fn a_difference_is_not_judged_by_controls_that_differ_by_more() {
        let verdict = |added: f64, aa: f64| {
            let row = Row::new("swap", "a".into(), added, aa);
            serde_json::to_value(row.judged_as_difference(Goal::AtMost(1.0))).unwrap()["verdict"]
                .clone()
        };
        assert_eq!(verdict(-5.0, 1.5), "held");
        assert_eq!(verdict(-5.0, 2.5), "undecided");
        assert_eq!(verdict(5.0, 1.5), "missed");
        assert_eq!(verdict(5.0, 2.5), "missed");
        assert_eq!(verdict(0.8, 0.5), "undecided");
    }

    #[test]
    fn long_notes_are_broken_and_short_ones_are_not() {
        let long = "word ".repeat(50);
        let broken = item(&long);
        assert!(broken.lines().all(|line| line.len() <= COLUMNS));
        assert_eq!(broken.split_ascii_whitespace().count(), 51);
        assert_eq!(item("two words"), "- two words");
    }

    #[test]
    fn tables_are_markdown() {
        let mut table = Table::new("T".into(), &["a", "b"]);
        table.row(vec!["1".into(), "2".into()]);
        assert_eq!(table.markdown(), "### T\n\n| a | b |\n| --- | --- |\n| 1 | 2 |\n");
    }
}
