//! Swaps against each other, against a drain, and against the end of the host.

use crate::explore::{Problems, caught, explore};
use crate::lease::Stack;
use crate::site::Place;
use crate::switch::{Changed, Ended, Switch};
use crate::sync::{Arc, Mutex, mpsc, thread};
use crate::world::{Host, later, now, stack};

fn swap(switch: &Switch, new: Arc<Stack>) -> Result<Changed, Ended> {
    switch.put("app", &Place::Serving(new), later())
}

/// The generation that the plan has at the mount; none where nothing serves.
fn planned(switch: &Switch) -> Option<u64> {
    let look = |plan: &mut crate::site::Plan| match plan.place("app") {
        Some(Place::Serving(stack)) => stack.application().map(|it| it.number()),
        _ => None,
    };
    switch.change(look, later()).unwrap().0
}

/// How a client uses what it was given.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Client {
    HoldsItsLease,
    /// As if an exchange had a pointer, and no lease.
    LetsGoEarly,
}

/// How a version goes whose place was taken.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Going {
    WithItsLastLease,
    /// As if a swap unloaded what it has replaced.
    AtOnce,
}

/// A client asks, and two swaps come; one of them is the client's own, to need no third thread.
fn two_swaps_and_a_request(client: Client, going: Going) -> Problems {
    let [(first, one), (second, two), (third, three)] = [1, 2, 3].map(stack);
    let host = Host::start(first, 1);
    let (switch, replaced) = (Arc::clone(&host.switch), one.clone());
    loom::explore();
    let swapping = thread::spawn(move || {
        swap(&switch, second).unwrap();
        if going == Going::AtOnce {
            replaced.layer().end();
        }
    });
    let answered = host.ask();
    swap(&host.switch, third).unwrap();
    let exchange = answered.recv().unwrap().unwrap();
    let asked = [&one, &two, &three][exchange.generation() as usize - 1];
    match client {
        Client::HoldsItsLease => {
            exchange.call_inner();
            asked.expect_alive();
            drop(exchange);
        }
        Client::LetsGoEarly => {
            drop(exchange);
            asked.layer().call();
        }
    }
    swapping.join().unwrap();
    loom::stop_exploring();
    // What the core has is what the plan says, and nothing else is left.
    let last = host.ask().recv().unwrap().unwrap();
    let mut problems = Problems::new();
    if last.generation() == 1 || Some(last.generation()) != planned(&host.switch) {
        problems.push(format!("a core has {} after both swaps", last.generation()));
    }
    let (gone, stays) = if last.generation() == 2 { (&three, &two) } else { (&two, &three) };
    one.expect_gone();
    gone.expect_gone();
    stays.expect_alive();
    drop(last);
    host.end();
    stays.expect_gone();
    [one, two, three].iter().for_each(|members| problems.extend(members.problems()));
    problems
}

#[test]
fn two_swaps_and_a_request_in_hand() {
    explore(|| two_swaps_and_a_request(Client::HoldsItsLease, Going::WithItsLastLease));
}

#[test]
fn an_exchange_without_a_lease_is_caught() {
    caught(|| two_swaps_and_a_request(Client::LetsGoEarly, Going::WithItsLastLease));
}

#[test]
fn a_swap_that_does_not_wait_for_leases_is_caught() {
    caught(|| two_swaps_and_a_request(Client::HoldsItsLease, Going::AtOnce));
}

/// A core that an application holds takes its new mounts when it is free.
#[test]
fn a_swap_waits_for_no_core() {
    explore(|| {
        let [(first, one), (second, two)] = [1, 2].map(stack);
        let host = Host::start(first, 1);
        let (free, held) = mpsc::channel::<()>();
        host.hold(held);
        let switch = Arc::clone(&host.switch);
        loom::explore();
        let swapping = thread::spawn(move || switch.put("app", &Place::Serving(second), now()));
        let asked = host.ask();
        one.expect_alive();
        drop(free);
        let found = asked.recv().unwrap().unwrap();
        found.call_inner();
        drop(found);
        let mut problems = Problems::new();
        let changed = swapping.join().unwrap();
        loom::stop_exploring();
        if changed.is_err() {
            problems.push(format!("{changed:?}"));
        }
        host.end();
        [one, two].iter().for_each(|members| {
            members.expect_gone();
            problems.extend(members.problems());
        });
        problems
    });
}

/// Whose wish comes first is done first, and what stands is what the plan says: as `slot/deploy`
/// does it, under the lock of the slot.
#[test]
fn a_swap_and_a_drain() {
    explore(|| {
        let [(first, one), (second, two)] = [1, 2].map(stack);
        let host = Host::start(Arc::clone(&first), 1);
        let slot = Arc::new(Mutex::new(Some(first)));
        let (switch, held) = (Arc::clone(&host.switch), Arc::clone(&slot));
        loom::explore();
        let swapping = thread::spawn(move || {
            let mut current = held.lock().unwrap();
            swap(&switch, Arc::clone(&second)).unwrap();
            let old = current.replace(second);
            old.inspect(|old| old.panics().give_up());
        });
        let answered = host.ask();
        let mut current = slot.lock().unwrap();
        host.switch.put("app", &Place::Out("drained".into()), later()).unwrap();
        let old = current.take();
        drop(current);
        old.inspect(|old| old.panics().give_up());
        if let Some(exchange) = answered.recv().unwrap() {
            exchange.call_inner();
        }
        swapping.join().unwrap();
        loom::stop_exploring();
        let mut problems = Problems::new();
        let stands = slot.lock().unwrap().take().map(|stack| stack.members()[0].number());
        let found = host.ask().recv().unwrap().map(|exchange| exchange.generation());
        if (stands, stands) != (found, planned(&host.switch)) {
            problems.push(format!("{stands:?} in the slot, {found:?} on the core"));
        }
        one.expect_gone();
        if stands.is_none() {
            two.expect_gone();
        } else {
            two.expect_alive();
        }
        host.end();
        two.expect_gone();
        [one, two].iter().for_each(|members| problems.extend(members.problems()));
        problems
    });
}

/// A swap is refused, or what it has put there is told that the host ends; everything goes.
#[test]
fn a_swap_and_the_end_of_the_host() {
    explore(|| {
        let [(first, one), (second, two)] = [1, 2].map(stack);
        let host = Host::start(first, 2);
        let switch = Arc::clone(&host.switch);
        loom::explore();
        let swapping = thread::spawn(move || swap(&switch, second).is_ok());
        let answered = host.ask();
        let told = host.end();
        if let Ok(Some(exchange)) = answered.recv() {
            exchange.call_inner();
        }
        let swapped = swapping.join().unwrap();
        loom::stop_exploring();
        let mut problems = Problems::new();
        let told: Vec<u64> = told.into_iter().map(|stack| stack.members()[0].number()).collect();
        if told != [if swapped { 2 } else { 1 }] {
            problems.push(format!("{told:?} were told, swapped: {swapped}"));
        }
        [one, two].iter().for_each(|members| {
            members.expect_gone();
            problems.extend(members.problems());
        });
        problems
    });
}
