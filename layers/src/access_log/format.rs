//! What a line of the log looks like: the two formats that every tool reads, JSON, or a template.

use std::fmt::Write as _;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How a line is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// Fields of the request and texts between them.
    Template(Vec<Part>),
    /// One object on a line.
    Json,
}

/// One piece of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Text(String),
    Field(Field),
    /// A header field of the request, by its CGI name.
    Header(String),
}

/// What is known of a request and its response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    /// Address of the client.
    Peer,
    /// Who it says it is, `-` when nobody has asked.
    User,
    /// When the request came, as `10/Oct/2000:13:55:36 +0000`.
    Time,
    /// The same as `2000-10-10T13:55:36.123Z`.
    Timestamp,
    /// Method, target and protocol.
    Request,
    Method,
    Target,
    Path,
    Protocol,
    /// Status that was sent; 0 when none was.
    Status,
    /// Bytes of the body that were handed to the transport.
    Bytes,
    /// The same, `-` for none.
    BytesOrDash,
    /// Milliseconds with three digits behind the point, from the call to the end.
    Duration,
    /// `completed`, `client_gone` or `failed`.
    Outcome,
    /// Generation of the application.
    Generation,
}

/// Names of fields in a template.
const FIELDS: [(&str, Field); 15] = [
    ("peer", Field::Peer),
    ("user", Field::User),
    ("time", Field::Time),
    ("timestamp", Field::Timestamp),
    ("request", Field::Request),
    ("method", Field::Method),
    ("target", Field::Target),
    ("path", Field::Path),
    ("protocol", Field::Protocol),
    ("status", Field::Status),
    ("bytes", Field::Bytes),
    ("bytes_or_dash", Field::BytesOrDash),
    ("duration", Field::Duration),
    ("outcome", Field::Outcome),
    ("generation", Field::Generation),
];

const COMMON: &str = "{peer} - {user} [{time}] \"{request}\" {status} {bytes_or_dash}";
const COMBINED_REST: &str = " \"{header:Referer}\" \"{header:User-Agent}\"";

/// One line's worth of facts.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) peer: String,
    pub(super) user: String,
    pub(super) began: SystemTime,
    pub(super) took: Duration,
    pub(super) method: String,
    pub(super) target: String,
    pub(super) path: String,
    pub(super) protocol: String,
    pub(super) generation: String,
    pub(super) status: u16,
    pub(super) bytes: u64,
    pub(super) outcome: &'static str,
    /// Header fields that the format asks for, in its order; empty when absent.
    pub(super) headers: Vec<String>,
}

impl Format {
    /// `common`, `combined`, `json`, or a template.
    ///
    /// # Errors
    /// A template that names what there is not.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        match text {
            "common" => template(COMMON),
            "combined" => template(&format!("{COMMON}{COMBINED_REST}")),
            "json" => Ok(Self::Json),
            text if text.contains('{') => template(text),
            other => Err(format!(
                "`{other}` is no format: it is common, combined, json or a template like \
                 `{{peer}} {{status}}`"
            )),
        }
    }

    /// CGI names of the header fields that a line needs.
    pub(super) fn headers(&self) -> Vec<String> {
        match self {
            Self::Json => ["HTTP_REFERER", "HTTP_USER_AGENT", "HTTP_X_REQUEST_ID"]
                .map(ToOwned::to_owned)
                .to_vec(),
            Self::Template(parts) => parts.iter().filter_map(Part::header).collect(),
        }
    }

    /// Whether a line says the application's generation, which is not there for nothing.
    pub(super) fn tells_generation(&self) -> bool {
        matches!(self, Self::Template(parts) if parts.contains(&Part::Field(Field::Generation)))
    }

    /// The line, with its end.
    pub(super) fn line(&self, entry: &Entry) -> String {
        let mut line = String::with_capacity(256);
        match self {
            Self::Json => json(&mut line, entry),
            Self::Template(parts) => {
                let mut headers = entry.headers.iter();
                for part in parts {
                    match part {
                        Part::Text(text) => line.push_str(text),
                        Part::Header(_) => {
                            escape(&mut line, or_dash(headers.next().map_or("", |it| it)));
                        }
                        Part::Field(field) => field.put(&mut line, entry),
                    }
                }
            }
        }
        line.push('\n');
        line
    }
}

impl Part {
    fn header(&self) -> Option<String> {
        match self {
            Self::Header(name) => Some(name.clone()),
            Self::Text(_) | Self::Field(_) => None,
        }
    }
}

fn template(text: &str) -> Result<Format, String> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}').ok_or("a brace of the format is not closed")?;
        parts.push(Part::Text(before.to_owned()));
        parts.push(match name.strip_prefix("header:") {
            Some(header) => {
                let name = header.to_ascii_uppercase().replace('-', "_");
                Part::Header(format!("HTTP_{name}"))
            }
            None => Part::Field(field(name)?),
        });
        rest = after;
    }
    parts.push(Part::Text(rest.to_owned()));
    parts.retain(|part| !matches!(part, Part::Text(text) if text.is_empty()));
    Ok(Format::Template(parts))
}

fn field(name: &str) -> Result<Field, String> {
    let known = FIELDS.iter().find(|(known, _)| *known == name);
    known.map(|(_, field)| *field).ok_or_else(|| {
        let names: Vec<&str> = FIELDS.iter().map(|(name, _)| *name).collect();
        format!("the format has no `{{{name}}}`: it has {}, header:NAME", names.join(", "))
    })
}

impl Field {
    fn put(self, line: &mut String, entry: &Entry) {
        // Writing to a string never fails.
        let _ = match self {
            Self::Peer => return escape(line, or_dash(&entry.peer)),
            Self::User => return escape(line, or_dash(&entry.user)),
            Self::Time => return common_time(line, entry.began),
            Self::Timestamp => return timestamp(line, entry.began),
            Self::Request => {
                escape(line, &entry.method);
                line.push(' ');
                escape(line, &entry.target);
                line.push(' ');
                return escape(line, &entry.protocol);
            }
            Self::Method => return escape(line, &entry.method),
            Self::Target => return escape(line, &entry.target),
            Self::Path => return escape(line, &entry.path),
            Self::Protocol => return escape(line, &entry.protocol),
            Self::Status => write!(line, "{}", entry.status),
            Self::BytesOrDash if entry.bytes == 0 => write!(line, "-"),
            Self::Bytes | Self::BytesOrDash => write!(line, "{}", entry.bytes),
            Self::Duration => write!(line, "{:.3}", entry.took.as_secs_f64() * 1000.0),
            Self::Outcome => write!(line, "{}", entry.outcome),
            Self::Generation => write!(line, "{}", entry.generation),
        };
    }
}

fn or_dash(text: &str) -> &str {
    if text.is_empty() { "-" } else { text }
}

/// What a client sends must neither end a line nor a quoted text: everything but plain characters
/// is written as `\xHH`, as other servers do.
fn escape(line: &mut String, text: &str) {
    for byte in text.bytes() {
        match byte {
            b'"' | b'\\' | ..=0x1f | 0x7f.. => {
                let _ = write!(line, "\\x{byte:02X}");
            }
            plain => line.push(char::from(plain)),
        }
    }
}

#[derive(serde::Serialize)]
struct Object<'a> {
    time: String,
    peer: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    user: &'a str,
    method: &'a str,
    target: &'a str,
    protocol: &'a str,
    status: u16,
    bytes: u64,
    duration_ms: f64,
    outcome: &'static str,
    #[serde(skip_serializing_if = "str::is_empty")]
    referer: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    user_agent: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    request_id: &'a str,
}

fn json(line: &mut String, entry: &Entry) {
    let header = |at: usize| entry.headers.get(at).map_or("", |value| value);
    let mut time = String::new();
    timestamp(&mut time, entry.began);
    let object = Object {
        time,
        peer: &entry.peer,
        user: &entry.user,
        method: &entry.method,
        target: &entry.target,
        protocol: &entry.protocol,
        status: entry.status,
        bytes: entry.bytes,
        duration_ms: (entry.took.as_secs_f64() * 1_000_000.0).round() / 1000.0,
        outcome: entry.outcome,
        referer: header(0),
        user_agent: header(1),
        request_id: header(2),
    };
    // Texts and numbers only: nothing of it can fail.
    line.push_str(&serde_json::to_string(&object).unwrap_or_default());
}

/// Year, month, day and second of the day, by the civil calendar, in UTC.
fn civil(time: SystemTime) -> (u64, u64, u64, u64) {
    let seconds = time.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs();
    // Days since 0000-03-01, in eras of 400 years: leap days are at the end of each year.
    let days = seconds / 86_400 + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day, seconds % 86_400)
}

fn common_time(line: &mut String, time: SystemTime) {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let (year, month, day, second) = civil(time);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    let month = MONTHS[month as usize - 1];
    let _ = write!(line, "{day:02}/{month}/{year:04}:{hour:02}:{minute:02}:{second:02} +0000");
}

fn timestamp(line: &mut String, time: SystemTime) {
    let (year, month, day, second) = civil(time);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    let milliseconds = time.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO).subsec_millis();
    let _ = write!(
        line,
        "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milliseconds:03}Z"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> Entry {
        Entry {
            peer: String::from("192.0.2.7"),
            user: String::new(),
            began: UNIX_EPOCH + Duration::from_millis(971_186_136_123),
            took: Duration::from_micros(1500),
            method: String::from("GET"),
            target: String::from("/a?b=\"c\""),
            path: String::from("/a"),
            protocol: String::from("HTTP/1.1"),
            generation: String::from("3"),
            status: 200,
            bytes: 2326,
            outcome: "completed",
            headers: vec![String::new(), String::from("curl/8\n")],
        }
    }

    fn line(format: &str) -> String {
        Format::parse(format).unwrap().line(&entry())
    }

    #[test]
    fn lines_are_what_tools_expect() {
        let common = "192.0.2.7 - - [10/Oct/2000:13:55:36 +0000] \"GET /a?b=\\x22c\\x22 HTTP/1.1\" \
                      200 2326";
        assert_eq!(line("common"), format!("{common}\n"));
        assert_eq!(line("combined"), format!("{common} \"-\" \"curl/8\\x0A\"\n"));
        assert_eq!(
            line("{timestamp} {status} {duration} {outcome} {generation}{path}"),
            "2000-10-10T13:55:36.123Z 200 1.500 completed 3/a\n"
        );
        assert_eq!(line("{header:X} <{header:User-Agent}>"), "- <curl/8\\x0A>\n");
        assert_eq!(
            line("json"),
            "{\"time\":\"2000-10-10T13:55:36.123Z\",\"peer\":\"192.0.2.7\",\"method\":\"GET\",\
             \"target\":\"/a?b=\\\"c\\\"\",\"protocol\":\"HTTP/1.1\",\"status\":200,\
             \"bytes\":2326,\"duration_ms\":1.5,\"outcome\":\"completed\",\
             \"user_agent\":\"curl/8\\n\"}\n"
        );
        let empty = Entry { bytes: 0, ..entry() };
        let common = Format::parse("common").unwrap().line(&empty);
        assert!(common.ends_with(" 200 -\n"), "{common}");
    }

    #[test]
    fn a_wrong_format_is_refused_by_name() {
        let refused = |text: &str| Format::parse(text).unwrap_err();
        assert!(refused("apache").starts_with("`apache` is no format"));
        assert!(refused("{size}").starts_with("the format has no `{size}`: it has peer, user"));
        assert_eq!(refused("{peer"), "a brace of the format is not closed");
    }

    #[test]
    fn dates_follow_the_calendar() {
        for (seconds, expected) in [
            (0, "01/Jan/1970:00:00:00 +0000"),
            (951_782_399, "28/Feb/2000:23:59:59 +0000"),
            (951_782_400, "29/Feb/2000:00:00:00 +0000"),
            (978_307_199, "31/Dec/2000:23:59:59 +0000"),
            (4_107_542_400, "01/Mar/2100:00:00:00 +0000"),
            (4_107_542_399, "28/Feb/2100:23:59:59 +0000"),
        ] {
            let mut said = String::new();
            common_time(&mut said, UNIX_EPOCH + Duration::from_secs(seconds));
            assert_eq!(said, expected);
        }
    }
}
