//! The session's cookie, in both directions.

use std::time::Duration;

use serde::Deserialize;

/// What a cookie is sent with.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Cookie {
    pub(crate) name: String,
    pub(crate) path: String,
    /// Which hosts it is for; the one that gives it, if none is named.
    domain: Option<String>,
    same_site: SameSite,
    /// Whether a browser sends it over HTTPS only (and to its own machine).
    secure: bool,
}

/// Which requests that other sites cause carry it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum SameSite {
    /// None.
    Strict,
    /// Links that a visitor follows.
    #[default]
    Lax,
    /// All.
    None,
}

impl Default for Cookie {
    fn default() -> Self {
        Self {
            name: "session".to_owned(),
            path: "/".to_owned(),
            domain: None,
            same_site: SameSite::Lax,
            secure: true,
        }
    }
}

impl Cookie {
    /// Why no browser would keep it, if that is so.
    pub(crate) fn fault(&self) -> Option<String> {
        let is_token =
            |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        if self.name.is_empty() || !self.name.bytes().all(is_token) {
            return Some(format!("cookie.name: `{}` is no name of a cookie", self.name));
        }
        let is_plain = |byte: u8| byte.is_ascii_graphic() && byte != b';';
        let texts = [("path", Some(&self.path)), ("domain", self.domain.as_ref())];
        let bad = texts.into_iter().find(|(_, text)| !text.is_none_or(|t| t.bytes().all(is_plain)));
        if let Some((key, _)) = bad {
            return Some(format!("cookie.{key}: a character that a cookie cannot have"));
        }
        let is_for_one_host = self.secure && self.path == "/" && self.domain.is_none();
        if self.name.starts_with("__Host-") && !is_for_one_host {
            return Some("cookie.name: __Host- wants secure, the path / and no domain".to_owned());
        }
        if self.same_site == SameSite::None && !self.secure {
            return Some("cookie.same_site: none wants secure".to_owned());
        }
        None
    }

    /// Its values in the field `Cookie`: usually one, but another one of the same name may come
    /// from a longer path or a wider domain.
    pub(crate) fn values<'a>(&'a self, field: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
        field.split(|byte| *byte == b';').filter_map(|pair| {
            let pair = pair.trim_ascii();
            let (name, value) = pair.split_at(pair.iter().position(|byte| *byte == b'=')?);
            (name == self.name.as_bytes()).then_some(&value[1..])
        })
    }

    /// The field `Set-Cookie` that gives it.
    pub(crate) fn give(&self, value: &str, lifetime: Duration) -> String {
        let mut text = format!("{}={value}; Path={}", self.name, self.path);
        if let Some(domain) = &self.domain {
            text.push_str("; Domain=");
            text.push_str(domain);
        }
        text.push_str(&format!("; Max-Age={}; HttpOnly", lifetime.as_secs()));
        if self.secure {
            text.push_str("; Secure");
        }
        text.push_str(match self.same_site {
            SameSite::Strict => "; SameSite=Strict",
            SameSite::Lax => "; SameSite=Lax",
            SameSite::None => "; SameSite=None",
        });
        text
    }

    /// The field `Set-Cookie` that takes it away.
    pub(crate) fn take(&self) -> String {
        self.give("", Duration::ZERO)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_careful_by_default() {
        let cookie = Cookie::default();
        let given = cookie.give("abc", Duration::from_secs(60));
        let all = "session=abc; Path=/; Max-Age=60; HttpOnly; Secure; SameSite=Lax";
        assert_eq!((given.as_str(), cookie.fault()), (all, None));
        let taken = "session=; Path=/; Max-Age=0; HttpOnly; Secure; SameSite=Lax";
        assert_eq!(cookie.take(), taken);
    }

    #[test]
    fn its_values_are_found_among_others() {
        let cookie = Cookie::default();
        let values = |field: &'static str| -> Vec<&[u8]> {
            cookie.values(field.as_bytes()).collect::<Vec<_>>()
        };
        assert_eq!(values("a=1; session=x=y;session=z ; xsession=n"), [&b"x=y"[..], b"z"]);
        assert!(values("session; =session; a=session=1").is_empty());
    }

    #[test]
    fn what_no_browser_keeps_is_refused() {
        let faults = [
            Cookie { name: "a b".to_owned(), ..Cookie::default() },
            Cookie { path: "/;".to_owned(), ..Cookie::default() },
            Cookie { domain: Some("a\n".to_owned()), ..Cookie::default() },
            Cookie { name: "__Host-a".to_owned(), path: "/a".to_owned(), ..Cookie::default() },
            Cookie { same_site: SameSite::None, secure: false, ..Cookie::default() },
        ];
        for cookie in faults {
            assert!(cookie.fault().is_some(), "{cookie:?}");
        }
    }
}
