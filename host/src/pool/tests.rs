//! The order of jobs, and who is woken for them.

use std::sync::mpsc;
use std::task::Wake;

use super::*;
use crate::plugin::unload::{Ranges, StillThere};

struct Task(Mutex<Option<Box<dyn FnOnce() + Send>>>);

impl Task {
    fn new(task: impl FnOnce() + Send + 'static) -> Arc<Self> {
        Arc::new(Self(Mutex::new(Some(Box::new(task)))))
    }
}

impl Job for Task {
    fn run(self: Arc<Self>) -> Option<&'static Post> {
        let task = self.0.lock().unwrap().take().unwrap();
        task();
        None
    }
}

/// Keeps a thread until it is dropped.
fn hold(pool: &Pool) -> mpsc::Sender<()> {
    let (hold, held) = mpsc::channel();
    let (busy, is_busy) = mpsc::channel();
    let block = Task::new(move || {
        busy.send(()).unwrap();
        let _ = held.recv();
    });
    assert!(pool.begin(block).is_ok());
    is_busy.recv().unwrap();
    hold
}

#[test]
fn begun_work_goes_ahead_of_a_full_queue() {
    let pool = Pool::start("test", 1, 1).unwrap();
    let (order, told) = mpsc::channel();
    let say = |text: &'static str| {
        let order = order.clone();
        Task::new(move || order.send(text).unwrap())
    };
    let held = hold(&pool);
    assert!(pool.begin(say("new")).is_ok());
    assert!(pool.begin(say("refused")).is_err(), "a full queue took one more");
    pool.go_on(say("begun"));
    drop(held);
    assert_eq!([told.recv().unwrap(), told.recv().unwrap()], ["begun", "new"]);
}

#[test]
fn a_job_that_waits_delays_none_behind_it() {
    let threads = 4;
    let pool = Pool::start("test", threads, 8).unwrap();
    let (hold, held) = mpsc::channel::<()>();
    let held = Arc::new(Mutex::new(held));
    let (done, is_done) = mpsc::channel();
    // All at once, so that one thread is woken for all of them.
    let mut queue = pool.shared.lock();
    for _ in 1..threads {
        let held = Arc::clone(&held);
        queue.new.push_back(Task::new(move || {
            let _ = held.lock().unwrap().recv();
        }));
    }
    queue.new.push_back(Task::new(move || done.send(()).unwrap()));
    drop(queue);
    pool.shared.kick();
    is_done.recv().unwrap();
    drop(hold);
}

#[test]
fn a_pool_is_quiet_once_its_last_job_is_done() {
    let pool = Pool::start("test", 2, 8).unwrap();
    let held = hold(&pool);
    assert!(pool.quiet(Instant::now()).is_err(), "a job is at work");
    drop(held);
    assert!(pool.quiet(Instant::now() + Duration::from_secs(60)).is_ok());
}

/// A job that leaves an answer.
struct Answering(&'static Post);

impl Job for Answering {
    fn run(self: Arc<Self>) -> Option<&'static Post> {
        self.0.leave(0, Arc::new(()));
        Some(self.0)
    }
}

/// Tells when a core would be woken.
struct Told(mpsc::Sender<()>);

impl Wake for Told {
    fn wake(self: Arc<Self>) {
        let _ = self.0.send(());
    }
}

#[test]
fn an_answer_does_not_wait_for_the_next_job_of_its_thread() {
    let post: &'static Post = Box::leak(Box::new(Post::new()));
    watch::over_post(post);
    let (tell, told) = mpsc::channel();
    let waker = Arc::new(Told(tell)).into();
    let mut letters = Vec::new();
    post.collect(&waker, &mut letters);
    let pool = Pool::start("test", 1, 8).unwrap();
    // Both are queued before the thread looks for the first.
    let mut queue = pool.shared.lock();
    queue.new.push_back(Arc::new(Answering(post)));
    let (next, held) = mpsc::channel::<()>();
    let wait = Task::new(move || {
        let _ = held.recv();
    });
    queue.new.push_back(wait);
    drop(queue);
    pool.shared.kick();
    told.recv().unwrap();
    drop(next);
    post.collect(&waker, &mut letters);
    assert_eq!(letters.len(), 1);
}

#[test]
fn a_core_is_told_once_of_all_it_has_not_seen() {
    let post = Post::new();
    let (tell, told) = mpsc::channel();
    let waker = Arc::new(Told(tell)).into();
    let mut letters = Vec::new();
    post.leave(0, Arc::new(()));
    post.collect(&waker, &mut letters);
    assert_eq!(letters.len(), 1, "what comes before the core is kept for it");
    letters.clear();
    post.tell();
    assert!(told.try_recv().is_err(), "there is nothing to tell");
    for _ in 0..2 {
        post.leave(0, Arc::new(()));
        post.tell();
    }
    post.collect(&waker, &mut letters);
    assert_eq!((letters.len(), told.try_iter().count()), (2, 1));
    post.close();
    let kept = Arc::new(());
    post.leave(0, Arc::<()>::clone(&kept));
    assert_eq!(Arc::strong_count(&kept), 1, "it is kept for nobody");
}

#[test]
fn its_threads_clear_themselves_when_they_are_asked() {
    let ask = |patience| {
        let until = Instant::now() + Duration::from_millis(patience);
        purge::everywhere(&Ranges::default(), until)
    };
    let pool = Pool::start("asked", 2, 1).unwrap();
    let held = hold(&pool);
    assert!(matches!(ask(20), Err(StillThere::Busy(_))), "it did not wait for the job's end");
    drop(held);
    // Between two jobs, and while they wait for one.
    assert_eq!(ask(30_000), Ok(()));
    assert_eq!(ask(30_000), Ok(()));
}
