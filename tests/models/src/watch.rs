//! What changed while it was deployed: the host's errands, and a file that they deploy.

#[path = "../../../host/src/watch/errand.rs"]
mod errand;

use self::errand::Errand;
use crate::explore::{Problems, explore};
use crate::sync::atomic::{AtomicUsize, Ordering};
use crate::sync::{Arc, mpsc, thread};

/// A file is written again while its last content is deployed: what serves in the end is what it
/// holds then.
#[test]
fn a_change_during_a_deploy_is_deployed_too() {
    explore(|| {
        let (file, errand) = (Arc::new(AtomicUsize::new(1)), Errand::default());
        let (deploy, deployed) = mpsc::channel();
        let work = move |file: Arc<AtomicUsize>| {
            let deploy = deploy.clone();
            move || deploy.send(file.load(Ordering::Acquire)).unwrap()
        };
        let (first, second) = (work(Arc::clone(&file)), work(Arc::clone(&file)));
        drop(work);
        let asking = errand.clone();
        loom::explore();
        let written = thread::spawn(move || asking.run(first));
        file.store(2, Ordering::Release);
        errand.run(second);
        written.join().unwrap();
        loom::stop_exploring();
        // The channel closes when no errand is left; what comes last serves.
        let all: Vec<usize> = std::iter::from_fn(|| deployed.recv().ok()).collect();
        if all.last() == Some(&2) && all.len() <= 2 {
            Problems::new()
        } else {
            vec![format!("deployed: {all:?}")]
        }
    });
}
