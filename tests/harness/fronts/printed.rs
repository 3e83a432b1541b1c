//! The configurations of `docs/gateways.md`, and what a test puts in place of its addresses.
//!
//! A code fence says behind its language which one it is: three backticks, `nginx nginx-fastcgi`.

use crate::harness::project;

/// What stands behind a front, in the words of the document and in those of a test.
#[derive(Clone, Debug, Default)]
pub(crate) struct Places(Vec<(&'static str, String)>);

/// Where every front of the document listens.
pub(super) const FRONT: &str = "127.0.0.1:8000";

/// Where the host of the document listens, in its order.
pub(crate) const DOORS: [&str; 7] = [
    "127.0.0.1:8080",
    "127.0.0.1:9000",
    "127.0.0.1:9001",
    "127.0.0.1:9002",
    "/run/shop/fastcgi.socket",
    "/run/shop/scgi.socket",
    "/run/shop/uwsgi.socket",
];

/// The other addresses, files and users that the document names.
const OTHERS: [&str; 4] = [FRONT, "/run/shop/fcgiwrap.socket", "/srv/shop", "www-data"];

impl Places {
    /// Puts `there` in place of one that the document prints.
    pub(crate) fn with(mut self, printed: &'static str, there: impl ToString) -> Self {
        assert!(
            DOORS.iter().chain(&OTHERS).any(|known| *known == printed),
            "no configuration names {printed}"
        );
        self.0.push((printed, there.to_string()));
        self
    }

    /// A text with what a test has in place of what is printed. Address and port may stand apart.
    pub(crate) fn put_into(&self, text: &str) -> String {
        let ports = |(printed, there): &(&'static str, String)| match (
            printed.split_once(':'),
            there.split_once(':'),
        ) {
            (Some((_, printed)), Some((_, there))) => (printed, there.to_owned()),
            _ => (*printed, there.clone()),
        };
        let replaced: Vec<_> = self.0.iter().map(ports).collect();
        // Not by one word after the other: what is put in may look like what another one replaces.
        let mut text = text.to_owned();
        for (number, (printed, _)) in replaced.iter().enumerate() {
            text = text.replace(printed, &format!("\u{1}{number}\u{2}"));
        }
        for (number, (_, there)) in replaced.iter().enumerate() {
            text = text.replace(&format!("\u{1}{number}\u{2}"), there);
        }
        text
    }
}

/// The configuration of this name.
pub(crate) fn configuration(name: &str) -> String {
    let file = project().join("docs/gateways.md");
    let text = std::fs::read_to_string(file).expect("the document");
    found(&text, name).unwrap_or_else(|| panic!("docs/gateways.md prints no `{name}`"))
}

fn found(text: &str, name: &str) -> Option<String> {
    let is_it = |line: &&str| {
        line.strip_prefix("```").is_some_and(|info| info.split(' ').nth(1) == Some(name))
    };
    let mut lines = text.lines().skip_while(|line| !is_it(line)).skip(1).peekable();
    lines.peek()?;
    Some(
        lines.take_while(|line| !line.starts_with("```")).map(|line| format!("{line}\n")).collect(),
    )
}

/// The names of all configurations that the document prints.
pub(crate) fn names() -> Vec<String> {
    let file = project().join("docs/gateways.md");
    let text = std::fs::read_to_string(file).expect("the document");
    let infos = text.lines().filter_map(|line| line.strip_prefix("```"));
    infos.filter_map(|info| info.split(' ').nth(1)).map(ToOwned::to_owned).collect()
}

#[test]
fn a_configuration_is_found_by_its_name() {
    let text = "a\n```sh\nno\n```\n```nginx one\nlisten 8000;\nto 127.0.0.1:9000;\n```\nb\n";
    assert_eq!(found(text, "two"), None);
    let one = found(text, "one").unwrap();
    let places = Places::default().with("127.0.0.1:9000", "127.0.0.1:8000");
    let places = places.with(FRONT, "127.0.0.1:9000");
    assert_eq!(places.put_into(&one), "listen 9000;\nto 127.0.0.1:8000;\n");
}
