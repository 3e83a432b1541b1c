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
