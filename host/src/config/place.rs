//! Where in a config something stands, and how a mistake there is shown.
//!
//! The texts of all files lie one after the other, and a place is an offset in them: values keep
//! theirs when files are put together. Invariant: no file is empty of places, so that the end of
//! one is not the beginning of the next.

use std::error::Error;
use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use crate::failure::on_one_line;
use crate::limits::CONFIG_MISTAKES;

/// From one offset to another in all that was read.
pub(super) type Span = Range<usize>;

/// The files of a config, in the order in which they were read.
#[derive(Debug, Default)]
pub(super) struct Sources {
    files: Vec<Source>,
}

/// One file.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) path: PathBuf,
    pub(super) text: String,
    /// Where its text begins among all.
    pub(super) start: usize,
    /// Where its lines begin in its own text.
    lines: Vec<usize>,
}

/// Something that is wrong, where it stands.
#[derive(Clone, Debug)]
pub(super) struct Mistake {
    at: Span,
    what: String,
    help: Option<String>,
    /// What it is at odds with, and in which way.
    other: Option<(Span, &'static str)>,
}

/// What is wrong with a config: at least one thing, in the order of reading.
#[derive(Debug)]
pub(crate) struct Mistakes {
    shown: Vec<Shown>,
    /// So many more were found.
    hidden: usize,
    file: PathBuf,
}

/// A mistake as people see it.
#[derive(Debug)]
struct Shown {
    /// File, line and column.
    place: String,
    what: String,
    help: Option<String>,
    /// With the line it stands in.
    picture: String,
}

/// Bytes of a line that are shown after a mistake.
const LINE_AFTER: usize = 200;

impl Mistake {
    pub(super) fn new(at: Span, what: impl Into<String>) -> Self {
        Self { at, what: what.into(), help: None, other: None }
    }

    /// What the user can do.
    pub(super) fn help(self, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..self }
    }

    /// Whether this place was told with it.
    pub(super) const fn lies_in(&self, at: &Span) -> bool {
        at.start <= self.at.start && self.at.end <= at.end
    }

    pub(super) fn maybe_help(self, help: Option<String>) -> Self {
        Self { help, ..self }
    }

    /// Shows another place beside it.
    pub(super) fn beside(self, other: Span, label: &'static str) -> Self {
        Self { other: Some((other, label)), ..self }
    }
}

impl Sources {
    /// Adds a file, and gives its number.
    pub(super) fn add(&mut self, path: &Path, text: String) -> usize {
        let start = self.files.last().map_or(0, |last| last.start + last.text.len() + 1);
        let ends = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let lines = std::iter::once(0).chain(ends.map(|(at, _)| at + 1)).collect();
        self.files.push(Source { path: path.to_path_buf(), text, start, lines });
        self.files.len() - 1
    }

    pub(super) fn files(&self) -> &[Source] {
        &self.files
    }

    /// The file that a place lies in.
    pub(super) fn file(&self, at: &Span) -> &Source {
        let after = self.files.partition_point(|file| file.start <= at.start);
        &self.files[after.saturating_sub(1)]
    }

    /// A path is meant from where the file lies that names it.
    pub(super) fn beside(&self, at: &Span, path: &Path) -> PathBuf {
        self.file(at).folder().join(path)
    }

    /// What is written at a place.
    pub(super) fn written(&self, at: &Span) -> &str {
        let file = self.file(at);
        file.text.get(at.start - file.start..at.end - file.start).unwrap_or_default()
    }

    /// File, line and column.
    pub(super) fn place(&self, at: &Span) -> String {
        let file = self.file(at);
        let (line, number) = file.line(at);
        let before = file.text.get(line.start..at.start - file.start).unwrap_or_default();
        format!("{}:{number}:{}", file.path.display(), before.chars().count() + 1)
    }

    /// These mistakes as they are shown, in the order of reading.
    pub(super) fn show(&self, mut mistakes: Vec<Mistake>) -> Mistakes {
        mistakes.sort_by_key(|mistake| mistake.at.start);
        let hidden = mistakes.len().saturating_sub(CONFIG_MISTAKES);
        mistakes.truncate(CONFIG_MISTAKES);
        let shown = mistakes.iter().map(|mistake| self.shown(mistake)).collect();
        let file = self.files.first().map(|file| file.path.clone()).unwrap_or_default();
        Mistakes { shown, hidden, file }
    }

    fn shown(&self, mistake: &Mistake) -> Shown {
        let Mistake { at, what, help, other } = mistake;
        let what = on_one_line(what);
        let help = help.as_deref().map(on_one_line);
        let mut group = Level::ERROR.primary_title(&*what).element(self.snippet(at, None));
        if let Some((other, label)) = other {
            group = group.element(self.snippet(other, Some(label)));
        }
        let mut report = vec![group];
        if let Some(help) = &help {
            report.push(Group::with_title(Level::HELP.secondary_title(&**help)));
        }
        // It shows the control characters of ASCII as pictures, and leaves those of Latin-1.
        let picture = Renderer::plain().render(&report);
        let picture = picture.replace(|one: char| one.is_control() && one != '\n', "\u{fffd}");
        Shown { place: self.place(at), what, help, picture }
    }

    /// The line of a place, marked.
    fn snippet(
        &self,
        at: &Span,
        label: Option<&'static str>,
    ) -> Snippet<'_, annotate_snippets::Annotation<'_>> {
        let file = self.file(at);
        let (line, number) = file.line(at);
        let within = |offset: usize| offset.saturating_sub(file.start + line.start);
        let text = file.text[line.clone()].trim_end_matches(['\r', '\n']);
        let start = text.floor_char_boundary(within(at.start));
        let span = start..text.ceil_char_boundary(within(at.end)).max(start);
        // A line may be as long as a file, of which a terminal shows the least part.
        let text = &text[..text.ceil_char_boundary(span.end + LINE_AFTER)];
        let kind = match label {
            None => AnnotationKind::Primary,
            Some(_) => AnnotationKind::Context,
        };
        Snippet::source(text)
            .line_start(number)
            .path(file.path.display().to_string())
            .annotation(kind.span(span).label(label))
    }
}

impl Source {
    pub(super) fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new(""))
    }

    /// The line of a place, with its end, and its number.
    fn line(&self, at: &Span) -> (Span, usize) {
        let number = self.lines.partition_point(|line| self.start + line <= at.start);
        let start = self.lines[number.saturating_sub(1)];
        let end = self.lines.get(number).copied().unwrap_or(self.text.len());
        (start..end, number)
    }
}

impl Mistakes {
    /// What the user can do about the first.
    pub(crate) fn help(&self) -> Option<String> {
        self.shown.first()?.help.clone()
    }

    /// The first with its line, and how many more there are.
    pub(crate) fn picture(&self) -> String {
        let first = self.shown.first().map(|shown| &*shown.picture).unwrap_or_default();
        let more = (self.shown.len() + self.hidden).saturating_sub(1);
        let file = self.file.display();
        match more {
            0 => first.to_owned(),
            1 => format!("{first}\nnote: `host check {file}` shows one more mistake"),
            _ => format!("{first}\nnote: `host check {file}` shows {more} more mistakes"),
        }
    }

    /// All of them, each with its line.
    pub(crate) fn pictures(&self) -> String {
        let mut all: Vec<&str> = self.shown.iter().map(|shown| &*shown.picture).collect();
        let more = format!("note: {} more are not shown", self.hidden);
        all.extend((self.hidden > 0).then_some(&*more));
        all.join("\n\n")
    }
}

impl Error for Mistakes {}

/// The first on one line.
impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(Shown { place, what, .. }) = self.shown.first() else { return Ok(()) };
        write!(f, "`{place}`: {what}")
    }
}
