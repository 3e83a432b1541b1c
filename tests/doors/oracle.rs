//! The differential oracle: what comes in by one door is what comes in by every other one.
//!
//! Requests of a seeded generator are put to all doors of one host, and to `host cgi` for some; the
//! application gives back its whole environ and the body. What may differ stands in `DIFFERS`. A
//! request that is seen differently is made smaller for as long as it still is, and told as a row
//! for `kept`, whose rows are asked first.

mod asked;
mod clients;
mod kept;

use asked::{Asked, Dice};
use clients::{Cgi, Clients, Fault, Seen};

/// Names that doors may see differently, each with its reason.
const DIFFERS: [(&str, &str); 9] = [
    ("dsgi.gateway", "it is the door"),
    ("dsgi.generation", "the process of CGI counts its own"),
    ("dsgi.multiprocess", "CGI has a process for each request"),
    ("dsgi.multithread", "the process of CGI has one thread"),
    ("dsgi.run_once", "the process of CGI has one request"),
    ("REMOTE_PORT", "each connection has its own"),
    ("SERVER_PORT", "each listener has its own; a front says that of the front"),
    ("SERVER_PROTOCOL", "HTTP/2 is another version"),
    ("HTTP_TRANSFER_ENCODING", "only HTTP/1.1 and what stands behind it know chunks"),
];

/// What a door may not know before the end of a body whose length is not declared.
const OPEN: &str = "CONTENT_LENGTH";

const SEED: u64 = 0x5eed_0007;
const REQUESTS: usize = 2_000;
/// One of so many goes to a process of its own as well.
const CGI_EVERY: usize = 40;

#[test]
fn every_door_sees_the_same_request() {
    let (clients, cgi) = (Clients::start(Fault::None), Cgi::new());
    for asked in kept::requests() {
        same(&asked, &clients, Some(&cgi)).unwrap_or_else(|why| panic!("a kept request: {why}"));
    }
    let (mut dice, mut refused) = (Dice::new(SEED), 0);
    for number in 0..REQUESTS {
        let asked = Asked::any(&mut dice);
        let cgi = (number % CGI_EVERY == 0).then_some(&cgi);
        let asked = if cgi.is_some() { asked.with_text() } else { asked };
        match same(&asked, &clients, cgi) {
            Ok(seen) if seen.status == 200 => {}
            Ok(_) => refused += 1,
            Err(_) => {
                let (smallest, why) = shrunk(asked, |asked| same(asked, &clients, cgi).err());
                panic!("request {number} of seed {SEED:#x}: {why}\nkeep it:\n{smallest:?}");
            }
        }
    }
    assert!((1..REQUESTS / 4).contains(&refused), "{refused} of {REQUESTS} were refused");
}

/// The negative control: clients that lose something are found, and the request becomes as small
/// as can be.
#[test]
fn what_a_door_loses_is_found() {
    for (fault, expected) in [
        (Fault::LosesField("x-b"), "HTTP_X_B"),
        (Fault::SpoilsBody, "the body"),
        (Fault::DecodesTarget, "REQUEST_URI"),
    ] {
        let (clients, mut dice) = (Clients::start(fault), Dice::new(SEED));
        let found = (0..REQUESTS).find_map(|_| {
            let asked = Asked::any(&mut dice);
            same(&asked, &clients, None).is_err().then_some(asked)
        });
        let found = found.unwrap_or_else(|| panic!("{fault:?} was not found"));
        let (smallest, why) = shrunk(found, |asked| same(asked, &clients, None).err());
        assert!(why.contains(expected), "{fault:?}: {why}");
        let parts = smallest.fields.len() + smallest.body.len();
        assert!(parts <= 1 && smallest.target.len() < 12, "{fault:?}: {smallest:?}");
    }
}

/// What all doors see, or in which way two of them differ.
fn same(asked: &Asked, clients: &Clients, cgi: Option<&Cgi>) -> Result<Seen, String> {
    let mut all = clients.ask(asked);
    all.extend(cgi.map(|cgi| ("cgi", cgi.ask(asked))));
    let mut all = all.into_iter();
    let (first, seen) = all.next().ok_or("no door")?;
    for (other, also) in all {
        let what = difference(&seen, &also, asked);
        if let Some(what) = what {
            let asked = asked.shown();
            return Err(format!("{first} and {other} differ in {what}, asked {asked}"));
        }
    }
    Ok(seen)
}

fn difference(one: &Seen, other: &Seen, asked: &Asked) -> Option<String> {
    if one.status != other.status {
        return Some(format!("the status: {} and {}", one.status, other.status));
    }
    let may_differ = |name: &str| {
        DIFFERS.iter().any(|(known, _)| *known == name) || (asked.is_open() && name == OPEN)
    };
    let names = one.environ.keys().chain(other.environ.keys());
    for name in names.filter(|name| !may_differ(name)) {
        let (one, other) = (one.environ.get(name), other.environ.get(name));
        if one != other {
            return Some(format!("{name}: {one:?} and {other:?}"));
        }
    }
    (one.body != other.body).then(|| {
        let shown = |seen: &Seen| seen.body.escape_ascii().to_string();
        format!("the body: {} and {}", shown(one), shown(other))
    })
}

/// The smallest request found that is still seen differently, and how.
fn shrunk(asked: Asked, why: impl Fn(&Asked) -> Option<String>) -> (Asked, String) {
    let mut smallest = asked;
    let mut reason = why(&smallest).unwrap_or_else(|| String::from("only once"));
    'smaller: loop {
        for smaller in smallest.smaller() {
            if let Some(still) = why(&smaller) {
                (smallest, reason) = (smaller, still);
                continue 'smaller;
            }
        }
        return (smallest, reason);
    }
}
