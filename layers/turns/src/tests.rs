//! Two copies at one file, which know nothing of each other.

use std::sync::mpsc;
use std::thread;

use super::*;

const LONG: Duration = Duration::from_secs(60);

struct Copies {
    one: Arc<Turns>,
    other: Arc<Turns>,
    _folder: tempfile::TempDir,
}

fn copies() -> Copies {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("a.db");
    let [one, other] = [(); 2].map(|()| Turns::of(&database).unwrap());
    Copies { one, other, _folder: folder }
}

fn is_taken(turns: &Arc<Turns>) -> bool {
    matches!(turns.take(Duration::ZERO), Err(NoTurn::TakenFor(Duration::ZERO)))
}

#[test]
fn a_copy_has_its_turn_alone() {
    let Copies { one, other, _folder } = copies();
    let turn = one.take(Duration::ZERO).unwrap();
    assert!(is_taken(&other));
    drop(turn);
    let turn = other.take(Duration::ZERO).unwrap();
    assert!(is_taken(&one));
    drop(turn);
    one.take(Duration::ZERO).unwrap();
}

#[test]
fn those_of_a_copy_have_it_together() {
    let Copies { one, other, _folder } = copies();
    let turns = [(); 3].map(|()| one.take(Duration::ZERO).unwrap());
    for turn in turns {
        assert!(is_taken(&other));
        drop(turn);
    }
    assert!(!is_taken(&other));
}

#[test]
fn nobody_is_passed_by_while_it_waits() {
    let Copies { one, other, _folder } = copies();
    let turn = one.take(Duration::ZERO).unwrap();
    let (said, taken) = mpsc::channel();
    thread::scope(|scope| {
        scope.spawn(|| said.send(other.take(LONG).unwrap()).unwrap());
        // From when it waits on, nobody joins the turn that has begun.
        while !is_taken(&one) {
            thread::yield_now();
        }
        drop(turn);
        // Nor takes the next one.
        let mut next = one.take(Duration::ZERO);
        while let Err(NoTurn::TakenFor(_)) = next
            && taken.try_recv().is_err()
        {
            next = one.take(Duration::ZERO);
        }
        assert!(next.is_err(), "it was passed by");
    });
    assert!(!is_taken(&one));
}

#[test]
fn who_waits_in_vain_does_not_wait_any_more() {
    let Copies { one, other, _folder } = copies();
    let turn = one.take(Duration::ZERO).unwrap();
    assert!(is_taken(&other));
    one.take(Duration::ZERO).expect("it joins the first");
    drop(turn);
    other.take(Duration::ZERO).unwrap();
}

#[test]
fn a_database_has_one_name() {
    let folder = tempfile::tempdir().unwrap();
    let (file, link) = (folder.path().join("a.db"), folder.path().join("link.db"));
    std::fs::write(&file, "").unwrap();
    std::os::unix::fs::symlink(&file, &link).unwrap();
    let (one, other) = (Turns::of(&file).unwrap(), Turns::of(&link).unwrap());
    let _turn = one.take(Duration::ZERO).unwrap();
    assert!(is_taken(&other));
}
