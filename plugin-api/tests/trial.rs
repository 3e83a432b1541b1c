//! `dsgi::test` as an author uses it: what it shows of an application, and when it fails a test.

use std::io::{Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};

use dsgi::test::{App, get};
use dsgi::{
    Application, AsyncInner, Body, Environ, Error, Inner, Middleware, Outcome, Purpose,
    StartResponse,
};

const TEXT: &[(&str, &str)] = &[("Content-Type", "text/plain; charset=utf-8")];

/// Says what it is given.
fn mirror(mut environ: Environ, start_response: StartResponse) -> dsgi::Result<[String; 1]> {
    let mut body = String::new();
    environ.input().read_to_string(&mut body)?;
    start_response("200 OK", TEXT)?;
    let seen = ["REQUEST_METHOD", "SCRIPT_NAME", "PATH_INFO", "QUERY_STRING", "REMOTE_ADDR"];
    let mut lines = seen.map(|name| format!("{name}={}", environ.get(name).unwrap_or("none")));
    lines.sort();
    Ok([format!("{}\nbody={body}", lines.join("\n"))])
}

/// Told how its bodies ended.
static ENDS: Mutex<Vec<(String, Outcome, u64)>> = Mutex::new(Vec::new());

fn ended(environ: &Environ) -> impl FnOnce(Outcome, u64) + Send + 'static {
    let path = environ["PATH_INFO"].to_owned();
    move |outcome, sent| ENDS.lock().expect("a lock").push((path, outcome, sent))
}

fn ends_of(path: &str) -> Vec<(Outcome, u64)> {
    let ends = ENDS.lock().expect("a lock");
    ends.iter().filter(|end| end.0 == path).map(|end| (end.1, end.2)).collect()
}

/// Blocks without an end.
fn endless(environ: Environ, start_response: StartResponse) -> dsgi::Result<Body> {
    start_response("200 OK", TEXT)?;
    Ok(Body::blocks(std::iter::repeat("tick\n")).on_close(ended(&environ)))
}

#[test]
fn an_application_sees_what_a_client_says() {
    let app = App::new(mirror).mount("/a%20b");
    let request = app.request("PUT", "/a%20b/x%2Fy?q=%20").peer("192.0.2.7:9".parse().unwrap());
    let response = request.blocks(["one ", "two"]).send();
    assert_eq!(
        response.text(),
        "PATH_INFO=/x/y\nQUERY_STRING=q=%20\nREMOTE_ADDR=192.0.2.7\nREQUEST_METHOD=PUT\n\
         SCRIPT_NAME=/a b\nbody=one two"
    );
}

#[test]
fn a_response_shows_its_parts() {
    fn app(environ: Environ, start_response: StartResponse) -> dsgi::Result<[&'static str; 2]> {
        writeln!(environ.errors(), "noted")?;
        let json = ("Content-Type", "application/json");
        start_response("202 Fine", &[("X-A", "1"), ("x-b", "2"), ("X-A", "3"), json])?;
        Ok(["{\"a\":", "1}"])
    }
    let response = get(app, "/");
    assert_eq!((response.status(), response.reason()), (202, "Fine"));
    assert_eq!(response.header("x-a"), Some("1"));
    let fields: Vec<_> = response.headers().take(3).collect();
    assert_eq!(fields, [("X-A", "1"), ("x-b", "2"), ("X-A", "3")]);
    assert_eq!(response.blocks(), [b"{\"a\":".to_vec(), b"1}".to_vec()]);
    assert_eq!(response.json::<std::collections::BTreeMap<String, u8>>()["a"], 1);
    assert_eq!(response.log(), ["noted"]);
}

#[test]
fn a_client_that_leaves_is_told_to_the_body() {
    let app = App::new(endless);
    let mut response = app.request("GET", "/leaves").start();
    assert_eq!(response.status(), 200);
    for _ in 0..3 {
        assert_eq!(response.next_block().unwrap().unwrap(), b"tick\n");
    }
    response.leave();
    assert_eq!(ends_of("/leaves"), [(Outcome::ClientGone, 15)]);

    drop(app.request("GET", "/dropped").start());
    assert_eq!(ends_of("/dropped"), [(Outcome::ClientGone, 0)]);
}

#[test]
fn a_response_to_head_has_no_body_and_is_closed() {
    let response = App::new(endless).request("HEAD", "/head").send();
    assert_eq!((response.status(), response.body()), (200, &b""[..]));
    assert_eq!(ends_of("/head"), [(Outcome::Completed, 0)]);
}

#[test]
fn a_client_that_goes_within_its_body_is_an_error_of_the_input() {
    fn app(mut environ: Environ, start_response: StartResponse) -> dsgi::Result<[String; 1]> {
        let mut body = String::new();
        let error = environ.input().read_to_string(&mut body).unwrap_err();
        start_response("200 OK", TEXT)?;
        Ok([format!("{body} {error} {}", environ.cancelled())])
    }
    let app = App::new(app);
    let text = app.request("POST", "/").blocks(["half"]).cut().send().text().to_owned();
    assert!(text.starts_with("half ") && text.ends_with(" true"), "{text}");
}

#[test]
fn errors_and_panics_are_responses_with_a_reason() {
    fn app(environ: Environ, start_response: StartResponse) -> dsgi::Result<Body> {
        match &environ["PATH_INFO"] {
            "/404" => Err(Error::status(404, "no tea")),
            "/panics" => panic!("spilt"),
            _ => {
                start_response("200 OK", TEXT)?;
                Ok(Body::blocks([Ok("half"), Err(Error::new("broken pot"))]))
            }
        }
    }
    let app = App::new(app);
    let response = app.get("/404");
    assert_eq!((response.status(), response.error()), (404, Some("no tea")));
    let response = app.get("/breaks");
    assert_eq!((response.status(), response.text()), (200, "half"));
    assert_eq!(response.error(), Some("broken pot"));
    // That an application does not panic is a rule.
    let response = app.lenient().get("/panics");
    assert_eq!(response.status(), 500);
    assert!(response.error().unwrap().contains("spilt"), "{:?}", response.error());
    assert!(response.broken()[0].contains("call-no-panic"), "{:?}", response.broken());
}

#[test]
fn a_broken_rule_fails_the_test() {
    fn app(_: Environ, start_response: StartResponse) -> dsgi::Result<[&'static str; 1]> {
        start_response("200 OK", &[("Content-Type", "text/plain"), ("Content-Length", "9")])?;
        Ok(["short"])
    }
    let app = App::new(app);
    let failed = catch_unwind(AssertUnwindSafe(|| app.get("/"))).unwrap_err();
    let text = failed.downcast_ref::<String>().expect("a text");
    assert!(text.contains("validator: ") && text.contains("application under test"), "{text}");
    let broken = app.lenient().get("/").broken().to_vec();
    assert_eq!(broken.len(), 1, "{broken:?}");
}

#[test]
fn types_are_made_from_their_config() {
    struct Counter {
        step: u64,
        count: Mutex<u64>,
        ends: Arc<Mutex<Vec<&'static str>>>,
    }
    #[derive(Default, serde::Serialize, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Config {
        step: u64,
    }
    static TOLD: Mutex<Vec<&'static str>> = Mutex::new(Vec::new());
    impl Application for Counter {
        type Config = Config;
        fn init(config: Config, _: Purpose) -> dsgi::Result<Self> {
            if config.step == 0 {
                return Err(Error::new("a step of 0"));
            }
            let ends = Arc::default();
            Ok(Self { step: config.step, count: Mutex::new(0), ends })
        }
        fn call(&self, _: Environ, start_response: StartResponse) -> dsgi::Result<Body> {
            start_response("200 OK", TEXT)?;
            let mut count = self.count.lock().unwrap();
            *count += self.step;
            Ok(count.to_string().into())
        }
        fn drain(&self, _: std::time::Duration) {
            self.ends.lock().unwrap().push("drain");
        }
        fn shutdown(&self) {
            self.ends.lock().unwrap().push("shutdown");
            TOLD.lock().unwrap().extend(&*self.ends.lock().unwrap());
        }
    }
    let app = App::start::<Counter>(Config { step: 3 }).unwrap();
    assert_eq!([app.get("/"), app.get("/")].map(|done| done.text().to_owned()), ["3", "6"]);
    drop(app);
    assert_eq!(*TOLD.lock().unwrap(), ["drain", "shutdown"]);
    let refused = App::start::<Counter>(Config { step: 0 }).unwrap_err();
    assert_eq!(refused.message(), "a step of 0");
    let refused = App::start::<Counter>(std::collections::BTreeMap::from([("stop", 1)]));
    let refused = refused.unwrap_err().message().to_owned();
    assert!(refused.contains("stop"), "{refused}");
}

/// Appends its letter to the body, and to a field of the request.
struct Letter(char);

impl Middleware for Letter {
    type Config = char;

    fn init(letter: char, _: Purpose) -> dsgi::Result<Self> {
        Ok(Self(letter))
    }

    fn call(
        &self,
        inner: Inner,
        mut environ: Environ,
        start_response: StartResponse,
    ) -> dsgi::Result<Body> {
        let letters = format!("{}{}", environ.get("HTTP_X_LETTERS").unwrap_or_default(), self.0);
        environ.set("HTTP_X_LETTERS", letters);
        let letter = self.0;
        let body = inner(environ, start_response)?;
        Ok(body.map_with_end(|block| block, move || Some(letter.to_string().into())))
    }
}

async fn later(
    inner: AsyncInner,
    environ: Environ,
    start_response: StartResponse,
) -> dsgi::Result<Body> {
    // Not ready at once: whoever is outside has to wait.
    let mut waited = false;
    std::future::poll_fn(|context| {
        if std::mem::replace(&mut waited, true) {
            return std::task::Poll::Ready(());
        }
        context.waker().wake_by_ref();
        std::task::Poll::Pending
    })
    .await;
    inner(environ, start_response).await
}

#[test]
fn layers_stand_around_it_outermost_first() {
    async fn app(environ: Environ, start_response: StartResponse) -> dsgi::Result<[String; 1]> {
        start_response("200 OK", TEXT)?;
        Ok([environ["HTTP_X_LETTERS"].to_owned()])
    }
    let app = App::new(app).enable_type::<Letter>('a').unwrap();
    let app = app.enable(later).enable_type::<Letter>('b').unwrap();
    assert_eq!(app.get("/").text(), "abba");
}

#[test]
fn a_file_is_read() {
    fn app(environ: Environ, start_response: StartResponse) -> dsgi::Result<Body> {
        let mut file = tempfile();
        file.write_all(b"0123456789")?;
        start_response("200 OK", &[("Content-Type", "text/plain"), ("Content-Length", "4")])?;
        Ok(Body::file(file, 3, 4).on_close(ended(&environ)))
    }
    assert_eq!(get(app, "/file").text(), "3456");
    assert_eq!(ends_of("/file"), [(Outcome::Completed, 4)]);
}

/// A file that nobody finds, open for both.
fn tempfile() -> std::fs::File {
    let path = std::env::temp_dir().join(format!("dsgi-trial-{}", std::process::id()));
    let mut options = std::fs::OpenOptions::new();
    let file =
        options.read(true).write(true).create(true).truncate(true).open(&path).expect("a file");
    std::fs::remove_file(path).expect("the file is there");
    file
}

#[test]
fn a_client_keeps_and_drops_cookies() {
    fn app(environ: Environ, start_response: StartResponse) -> dsgi::Result<[String; 1]> {
        let out = environ["PATH_INFO"] == *"/out";
        let cookie = if out { "who=; Max-Age=0" } else { "who=ada; HttpOnly; SameSite=Lax" };
        let known = environ.get("HTTP_COOKIE").unwrap_or("nobody").to_owned();
        start_response("200 OK", &[TEXT[0], ("Set-Cookie", cookie)])?;
        Ok([known])
    }
    let app = App::new(app);
    let mut client = app.client();
    assert_eq!(client.get("/").text(), "nobody");
    assert_eq!(client.post("/", &[("tea", "green & black")]).text(), "who=ada");
    assert_eq!(client.cookie("who"), Some("ada"));
    assert_eq!(client.get("/out").text(), "who=ada");
    assert_eq!(client.get("/").text(), "nobody");
}

#[test]
fn forms_and_json_are_encoded() {
    let app = App::new(mirror);
    let form = app.request("POST", "/").form(&[("a", "1 & 2"), ("\u{e9}", "=")]).send();
    assert!(form.text().ends_with("body=a=1+%26+2&%C3%A9=%3D"), "{}", form.text());
    let json = app.request("POST", "/").json(&["tea"]).send();
    assert!(json.text().ends_with("body=[\"tea\"]"), "{}", json.text());
}

#[test]
fn targets_that_no_client_sends_fail_the_test() {
    let app = App::new(mirror).mount("/shop");
    for target in ["tea", "/shopping", "/shop/%2"] {
        let failed = catch_unwind(AssertUnwindSafe(|| app.request("GET", target))).is_err();
        assert!(failed, "{target}");
    }
    assert_eq!(app.get("/shop").status(), 200);
}
