//! Lets pages of other origins in, by the rules of the Fetch standard (3.2, CORS protocol).
//!
//! A browser asks on behalf of a page, and hands the answer to the page only if the answer says so.
//! Before it sends what a plain form could not, it asks by `OPTIONS`: such a preflight is answered
//! here and never reaches the application.

use dsgi::{
    Body, Environ, Error, Flavour, Head, Inner, Middleware, Purpose, Request, StartResponse,
};

use crate::vary;

/// The layer `cors`.
///
/// | key | default | what |
/// |---|---|---|
/// | `origins` | none | `["https://a.example"]`, or `["*"]` for all |
/// | `methods` | `["GET", "HEAD", "POST"]` | what pages may ask for |
/// | `headers` | `[]` | fields that pages may set, or `["*"]` for those that they ask for |
/// | `expose` | `[]` | fields of responses that pages may read beside the usual ones |
/// | `credentials` | `"omit"` | or `"include"`: cookies and the like, not with all origins |
/// | `max_age` | 600 | seconds for which a browser may remember a preflight |
#[derive(Debug)]
pub struct Cors {
    origins: Origins,
    methods: String,
    headers: Headers,
    expose: String,
    credentials: Credentials,
    max_age: String,
}

/// The config of [`Cors`].
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    origins: Vec<String>,
    methods: Vec<String>,
    headers: Vec<String>,
    expose: Vec<String>,
    credentials: Credentials,
    max_age: u32,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
enum Credentials {
    #[default]
    Omit,
    Include,
}

#[derive(Debug)]
enum Origins {
    All,
    Named(Vec<String>),
}

#[derive(Debug)]
enum Headers {
    AsAsked,
    Named(String),
}

/// What a response says of an origin.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Allowed {
    All,
    /// This one only.
    One(String),
    No,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            origins: Vec::new(),
            methods: ["GET", "HEAD", "POST"].map(ToOwned::to_owned).into(),
            headers: Vec::new(),
            expose: Vec::new(),
            credentials: Credentials::Omit,
            max_age: 600,
        }
    }
}

impl Middleware for Cors {
    type Config = Config;

    const FLAVOUR: Flavour = Flavour::NonBlocking;

    fn init(config: Config, _: Purpose) -> dsgi::Result<Self> {
        let origins = origins(config.origins)?;
        if matches!(origins, Origins::All) && config.credentials == Credentials::Include {
            return Err(Error::new(
                "credentials cannot go with all origins: any page could act for its visitor; name \
                 the origins",
            ));
        }
        let headers = match &*config.headers {
            [all] if all == "*" => Headers::AsAsked,
            named => Headers::Named(named.join(", ")),
        };
        Ok(Self {
            origins,
            methods: config.methods.join(", "),
            headers,
            expose: config.expose.join(", "),
            credentials: config.credentials,
            max_age: config.max_age.to_string(),
        })
    }

    /// Where the answer depends on the origin, caches must be told with every response.
    fn concerns(&self, request: &Request<'_>) -> bool {
        matches!(self.origins, Origins::Named(_)) || request.header("origin").is_some()
    }

    fn call(
        &self,
        inner: Inner,
        environ: Environ,
        start_response: StartResponse,
    ) -> dsgi::Result<Body> {
        let allowed = self.allowed(environ.get("HTTP_ORIGIN"));
        let is_preflight = environ.get_bytes("REQUEST_METHOD") == Some(b"OPTIONS")
            && environ.get("HTTP_ORIGIN").is_some()
            && environ.get("HTTP_ACCESS_CONTROL_REQUEST_METHOD").is_some();
        if is_preflight {
            let asked = environ.get("HTTP_ACCESS_CONTROL_REQUEST_HEADERS");
            let mut head = Head::new(204);
            self.preflight(&mut head, &allowed, asked);
            return dsgi::Response { head, body: Body::empty() }.send(start_response);
        }
        let (expose, credentials) = (self.expose.clone(), self.credentials);
        inner(
            environ,
            start_response.edit(move |head| {
                allow(head, &allowed, credentials);
                if !expose.is_empty() && allowed != Allowed::No {
                    head.set("Access-Control-Expose-Headers", &expose);
                }
            }),
        )
    }
}

impl Cors {
    fn allowed(&self, origin: Option<&str>) -> Allowed {
        match (&self.origins, origin) {
            (Origins::All, _) => Allowed::All,
            // Byte for byte: an origin has one form, and no other one is it.
            (Origins::Named(origins), Some(origin)) if origins.iter().any(|it| it == origin) => {
                Allowed::One(origin.to_owned())
            }
            (Origins::Named(_), _) => Allowed::No,
        }
    }

    fn preflight(&self, head: &mut Head, allowed: &Allowed, asked: Option<&str>) {
        allow(head, allowed, self.credentials);
        if matches!(self.headers, Headers::AsAsked) {
            vary::add(head, "Access-Control-Request-Headers");
        }
        if *allowed == Allowed::No {
            return;
        }
        head.set("Access-Control-Allow-Methods", &self.methods);
        let headers = match &self.headers {
            Headers::AsAsked => asked.unwrap_or_default(),
            Headers::Named(named) => named,
        };
        if !headers.is_empty() {
            head.set("Access-Control-Allow-Headers", headers);
        }
        head.set("Access-Control-Max-Age", &self.max_age);
    }
}

fn allow(head: &mut Head, allowed: &Allowed, credentials: Credentials) {
    match allowed {
        Allowed::All => head.set("Access-Control-Allow-Origin", "*"),
        Allowed::One(origin) => {
            head.set("Access-Control-Allow-Origin", origin);
            if credentials == Credentials::Include {
                head.set("Access-Control-Allow-Credentials", "true");
            }
            vary::add(head, "Origin");
        }
        Allowed::No => vary::add(head, "Origin"),
    }
}

fn origins(named: Vec<String>) -> dsgi::Result<Origins> {
    if named.iter().any(|origin| origin == "*") {
        return match named.len() {
            1 => Ok(Origins::All),
            _ => Err(Error::new("`*` in `origins` stands for all: it stands alone")),
        };
    }
    if named.is_empty() {
        return Err(Error::new("`origins` names no origin, such as `https://a.example`"));
    }
    for origin in &named {
        let host = origin.split_once("://").map(|(_, host)| host);
        if host.is_none_or(|host| host.is_empty() || host.contains('/')) && origin != "null" {
            return Err(Error::new(format!(
                "`{origin}` is no origin: it is a scheme and a host, as `https://a.example`"
            )));
        }
    }
    Ok(Origins::Named(named))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cors(config: &str) -> dsgi::Result<Cors> {
        Cors::init(serde_json::from_str(config)?, Purpose::Probe)
    }

    fn preflight(config: &str, origin: &str) -> Vec<(String, String)> {
        let cors = cors(config).unwrap();
        let mut head = Head::new(204);
        cors.preflight(&mut head, &cors.allowed(Some(origin)), Some("x-a, x-b"));
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        head.iter().map(|(name, value)| (name.to_owned(), text(value))).collect()
    }

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn a_preflight_says_what_the_config_says() {
        assert_eq!(
            preflight("{\"origins\": [\"*\"]}", "https://a.example"),
            pairs(&[
                ("Access-Control-Allow-Origin", "*"),
                ("Access-Control-Allow-Methods", "GET, HEAD, POST"),
                ("Access-Control-Max-Age", "600"),
            ])
        );
        let named = "{\"origins\": [\"https://a.example\"], \"credentials\": \"include\", \
                     \"methods\": [\"PUT\"], \"headers\": [\"*\"], \"max_age\": 5}";
        assert_eq!(
            preflight(named, "https://a.example"),
            pairs(&[
                ("Access-Control-Allow-Origin", "https://a.example"),
                ("Access-Control-Allow-Credentials", "true"),
                ("Vary", "Origin"),
                ("Vary", "Access-Control-Request-Headers"),
                ("Access-Control-Allow-Methods", "PUT"),
                ("Access-Control-Allow-Headers", "x-a, x-b"),
                ("Access-Control-Max-Age", "5"),
            ])
        );
        for other in ["https://a.example.evil", "http://a.example", "https://A.example", "null"] {
            let said = preflight(named, other);
            let nothing = pairs(&[("Vary", "Origin"), ("Vary", "Access-Control-Request-Headers")]);
            assert_eq!(said, nothing, "{other}");
        }
    }

    #[test]
    fn a_config_that_lets_all_in_by_mistake_is_refused() {
        for wrong in [
            "{}",
            "{\"origins\": []}",
            "{\"origins\": [\"*\"], \"credentials\": \"include\"}",
            "{\"origins\": [\"*\", \"https://a.example\"]}",
            "{\"origins\": [\"a.example\"]}",
            "{\"origins\": [\"https://a.example/\"]}",
            "{\"origin\": [\"*\"]}",
        ] {
            cors(wrong).unwrap_err();
        }
        cors("{\"origins\": [\"null\", \"https://a.example:8443\"]}").unwrap();
    }
}
