//! A client that leaves while a library of its stack works on a thread of its own.
//!
//! The library's thread has a clone of the exchange's lease, and may be the last that has one.

use crate::explore::{Problems, caught, explore};
use crate::lease::Lease;
use crate::sync::{Arc, mpsc, thread};
use crate::tenure::Work;
use crate::world::{Host, call, pair, swap};

/// What the thread of a library has of the exchange that it works for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Foreign {
    Lease,
    /// As if a library's thread were given a pointer.
    Pointer,
}

fn a_client_leaves(foreign: Foreign) -> Problems {
    let [(first, one), (second, two)] = [1, 2].map(pair);
    let host = Host::start(first, 1);
    let exchange = host.ask().recv().unwrap().unwrap();
    let (give, given) = mpsc::channel::<Option<Lease>>();
    let members = one.clone();
    loom::explore();
    let library = thread::spawn(move || match given.recv().unwrap() {
        Some(lease) => {
            // An inner call stays in the exchange's stack, whatever was swapped meanwhile.
            if call(&lease, 1) != 1 {
                members.layer().problem("an inner call has left its stack");
            }
            members.expect_alive();
        }
        None => members.application().call(),
    });
    let lease = match foreign {
        Foreign::Lease => Some(exchange.lease().clone()),
        Foreign::Pointer => None,
    };
    give.send(lease).unwrap();
    let switch = Arc::clone(&host.switch);
    let swapping = thread::spawn(move || swap(&switch, second));
    drop(exchange);
    library.join().unwrap();
    swapping.join().unwrap().unwrap();
    loom::stop_exploring();
    one.expect_gone();
    two.expect_alive();
    host.end();
    two.expect_gone();
    [one, two].iter().flat_map(|members| members.problems()).collect()
}

#[test]
fn a_client_leaves_while_a_library_works_for_it() {
    explore(|| a_client_leaves(Foreign::Lease));
}

#[test]
fn a_pointer_in_place_of_a_lease_is_caught() {
    caught(|| a_client_leaves(Foreign::Pointer));
}

/// One request is in hand all the time, and another one comes and goes while somebody looks.
#[test]
fn what_is_in_hand_is_counted() {
    explore(|| {
        let (served, one) = pair(1);
        let first = Arc::clone(served.application());
        let host = Host::start(served, 1);
        let in_hand = host.ask().recv().unwrap();
        let looked = Arc::clone(&first);
        loom::explore();
        let looking = thread::spawn(move || looked.work());
        drop(host.ask().recv().unwrap());
        let meanwhile = looking.join().unwrap();
        loom::stop_exploring();
        let after = first.work();
        drop(in_hand);
        let end = first.work();
        let mut problems = Problems::new();
        let work = |in_flight| Work { requests: 2, in_flight, panics: 0 };
        if meanwhile.in_flight == 0 || (after, end) != (work(1), work(0)) {
            problems.push(format!("{meanwhile:?}, then {after:?}, then {end:?}"));
        }
        drop(first);
        host.end();
        one.expect_gone();
        problems.extend(one.problems());
        problems
    });
}
