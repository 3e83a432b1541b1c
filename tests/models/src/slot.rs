//! Deploys of one application, which take the host's turns.

#[path = "../../../host/src/slot/turn.rs"]
mod turn;

use std::sync::Mutex;

use self::turn::{Busy, Overtaken, Turns};
use crate::explore::{Problems, explore};
use crate::sync::{Arc, thread};

/// What deploys have done, in their order.
type Done = Arc<Mutex<Vec<Step>>>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Begun(u32),
    Over(u32),
}

fn deploy(turns: &Turns, number: u32, done: &Done) -> Result<(), Overtaken> {
    let turn = turns.take(|| {})?;
    done.lock().unwrap().push(Step::Begun(number));
    // Others come here, as they do while one is built.
    turns.busy();
    done.lock().unwrap().push(Step::Over(number));
    drop(turn);
    Ok(())
}

/// One at a time, each whole.
fn check(done: &Done, problems: &mut Problems) -> Vec<u32> {
    let done = done.lock().unwrap();
    let whole = |pair: &[Step]| matches!(pair, [Step::Begun(a), Step::Over(b)] if a == b);
    if !done.chunks(2).all(whole) {
        problems.push(format!("two at once: {done:?}"));
    }
    done.iter()
        .filter_map(|step| if let Step::Over(it) = step { Some(*it) } else { None })
        .collect()
}

/// Of three at once at least one is done; who is not was overtaken, and nobody waits for ever.
#[test]
fn three_deploys_at_once() {
    explore(|| {
        let (turns, done) = (Arc::new(Turns::default()), Done::default());
        loom::explore();
        let others = [1, 2].map(|number| {
            let (turns, done) = (Arc::clone(&turns), Arc::clone(&done));
            thread::spawn(move || (number, deploy(&turns, number, &done)))
        });
        let own = (3, deploy(&turns, 3, &done));
        let all = others.map(|other| other.join().unwrap()).into_iter().chain([own]);
        loom::stop_exploring();
        let mut problems = Problems::new();
        let mut expected: Vec<u32> =
            all.filter_map(|(number, result)| result.is_ok().then_some(number)).collect();
        let mut done = check(&done, &mut problems);
        done.sort_unstable();
        expected.sort_unstable();
        if done.is_empty() || done != expected {
            problems.push(format!("{done:?} were done, {expected:?} say so"));
        }
        if turns.busy() != Busy::Idle {
            problems.push(String::from("somebody is still at work"));
        }
        problems
    });
}

/// Whoever asks later is done later, or in place of the one before.
#[test]
fn a_later_wish_is_never_done_before_an_older_one() {
    explore(|| {
        let (turns, done) = (Arc::new(Turns::default()), Done::default());
        let first = turns.take(|| {}).unwrap();
        let (asked, is_asked) = crate::sync::mpsc::channel::<()>();
        let (waiting, order) = (Arc::clone(&turns), Arc::clone(&done));
        loom::explore();
        let second = thread::spawn(move || {
            let turn = waiting.take(|| drop(asked));
            turn.map(|_turn| order.lock().unwrap().push(Step::Over(2)))
        });
        // The second has asked, and waits.
        is_asked.recv().unwrap_err();
        drop(first);
        let third = turns.take(|| {}).map(|_turn| done.lock().unwrap().push(Step::Over(3)));
        let second = second.join().unwrap();
        loom::stop_exploring();
        let done = done.lock().unwrap();
        let right = match (second, third) {
            (Ok(()), Ok(())) => *done == [Step::Over(2), Step::Over(3)],
            (Err(Overtaken), Ok(())) => *done == [Step::Over(3)],
            (_, Err(Overtaken)) => false,
        };
        if right { Problems::new() } else { vec![format!("{second:?}, {third:?}: {done:?}")] }
    });
}
