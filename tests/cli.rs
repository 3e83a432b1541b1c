//! The command line: what it takes, what it refuses and with which exit code, and the commands that
//! do not serve.

use crate::harness::client::get;
use crate::harness::eventually;
use crate::harness::host::{Host, Launch, run};
use crate::harness::libraries::{TemporaryLibrary, c_app};
use crate::harness::refusal::{Refusal, load, refused, refuses};
use rustix::pipe::fcntl_getpipe_size;
use rustix::process::{Pid, Signal, kill_process};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// The flags of the issues that are done; a flag that works is added here with its test.
const FLAGS: [&str; 20] = [
    "--config",
    "--control",
    "--debug",
    "--debug-headers",
    "--drain-timeout",
    "--enable",
    "--handover-timeout",
    "--help",
    "--init-timeout",
    "--listen",
    "--load",
    "--mount",
    "--name",
    "--probe-timeout",
    "--request-timeout",
    "--set",
    "--state",
    "--strict",
    "--version",
    "--watch",
];

#[test]
fn help_lists_what_works_and_nothing_else() {
    let help = output(["--help"]);
    let starts_option = |line: &&str| line.trim_start().starts_with('-');
    let flags = help
        .lines()
        .filter(starts_option)
        .filter_map(|line| line.split([' ', ',']).find(|word| word.starts_with("--")));
    let mut flags: Vec<&str> = flags.collect();
    flags.sort_unstable();
    assert_eq!(flags, FLAGS);
    let (_, commands) = help.split_once("Commands:\n").expect("commands");
    let commands = commands.lines().map_while(|line| line.split_whitespace().next());
    assert_eq!(
        commands.collect::<Vec<_>>(),
        [
            "check", "inspect", "config", "cgi", "ps", "deploy", "rollback", "drain", "events",
            "help"
        ]
    );
}

#[test]
fn it_tells_its_version() {
    assert_eq!(output(["--version"]), format!("host {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn what_cannot_be_understood_is_a_usage_error() {
    for (arguments, says) in [
        (&["--nope"][..], "'--nope'"),
        (&["--load"], "'--load"),
        (&["--request-timeout", "5x", "--load", "a.so"], "`5x` is not a time such as 250ms"),
        (&["check"], "<FILE|CRATE_DIR>"),
        (&["--load", "a.so", "check", "a.so"], "'check' cannot be used with '--load"),
    ] {
        let output = run(arguments);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), &*output.stdout), (Some(2), &b""[..]), "{said}");
        assert!(said.starts_with("error: ") && said.contains(says), "{arguments:?}: {said}");
        assert!(said.contains("--help"), "no way out: {said}");
    }
}

#[test]
fn forms_are_named_with_an_example() {
    let form = |arguments: &[&str]| refused(&run(arguments), 2);
    form(&[]).says(["nothing to serve", "`--load`", "`--mount`"]).helps(["host --load app.so"]);
    form(&["--listen", "127.0.0.1:0"]).says(["nothing to serve"]);
    for mount in ["shop=a.so", "/shop", "/shop=", "a.so", "/a/../b=a.so", "//=a.so", "/a%2Fb=a.so"]
    {
        let refusal = form(&["--mount", mount]);
        refusal.says([&*format!("`--mount {mount}`"), "/PATH=FILE"]).helps(["--mount /shop="]);
    }
    for set in ["currency=EUR", "shop", "shop.currency", ".currency=EUR", "shop.=EUR"] {
        let refusal = form(&["--load", "a.so", "--set", set]);
        refusal.says([&*format!("`--set {set}`"), "APP.KEY=VALUE"]).helps(["--set shop.currency="]);
    }
    for protocol in ["ajp", "https"] {
        let refusal = form(&["--load", "a.so", "--listen", &format!("{protocol}://127.0.0.1:1")]);
        refusal
            .says([&*format!("does not speak `{protocol}`")])
            .helps(["http, fastcgi, scgi, uwsgi"]);
    }
    let refusal = form(&["--load", "a.so", "--listen", "nowhere"]);
    refusal.says(["`nowhere` is not an address", "ip:port"]).helps(["--listen 127.0.0.1:8080"]);
}

#[test]
fn an_address_that_is_taken_is_told_before_anything_is_opened() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let library = c_app(&["CONSTRUCTOR ABORT"]);
    let refusal = refuses(load(&library).args(["--listen", &address]), 69);
    refusal.says([&*format!("cannot listen on `{address}`"), "in use"]);
    refusal.helps(["stop the process that has it", "--listen 127.0.0.1:0"]);
    drop(taken);
    let library = c_app(&[]);
    let host = load(&library).args(["--listen", &address]).start();
    assert_eq!(host.addresses()[1], format!("http://{address}"), "the control fails");
}

#[test]
fn several_addresses_serve_the_same() {
    let library = c_app(&[]);
    let host = load(&library).args(["--listen", "http://127.0.0.1:0"]).start();
    let [first, second] = host.addresses() else { panic!("{:?}", host.addresses()) };
    assert_ne!(first, second);
    for address in [first, second] {
        let address = address.strip_prefix("http://").unwrap().parse().unwrap();
        assert_eq!(get(address, "/").text(), "in C\n");
    }
    assert_eq!(host.stdout(), format!("listening on {first}\nlistening on {second}\n"));
}

#[test]
fn two_mounts_on_one_path_are_refused() {
    let (one, two) = (app("one"), app("two"));
    for (path, mounts) in [
        ("`/`", [mount("--load", "", &one), mount("--mount", "/=", &two)]),
        ("`/`", [mount("--load", "", &one), mount("--load", "", &two)]),
        ("`/a/`", [mount("--mount", "/a=", &one), mount("--mount", "/a/=", &two)]),
    ] {
        let refusal = refuses(serve(&mounts), 78);
        refusal.says(["two applications are mounted at", path, name(&one), name(&two)]);
        refusal.helps([name(&two), "a path of its own: --mount /PATH=FILE"]);
    }
}

#[test]
fn two_applications_of_one_name_are_refused_and_the_shown_flag_helps() {
    let (one, two) = (app("one"), app("one"));
    let first = mount("--load", "", &one);
    let refusal = refuses(serve(&[first.clone(), mount("--mount", "/b=", &two)]), 78);
    refusal.says(["are named `one`", name(&one), name(&two)]);
    refusal.helps(["give one another name: --mount /b=one-2="]);

    let help = refusal.help.unwrap();
    let (_, shown) = help.split_once(": ").unwrap();
    let shown: Vec<&str> = shown.split(' ').collect();
    let shown = [shown[0], shown[1]].map(str::to_owned);
    let host = serve(&[first, shown]).args(["--set", "one-2.x=1"]).start();
    for path in ["/", "/b"] {
        assert_eq!(get(host.address(), path).text(), "in C\n");
    }
    assert_eq!(host.wait_for_logs("in service, layout", 2).len(), 2);
    // A name that the user gave may clash as well.
    let named = ["/a=x=", "/b=x="].map(|path| mount("--mount", path, &one));
    assert_eq!(serve(&named).start().wait_for_logs("app=\"x\"", 1).len(), 1, "one file, one name");
    let clash = [mount("--mount", "/a=x=", &one), mount("--mount", "/b=x=", &two)];
    refuses(serve(&clash), 78).says(["named `x`"]).helps(["--mount /b=x-2="]);
}

#[test]
fn two_mounts_of_one_name_are_one_application() {
    let library = app("one");
    let mounts = [mount("--mount", "/a=", &library), mount("--mount", "/b=one=", &library)];
    let host = serve(&mounts).start();
    for path in ["/a", "/b"] {
        assert_eq!(get(host.address(), path).status, 200);
    }
    assert_eq!(get(host.address(), "/").status, 404);
    let in_service = |host: &Host| host.log().matches("in service, layout").count();
    assert_eq!(in_service(&host), 1, "{}", host.log());
    // The same file under another name is another one.
    let mounts = [mount("--mount", "/a=", &library), mount("--mount", "/b=two=", &library)];
    let host = serve(&mounts).start();
    assert_eq!(host.wait_for_logs("in service, layout", 2).len(), 2);
}

#[test]
fn a_setting_must_have_an_application() {
    let library = app("one");
    let refusal = refuses(load(&library).args(["--set", "two.key=1"]), 78);
    refusal.says(["`--set two", "no application is named `two`"]).helps(["one"]);
    let settings = ["--set", "one.a=1", "--set", "one.a.b=2"];
    let refusal = refuses(load(&library).args(settings), 78);
    refusal.says(["`--set one.a.b=2`", "`a` is a value already"]);
    load(&library).args(["--set", "one.key=1"]).start();
}

#[test]
fn one_bad_application_of_several_answers_503_and_the_others_serve() {
    let good = app("good");
    let bad = c_app(&["NAME \"bad\"", "FAULT \"the index is locked\""]);
    let nowhere = good.with_file_name("nowhere").join("app.so");
    let mounts = [
        mount("--load", "", &good),
        mount("--mount", "/bad=", &bad),
        mount("--mount", "/gone=", &nowhere),
    ];
    let mut host = serve(&mounts).start();
    for path in ["/", "/other"] {
        assert_eq!(get(host.address(), path).text(), "in C\n");
    }
    for path in ["/bad", "/bad/page", "/gone"] {
        let response = get(host.address(), path);
        assert_eq!(response.status, 503, "{path}");
        let seconds = response.header("retry-after").and_then(|text| text.parse::<u32>().ok());
        assert!(seconds.is_some_and(|seconds| seconds > 0), "{response:?}");
        assert!(!response.text().contains("index"), "the client is told: {response:?}");
    }
    let line = host.wait_for_log("not in service: ");
    for part in ["ERROR", "init failed: the index is locked", name(&bad), "app=\"bad\""] {
        assert!(line.contains(part), "no {part} in: {line}");
    }
    let lines = host.wait_for_logs("not in service: ", 2);
    assert!(lines[1].contains("no such file") && lines[1].contains("there is no folder"));
    host.terminate();
    assert_eq!(host.wait().code(), Some(0));

    let refusal = refuses(serve(&mounts).args(["--strict"]).env("DSGI_LOG", "error"), 65);
    refusal.says([name(&bad), "init failed: the index is locked"]);
    refuses(serve(&[mount("--mount", "/bad=", &bad)]), 65);
    load(&good).arg("--strict").start();
}

/// Everything that `inspect` shows, and nothing of the library has run.
#[test]
fn inspect_reads_a_library_without_running_it() {
    let folder = tempfile::tempdir().unwrap();
    let report = folder.path().join("report");
    let options = ["MARK", "PROBE DSGI_PROBE_REQUEST", "FLAGS DSGI_TRAIT_FLAG_EXCLUSIVE"];
    let library = c_app(&[&options[..], &[&*format!("REPORT \"{}\"", report.display())]].concat());
    let text = output(["inspect".as_ref(), library.as_os_str()]);
    for line in [
        "name:        one",
        "version:     1.2.3",
        "kind:        application",
        "abi:         0",
        "layout:      declared",
        "flavour:     non-blocking",
        "probe:       request, GET /health",
        "swap:        exclusive: after the old generation has stopped",
        "kit:         dsgi.h",
        "tls:         on demand",
    ] {
        assert!(text.lines().any(|one| one == line), "no `{line}` in:\n{text}");
    }
    for start in ["compiler:    gcc ", "needs:       libc.so.6, glibc ", "build id:    "] {
        assert!(text.lines().any(|one| one.starts_with(start)), "no `{start}` in:\n{text}");
    }
    assert!(!report.exists(), "its constructor has run");

    let text = output(["check".as_ref(), library.as_os_str()]);
    assert_eq!(text, format!("{}: `one` passed its probe, layout declared\n", name(&library)));
    assert!(report.exists(), "no control");
}

#[test]
fn check_and_inspect_refuse_as_serving_does() {
    let of = |command: &str, file: &Path| -> Refusal {
        refused(&run([command.as_ref(), file.as_os_str()]), 65)
    };
    let library = c_app(&["INIT ABORT"]);
    of("check", &library).says([name(&library), "in init it was ended by SIGABRT"]);
    assert!(output(["inspect".as_ref(), library.as_os_str()]).contains("name:        one\n"));
    let missing = library.with_file_name("none.so");
    for command in ["check", "inspect"] {
        of(command, &missing).says(["no such file", "none.so"]);
        of(command, Path::new("/dev/null")).says(["is a device"]);
    }
    let layer = c_app(&["KIND DSGI_KIND_LAYER"]);
    assert!(output(["inspect".as_ref(), layer.as_os_str()]).contains("kind:        layer\n"));
}

/// Whoever reads the line may send the signal at once: here the line cannot even be written yet,
/// since nobody reads.
#[test]
fn signals_are_heeded_before_anybody_is_told_that_it_listens() {
    let library = c_app(&[]);
    let (mut read, mut write) = std::io::pipe().unwrap();
    let full = fcntl_getpipe_size(&write).unwrap();
    write.write_all(&vec![b'\n'; full]).unwrap();
    let host = Command::new(env!("CARGO_BIN_EXE_host"))
        .args(["--listen", "127.0.0.1:0", "--load"])
        .arg(&library)
        .env("XDG_RUNTIME_DIR", library.parent().unwrap())
        .env("DSGI_CONTROL_DIR", library.with_file_name("control"))
        .stdin(Stdio::null())
        .stdout(write)
        .stderr(Stdio::null())
        .spawn();
    let mut host = Killed(host.unwrap());
    let status = format!("/proc/{}/status", host.0.id());
    // Bits of the signals that it has a function for, the lowest for signal 1, proc(5).
    eventually("a function for SIGTERM and SIGINT", || {
        let text = std::fs::read_to_string(&status).ok()?;
        let (_, caught) = text.split_once("\nSigCgt:\t")?;
        let caught = u64::from_str_radix(caught.lines().next()?, 16).ok()?;
        let signals = [Signal::TERM, Signal::INT].map(|signal| 1 << (signal.as_raw() - 1));
        signals.iter().all(|signal| caught & signal != 0).then_some(())
    });
    kill_process(Pid::from_child(&host.0), Signal::TERM).unwrap();
    let mut said = String::new();
    read.read_to_string(&mut said).unwrap();
    assert!(said.trim_start().starts_with("listening on "), "{}", said.trim_start());
    assert_eq!(host.0.wait().unwrap().code(), Some(0));
}

/// A child that does not outlive its test.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        // Both fail only for a child that has been reaped already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn app(name: &str) -> TemporaryLibrary {
    c_app(&[&format!("NAME \"{name}\"")])
}

fn mount(flag: &str, path: &str, file: &Path) -> [String; 2] {
    [flag.to_owned(), format!("{path}{}", name(file))]
}

fn serve(mounts: &[[String; 2]]) -> Launch {
    Launch::new().args(["--listen", "127.0.0.1:0"]).args(mounts.as_flattened())
}

fn name(file: &Path) -> &str {
    file.to_str().expect("a path in ASCII")
}

/// What a command prints that succeeds and has nothing to complain of.
fn output(arguments: impl IntoIterator<Item = impl AsRef<std::ffi::OsStr>>) -> String {
    let output = run(arguments);
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    String::from_utf8(output.stdout).expect("text")
}
