//! The layer that looks whether the rules are kept: the specification, run.
//!
//! It stands in any place of a stack, also more than once, and looks in both directions: whether
//! what is outside of it keeps the rules of a host, and what is inside those of an application.
//! Each broken [rule](crate::rules) is one line of the log for each request:
//!
//! ```text
//! validator: field-no-status broken by application shop: saw `Status`: `200`, the rule says ...
//! ```
//!
//! It changes nothing. The exchange goes on inwards as it is and the reply outwards as it was
//! filled in; only around a stream and a future stands something that looks on.

mod body;
mod lent;
mod witness;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use self::body::Passing;
use self::witness::Witness;
use crate::abi::app::flavour;
use crate::bridge::bytes::Failure;
use crate::bridge::examined::{self, End, Examined, Given, Kind};
use crate::bridge::exchange::{Handle, Text};
use crate::bridge::future::Pending;
use crate::bridge::room::Asked;
use crate::bridge::watched::{self, Closed, Later};
use crate::export::{Called, Entry, read_config, report};
use crate::rules::{self, Account, Answered, Breach};
use crate::{Error, Purpose, Result};

/// The validator; `dsgi::validator!()` exports it.
#[derive(Debug)]
pub struct Validator {
    mode: Mode,
    /// Bodies that were not closed yet.
    open: Arc<AtomicUsize>,
    closed: Arc<Closed>,
}

/// What comes of a rule that is broken as an error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// A line of the log.
    #[default]
    Report,
    /// The response is given up as well.
    Enforce,
}

#[derive(Default, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Config {
    mode: Mode,
}

/// Exports the validator from a library of its own.
///
/// ```
/// dsgi::validator!();
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! validator {
    ($($option:ident $(= $value:expr)?),* $(,)?) => {
        $crate::__export!(
            $crate::validator::Validator,
            [layer, name "validator" $(, $option $($value)?)*]
        );
    };
}

impl Entry for Validator {
    type App = Self;
    // It hands an answer on that comes later, and changes nothing of where a stack runs.
    const FLAVOUR: u32 = flavour::AS_INSIDE;

    fn init(config: &str, _: Purpose) -> Result<Self> {
        let Config { mode } = read_config(config)?;
        Ok(Self { mode, open: Arc::default(), closed: Arc::default() })
    }

    fn call(validator: &Arc<Self>, handle: Handle, asked: Asked<'_>) -> Called {
        let method = handle.text(Text::Method).into();
        let witness = Arc::new(Witness::new(validator.mode, &handle));
        let refused = witness.tell(request(&handle).breaches());
        if let Some(error) = refused {
            return Called::Answered(Err(error));
        }
        let asks = Asks::of(&handle);
        let looking = Looking { validator: Arc::clone(validator), witness, method, asks };
        Called::Filled(looking.look(examined::inner(handle, asked)))
    }

    fn shutdown(validator: &Self) {
        let open = validator.open.load(Ordering::Acquire);
        if open > 0 {
            let saw = format!("{open} bodies that nobody has closed");
            report(&witness::line(&Breach::of(&rules::CALLED, saw), "host"));
        }
    }
}

/// What looks at one exchange.
struct Looking {
    validator: Arc<Validator>,
    witness: Arc<Witness>,
    method: Box<[u8]>,
    asks: Asks,
}

/// What a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asks {
    Response,
    /// Also its connection for another protocol.
    Upgrade,
}

impl Asks {
    fn of(handle: &Handle) -> Self {
        let values = |name: &'static [u8]| {
            let named = handle.headers().filter(move |(known, _)| *known == name);
            named.flat_map(|(_, value)| value.split(|byte| *byte == b','))
        };
        let mut tokens = values(b"connection").map(<[u8]>::trim_ascii);
        let is_meant = tokens.any(|token| token.eq_ignore_ascii_case(b"upgrade"));
        let has_body = handle.content_length().is_some_and(|length| length > 0)
            || values(b"transfer-encoding").next().is_some();
        let named = values(b"upgrade").next().is_some();
        match handle.protocol() {
            11 if is_meant && named && !has_body => Self::Upgrade,
            _ => Self::Response,
        }
    }
}

impl Looking {
    /// Looks at what was filled in for an answer, and says what is answered.
    fn look(self, examined: Examined) -> u32 {
        let (breaches, next) = self.judge(examined.kind());
        if let Some(error) = self.witness.tell(breaches) {
            return examined.refuse(error);
        }
        match next {
            Next::Pass => examined.pass(),
            Next::Body(account) => examined.pass_around(|stream| {
                let Self { validator, witness, .. } = self;
                let open = Arc::clone(&validator.open);
                let body = Passing::new(stream, account, Arc::clone(&witness), open);
                watched::body(body, witness, &validator.closed)
            }),
            Next::Later => examined.pass_later(|pending: Pending| watched::future(pending, self)),
        }
    }

    fn judge(&self, kind: Kind<'_>) -> (Vec<Breach>, Next) {
        match kind {
            Kind::Pending => (Vec::new(), Next::Later),
            Kind::Cancelled => (Vec::new(), Next::Pass),
            Kind::Unknown(answer) => {
                let saw = format!("the answer {answer}");
                (vec![Breach::of(&rules::ANSWER, saw)], Next::Pass)
            }
            Kind::Error(failure) => (failed(&failure), Next::Pass),
            Kind::Ready((status, reason, fields), given) => {
                self.judge_head(&Answered { status, reason, fields }, given)
            }
        }
    }

    fn judge_head(&self, head: &Answered<'_>, given: Given) -> (Vec<Breach>, Next) {
        let mut breaches = head.breaches();
        breaches.extend(self.judge_upgrade(head, given));
        match given {
            Given::Upgrade => (breaches, Next::Pass),
            Given::Stream(hint) => (breaches, Next::Body(Account::open(&self.method, head, hint))),
            Given::Whole(length) | Given::File(length, _) => {
                let mut account = Account::open(&self.method, head, None);
                breaches.extend(account.block(length));
                breaches.extend(account.end());
                let told = matches!(given, Given::File(_, End::Told));
                (breaches, if told { Next::Body(account) } else { Next::Pass })
            }
            Given::Unknown(kind) => {
                breaches.push(Breach::of(&rules::KIND, format!("the kind {kind}")));
                (breaches, Next::Pass)
            }
        }
    }
}

impl Looking {
    fn judge_upgrade(&self, head: &Answered<'_>, given: Given) -> Option<Breach> {
        match (head.switches(), given) {
            (true, Given::Upgrade) => (self.asks == Asks::Response)
                .then(|| Breach::of(&rules::UPGRADE_ASKED, "a 101 to a request that does not")),
            (false, Given::Upgrade) => {
                let saw = format!("an upgrade with the status {}", head.status);
                Some(Breach::of(&rules::UPGRADE_STATUS, saw))
            }
            (true, _) => Some(Breach::of(&rules::UPGRADE_STATUS, "a 101 without an upgrade")),
            (false, _) => None,
        }
    }
}

/// How an answer goes on.
enum Next {
    /// As it is.
    Pass,
    /// With something around its body.
    Body(Account),
    /// With something around its future.
    Later,
}

impl Later for Looking {
    fn polled(&self, examined: Examined) -> u32 {
        let Self { validator, witness, method, asks } = self;
        let (validator, witness) = (Arc::clone(validator), Arc::clone(witness));
        Self { validator, witness, method: method.clone(), asks: *asks }.look(examined)
    }

    fn polled_again(&self) -> Error {
        let breach = Breach::of(&rules::FUTURE_OVER, "one more poll");
        self.witness.tell(vec![breach]).unwrap_or_else(|| Error::new("it has answered before"))
    }
}

/// What is broken where a call or a body has failed.
fn failed(failure: &Failure) -> Vec<Breach> {
    let Failure { status, message, generation } = failure;
    let mut breaches = Vec::new();
    if *generation != 0 {
        breaches.push(Breach::of(&rules::PANIC, format!("`{message}`")));
    } else if let Some(rule) = rules::named_in(message) {
        breaches.push(Breach::of(rule, format!("`{message}`")));
    }
    if *status != 0 && !(400..=599).contains(status) {
        breaches.push(Breach::of(&rules::FAULT_STATUS, status.to_string()));
    }
    breaches
}

/// A request as it has come.
fn request(handle: &Handle) -> rules::Request<'_> {
    rules::Request {
        method: handle.text(Text::Method),
        scheme: handle.text(Text::Scheme),
        target: handle.text(Text::Target),
        script_name: handle.text(Text::ScriptName),
        path_info: handle.text(Text::PathInfo),
        server_name: handle.text(Text::ServerName),
        server_port: handle.ports().0,
        protocol: handle.protocol(),
        length: handle.content_length(),
        fields: handle.headers().collect(),
        variables: handle.variables().collect(),
    }
}
