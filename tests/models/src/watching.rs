//! Panics of a tenure, and the window that waits for them: no wake is lost.

use crate::explore::{Problems, explore};
use crate::panics::{Panics, Watching};
use crate::sync::{Arc, thread};
use crate::world::{later, now};

fn expect(found: Watching, allowed: &[Watching]) -> Problems {
    if allowed.contains(&found) { Problems::new() } else { vec![format!("{found:?}")] }
}

#[test]
fn as_many_panics_as_are_allowed_end_a_watch() {
    explore(|| {
        let panics = Arc::<Panics>::default();
        loom::explore();
        let adding = [(); 2].map(|()| {
            let panics = Arc::clone(&panics);
            thread::spawn(move || panics.add())
        });
        let found = panics.watch(2, later());
        adding.into_iter().for_each(|adding| adding.join().unwrap());
        loom::stop_exploring();
        expect(found, &[Watching::Spent])
    });
}

#[test]
fn a_tenure_that_is_given_up_ends_its_watch() {
    explore(|| {
        let panics = Arc::<Panics>::default();
        let given_up = Arc::clone(&panics);
        loom::explore();
        let giving_up = thread::spawn(move || given_up.give_up());
        let found = panics.watch(1, later());
        giving_up.join().unwrap();
        loom::stop_exploring();
        expect(found, &[Watching::GivenUp])
    });
}

#[test]
fn a_panic_while_a_tenure_is_given_up() {
    explore(|| {
        let panics = Arc::<Panics>::default();
        let (panicking, given_up) = (Arc::clone(&panics), Arc::clone(&panics));
        loom::explore();
        let panicking = thread::spawn(move || panicking.add());
        let giving_up = thread::spawn(move || given_up.give_up());
        let mut problems = expect(panics.watch(1, later()), &[Watching::Spent, Watching::GivenUp]);
        panicking.join().unwrap();
        giving_up.join().unwrap();
        loom::stop_exploring();
        problems.extend(expect(panics.watch(1, now()), &[Watching::GivenUp]));
        problems
    });
}
