//! Validators in a stack of the tests' host, and what they have told.

use std::sync::{Mutex, MutexGuard};

use dsgi::abi::answer;
use dsgi::abi::grown::{Init, Instance, purpose};
use dsgi::abi::leaf::Str;
use dsgi::abi::object::HostTable;
use dsgi::abi::pointer::{Growable, In, Out};
use dsgi::export::entrance;
use dsgi::validator::Validator;

use crate::host::{App, Host, Input, Texts, lock};

/// What the head of a usual request says.
pub(crate) fn facts() -> Texts {
    Texts {
        method: "GET",
        target: "/shop/tea",
        script_name: "/shop",
        path_info: String::from("/tea"),
        server_name: "a.example",
        server_port: 8080,
        headers: pairs(&[("host", "a.example")]),
        ..Texts::default()
    }
}

pub(crate) fn pairs(rows: &[(&str, &str)]) -> Vec<(String, String)> {
    rows.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// A request that says this, without a body, on its way through a stack.
pub(crate) fn host(facts: Texts, stack: Vec<App>) -> Host {
    Host::saying(facts, stack, Input::ended())
}

/// The validator, with this config.
pub(crate) fn validator(config: &str) -> App {
    let table = entrance::<Validator>().table;
    let host = HostTable { log: Some(host_log), ..HostTable::absent() };
    let init = Init {
        purpose: purpose::SERVE,
        generation: 1,
        name: Str::lend(b"validator"),
        config: Str::lend(config.as_bytes()),
        host: In::lend(&host),
        ..Growable::absent()
    };
    let mut made = Instance::absent();
    // SAFETY: everything is lent for the call.
    let answer = unsafe { table.init.expect("init")(In::lend(&init), Out::lend(&mut made)) };
    assert_eq!(answer, answer::READY, "the validator was not made");
    App::new(table, made.app)
}

/// Ends the stack: the lines that the validators have written, with their levels, and how many
/// handles nobody has released.
pub(crate) fn told(host: Host) -> (Vec<String>, usize) {
    let (mut lines, held) = host.ended();
    lines.append(&mut lock(&HOST_LOG));
    lines.retain(|line| line.contains("validator: "));
    (lines, held)
}

/// Lines of the host's own log.
static HOST_LOG: Mutex<Vec<String>> = Mutex::new(Vec::new());

unsafe extern "C" fn host_log(_: u64, level: u32, _: Str, text: Str) {
    // SAFETY: lent for this call.
    let text = String::from_utf8_lossy(unsafe { text.bytes() }).into_owned();
    lock(&HOST_LOG).push(format!("{level} {text}"));
}

/// One test at a time: what is said to the host's log belongs to nobody else.
pub(crate) fn alone() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    lock(&TURN)
}
