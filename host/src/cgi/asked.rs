//! What a CGI server asks this program to serve, as far as the server can be told from its client.
//!
//! Servers split a query without `=` into arguments (RFC 3875 4.4, measured on Apache), so where
//! `GATEWAY_INTERFACE` stands in the environment no argument means anything but the file that the
//! kernel puts in front of them for a script.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use percent_encoding::percent_decode_str;

/// What to serve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// A library, or a script that names one.
    File(PathBuf),
    /// A config file.
    Config(PathBuf),
    /// Nothing was named.
    Nothing,
}

/// What a CGI server asks for; none where this process was not started by one.
pub(crate) fn asked() -> Option<Asked> {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    asked_by(&arguments, |name| std::env::var_os(name))
}

fn asked_by(arguments: &[OsString], variable: impl Fn(&str) -> Option<OsString>) -> Option<Asked> {
    variable("GATEWAY_INTERFACE")?;
    let query = variable("QUERY_STRING").unwrap_or_default();
    let named = match arguments {
        [cgi, file, ..] if cgi == "cgi" && !is_of_query([cgi, file], &query.to_string_lossy()) => {
            Asked::File(file.into())
        }
        _ => match (variable("DSGI_LOAD"), variable("DSGI_CONFIG")) {
            (Some(file), _) => Asked::File(file.into()),
            (None, Some(file)) => Asked::Config(file.into()),
            (None, None) => Asked::Nothing,
        },
    };
    Some(named)
}

/// Whether the first arguments are the first words of a query: then no script stands before them.
fn is_of_query(first: [&OsString; 2], query: &str) -> bool {
    let bare = |text: &OsStr| text.to_string_lossy().replace('\\', "");
    let decoded = |word: &str| percent_decode_str(word).decode_utf8_lossy().replace('\\', "");
    !query.contains('=')
        && first.iter().map(|one| bare(one)).eq(query.split('+').take(2).map(decoded))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked_with(arguments: &[&str], variables: &[(&str, &str)]) -> Option<Asked> {
        let arguments: Vec<OsString> = arguments.iter().map(OsString::from).collect();
        let variable = |wanted: &str| {
            let found = variables.iter().find(|(name, _)| *name == wanted);
            found.map(|(_, value)| OsString::from(value))
        };
        asked_by(&arguments, variable)
    }

    #[test]
    fn no_query_becomes_a_command_line() {
        const CGI: (&str, &str) = ("GATEWAY_INTERFACE", "CGI/1.1");
        const LOAD: (&str, &str) = ("DSGI_LOAD", "app.so");
        let file = |name: &str| Some(Asked::File(name.into()));
        let rows = [
            (vec!["cgi", "a.cgi"], vec![], None),
            (vec!["cgi", "a.cgi"], vec![CGI], file("a.cgi")),
            (vec!["cgi", "a.cgi", "--load", "x.so"], vec![CGI], file("a.cgi")),
            (vec!["--load", "x.so", "--listen", "127.0.0.1:0"], vec![CGI], Some(Asked::Nothing)),
            (vec!["--load", "x.so"], vec![CGI, LOAD], file("app.so")),
            (vec!["deploy", "a", "b"], vec![CGI, ("DSGI_CONFIG", "c.toml")], {
                Some(Asked::Config("c.toml".into()))
            }),
            // The server runs `host` itself, and this came from its client.
            (vec!["cgi", "/x.so"], vec![CGI, LOAD, ("QUERY_STRING", "cgi+/x.so")], file("app.so")),
            (
                vec!["cgi", "/x\\;.so"],
                vec![CGI, LOAD, ("QUERY_STRING", "c%67i+%2Fx;.so+more")],
                file("app.so"),
            ),
            // A script, whose client tries the same.
            (
                vec!["cgi", "/a.cgi", "cgi", "/x.so"],
                vec![CGI, ("QUERY_STRING", "cgi+/x.so")],
                file("/a.cgi"),
            ),
            (vec![], vec![CGI], Some(Asked::Nothing)),
            (vec!["cgi"], vec![CGI], Some(Asked::Nothing)),
        ];
        for (arguments, variables, expected) in rows {
            assert_eq!(asked_with(&arguments, &variables), expected, "{arguments:?} {variables:?}");
        }
    }
}
