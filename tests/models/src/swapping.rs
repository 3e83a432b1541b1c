//! Swaps against each other, against a drain, and against the end of the host.

use crate::explore::{Problems, caught, explore};
use crate::plan::{Place, Plan};
use crate::switch::Switch;
use crate::sync::{Arc, Mutex, mpsc, thread};
use crate::tenure::Tenure;
use crate::world::{Host, alone, later, now, pair, swap};

/// The generations that the plan has at the names, in their order.
fn planned(switch: &Switch) -> Vec<u64> {
    let numbers =
        |plan: &mut Plan| plan.tenures().map(|tenure| tenure.generation().number()).collect();
    switch.change(numbers, later()).unwrap().0
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
    let [(first, one), (second, two), (third, three)] = [1, 2, 3].map(pair);
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
    if last.generation() == 1 || planned(&host.switch) != [last.generation(); 2] {
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
        let [(first, one), (second, two)] = [1, 2].map(pair);
        let host = Host::start(first, 1);
        let (free, held) = mpsc::channel::<()>();
        host.hold(held);
        let switch = Arc::clone(&host.switch);
        loom::explore();
        let swapping = thread::spawn(move || switch.change(|plan| second.put(plan), now()));
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
/// does it, under the lock of the slot. The layer around it stays.
#[test]
fn a_swap_and_a_drain() {
    explore(|| {
        let ((first, one), (second, two)) = (pair(1), alone(2));
        let host = Host::start(first.clone(), 1);
        let slot = Arc::new(Mutex::new(Some(Arc::clone(first.application()))));
        drop(first);
        let (switch, held) = (Arc::clone(&host.switch), Arc::clone(&slot));
        loom::explore();
        let swapping = thread::spawn(move || {
            let mut current = held.lock().unwrap();
            switch.put("app", &Place::Serving(Arc::clone(&second)), later()).unwrap();
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
            exchange.inner();
        }
        swapping.join().unwrap();
        loom::stop_exploring();
        let mut problems = Problems::new();
        let stands = slot.lock().unwrap().take().map(|tenure| tenure.generation().number());
        let found = host.ask().recv().unwrap().map(|exchange| exchange.inner());
        let planned = planned(&host.switch);
        // The layer's place comes after the application's.
        if stands != found || planned != stands.into_iter().chain([1]).collect::<Vec<_>>() {
            problems.push(format!("{stands:?} in the slot, {found:?} on the core, {planned:?}"));
        }
        one.application().expect_gone();
        one.layer().expect_alive();
        if stands.is_none() {
            two.expect_gone();
        } else {
            two.expect_alive();
        }
        host.end();
        one.expect_gone();
        two.expect_gone();
        problems.extend(one.problems());
        problems.extend(two.problems());
        problems
    });
}

/// Whether a swap leaves the other member where it is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Other {
    Stays,
    /// As if a swap gave up whatever a stack has around what it replaces.
    GoesToo,
}

/// A layer and its application are swapped at the same time: a request meets one of each, and what
/// stands in the end are the new ones.
fn both_members_at_once(other: Other) -> Problems {
    let ((first, one), (layer, outer), (app, inner)) = (pair(1), alone(2), alone(2));
    let host = Host::start(first, 1);
    let (switch, before) = (Arc::clone(&host.switch), one.clone());
    loom::explore();
    let swapping = thread::spawn(move || {
        switch.put("layer", &Place::Serving(layer), later()).unwrap();
        if other == Other::GoesToo {
            before.application().end();
        }
    });
    let answered = host.ask();
    host.switch.put("app", &Place::Serving(app), later()).unwrap();
    let exchange = answered.recv().unwrap().unwrap();
    let met = (exchange.generation(), exchange.inner());
    // The very ones, for as long as the exchange lasts.
    let again = (exchange.generation(), exchange.inner());
    drop(exchange);
    swapping.join().unwrap();
    loom::stop_exploring();
    let mut problems = Problems::new();
    let last = host.ask().recv().unwrap().unwrap();
    if met != again || (last.generation(), last.inner()) != (2, 2) {
        problems.push(format!("{met:?} were met, {last:?} stands"));
    }
    one.expect_gone();
    drop(last);
    host.end();
    outer.expect_gone();
    inner.expect_gone();
    problems.extend([one.problems(), outer.problems(), inner.problems()].concat());
    problems
}

#[test]
fn a_layer_and_its_application_are_swapped_at_once() {
    explore(|| both_members_at_once(Other::Stays));
}

#[test]
fn a_swap_that_takes_the_other_member_along_is_caught() {
    caught(|| both_members_at_once(Other::GoesToo));
}

/// A swap is refused, or what it has put there is told that the host ends; everything goes.
#[test]
fn a_swap_and_the_end_of_the_host() {
    explore(|| {
        let [(first, one), (second, two)] = [1, 2].map(pair);
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
        let number = |tenure: Arc<Tenure>| tenure.generation().number();
        let told: Vec<u64> = told.into_iter().map(number).collect();
        if told != [if swapped { 2 } else { 1 }; 2] {
            problems.push(format!("{told:?} were told, swapped: {swapped}"));
        }
        [one, two].iter().for_each(|members| {
            members.expect_gone();
            problems.extend(members.problems());
        });
        problems
    });
}
