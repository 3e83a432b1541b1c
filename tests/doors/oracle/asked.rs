//! Requests as the generator makes them, and smaller ones of each.

/// A request, without what belongs to a door.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Asked {
    pub(super) method: String,
    pub(super) target: String,
    pub(super) fields: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
    pub(super) length: Length,
}

impl Asked {
    /// Its first line, for whoever is told of a failure.
    pub(super) fn shown(&self) -> String {
        format!("{} {} with {} bytes", self.method, self.target, self.body.len())
    }
}

/// What is said of the body before it comes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Length {
    /// There is none.
    None,
    Declared,
    /// It comes in chunks.
    Open,
}

/// Numbers by a seed (splitmix64).
#[derive(Debug)]
pub(super) struct Dice(u64);

impl Dice {
    pub(super) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).expect("below the end")
    }

    fn one<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }
}

const METHODS: [&str; 9] =
    ["GET", "GET", "GET", "POST", "PUT", "DELETE", "PATCH", "PROPFIND", "BREW"];

/// Parts of paths: what means something somewhere on the way, more often than what does not.
const PARTS: [&str; 24] = [
    "/", "/", "//", "a", "b.c", "~d", "%2F", "%2f", "%20", "%25", "%c3%a9", "%C3", "%ff", ";a=1",
    ":", "@", "+", "!$&'()*", ",", "=", "-_", ".", "%3F", "%23",
];

/// These are refused, some of them at some places.
const ODD: [&str; 4] = ["/../", "/./", "%00", "%2e%2e/"];

const QUERIES: [&str; 12] =
    ["a=1", "&", "=", "?", "/", "%00", "%", "+", "a[]=b", "%c3%a9", "&&a", ";"];

const NAMES: [&str; 12] = [
    "X-A",
    "x-b",
    "x-b",
    "X-C-D",
    "Accept",
    "User-Agent",
    "Cookie",
    "cookie",
    "Content-Type",
    "Proxy",
    "Range",
    "X-Forwarded-For",
];

const VALUES: [&str; 12] = [
    "",
    "1",
    "a b",
    "a,  b",
    "a; b=\"c\"",
    "a=1",
    "b=2; c=3",
    "\u{e9}",
    "\t:=",
    "text/plain",
    "0x",
    "<script>",
];

impl Asked {
    pub(super) fn any(dice: &mut Dice) -> Self {
        let mut target = String::from("/");
        for _ in 0..dice.below(6) {
            let odd = dice.below(60) == 0;
            target.push_str(if odd { dice.one(&ODD) } else { dice.one(&PARTS) });
        }
        if dice.below(2) == 0 {
            target.push('?');
            (0..dice.below(4)).for_each(|_| target.push_str(dice.one(&QUERIES)));
        }
        let mut fields = Vec::new();
        for _ in 0..dice.below(6) {
            let (name, value) = (dice.one(&NAMES), dice.one(&VALUES));
            // One that is there twice is not the same everywhere, and has no meaning.
            let once = name == "Content-Type" && fields.iter().any(|(known, _)| known == name);
            let value = value.trim_matches('\t');
            // Empty is absent where it is a variable of its own.
            let absent = name == "Content-Type" && value.is_empty();
            if !once && !absent {
                fields.push((name.to_owned(), value.to_owned()));
            }
        }
        let mut length = dice.one(&[Length::None, Length::None, Length::Declared, Length::Open]);
        // Whoever is refused before the body may find the connection closed over it.
        if ODD.iter().any(|odd| target.contains(odd)) || target.contains('.') {
            length = Length::None;
        }
        let size = dice.one(&[0, 1, 10, 300, 5_000, 70_000]);
        let body = match length {
            Length::None => Vec::new(),
            _ => (0..size).map(|_| dice.next().to_le_bytes()[0]).collect(),
        };
        let method = dice.one(&METHODS).to_owned();
        Self { method, target, fields, body, length }
    }

    /// The same with a body of letters only: what a process writes is kept as text here.
    pub(super) fn with_text(mut self) -> Self {
        self.body.iter_mut().for_each(|byte| *byte = b'a' + *byte % 26);
        self
    }

    pub(super) fn is_open(&self) -> bool {
        self.length == Length::Open
    }

    /// Requests that have less, the most of it first.
    pub(super) fn smaller(&self) -> Vec<Self> {
        let mut all = Vec::new();
        let with = |change: &dyn Fn(&mut Self)| {
            let mut smaller = self.clone();
            change(&mut smaller);
            smaller
        };
        all.push(with(&|it| (it.length, it.body) = (Length::None, Vec::new())));
        all.push(with(&|it| it.length = if it.is_open() { Length::Declared } else { it.length }));
        for size in [1, self.body.len() / 2, self.body.len().saturating_sub(1)] {
            if self.length != Length::None && size > 0 {
                all.push(with(&|it| it.body.truncate(size)));
            }
        }
        for index in 0..self.fields.len() {
            all.push(with(&|it| drop(it.fields.remove(index))));
            all.push(with(&|it| it.fields[index].1 = String::from("1")));
        }
        all.push(with(&|it| it.method = String::from("GET")));
        let (path, query) = self.target.split_once('?').unwrap_or((&self.target, ""));
        all.push(with(&|it| it.target = path.to_owned()));
        for (at, _) in path.char_indices().skip(1) {
            // Whole escapes only, so that what is left is a target.
            let rest = if path[at..].starts_with('%') { at + 3 } else { at + 1 };
            if let (false, Some(rest)) = (path[..at].ends_with('%'), path.get(rest..)) {
                all.push(with(&|it| it.target = format!("{}{rest}", &path[..at])));
            }
        }
        if !query.is_empty() {
            all.push(with(&|it| it.target = format!("{path}?{}", &query[1..])));
        }
        all.retain(|smaller| smaller != self);
        all
    }
}
