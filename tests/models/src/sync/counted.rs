//! `Arc` with `Weak`, which loom has not: std's, whose count is kept once more by an atomic of
//! loom's. The orderings are those of std. Between a change of loom's count and that of std's no
//! other thread of a model runs, so they agree.

use std::borrow::Borrow;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::sync;

use loom::sync::atomic::{AtomicUsize, Ordering, fence};

pub(crate) struct Arc<T: ?Sized> {
    // Drop order: the count, then the value.
    count: Count,
    value: sync::Arc<T>,
}

pub(crate) struct Weak<T: ?Sized> {
    /// None where there never was a value.
    count: Option<sync::Arc<AtomicUsize>>,
    value: sync::Weak<T>,
}

/// One of those that are counted.
struct Count(Option<sync::Arc<AtomicUsize>>);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Left {
    Last,
    Others,
}

impl<T: ?Sized> Arc<T> {
    /// The only one of a value, which may be of no known size.
    pub(crate) fn of(value: sync::Arc<T>) -> Self {
        Self { count: Count::first(), value }
    }
}

impl Count {
    fn first() -> Self {
        Self(Some(sync::Arc::new(AtomicUsize::new(1))))
    }

    fn counter(&self) -> &sync::Arc<AtomicUsize> {
        self.0.as_ref().expect("it was not left")
    }

    fn another(&self) -> Self {
        self.counter().fetch_add(1, Ordering::Relaxed);
        Self(self.0.clone())
    }

    /// Leaves only if there are no others.
    fn leave_alone(&mut self) -> Left {
        let left = self.counter().compare_exchange(1, 0, Ordering::Relaxed, Ordering::Relaxed);
        if left.is_err() {
            return Left::Others;
        }
        fence(Ordering::Acquire);
        self.0 = None;
        Left::Last
    }

    fn leave(&mut self) -> Left {
        let Some(count) = self.0.take() else { return Left::Others };
        if count.fetch_sub(1, Ordering::Release) != 1 {
            return Left::Others;
        }
        fence(Ordering::Acquire);
        Left::Last
    }
}

impl Drop for Count {
    fn drop(&mut self) {
        // A model that has failed is over: loom takes no more steps.
        if !std::thread::panicking() {
            self.leave();
        }
    }
}

impl<T> Arc<T> {
    pub(crate) fn new(value: T) -> Self {
        Self::of(sync::Arc::new(value))
    }

    pub(crate) fn try_unwrap(mut this: Self) -> Result<T, Self> {
        if this.count.leave_alone() == Left::Others {
            return Err(this);
        }
        let Self { count, value } = this;
        sync::Arc::try_unwrap(value).map_err(|value| Self { count, value })
    }

    pub(crate) fn into_inner(this: Self) -> Option<T> {
        let Self { mut count, value } = this;
        match count.leave() {
            Left::Last => sync::Arc::into_inner(value),
            Left::Others => None,
        }
    }
}

impl<T: ?Sized> Arc<T> {
    pub(crate) fn ptr_eq(this: &Self, other: &Self) -> bool {
        sync::Arc::ptr_eq(&this.value, &other.value)
    }

    pub(crate) fn downgrade(this: &Self) -> Weak<T> {
        let count = Some(sync::Arc::clone(this.count.counter()));
        Weak { count, value: sync::Arc::downgrade(&this.value) }
    }
}

impl<T> Weak<T> {
    pub(crate) const fn new() -> Self {
        Self { count: None, value: sync::Weak::new() }
    }
}

impl<T: ?Sized> Weak<T> {
    pub(crate) fn strong_count(&self) -> usize {
        self.count.as_ref().map_or(0, |count| count.load(Ordering::Relaxed))
    }

    pub(crate) fn upgrade(&self) -> Option<Arc<T>> {
        let count = self.count.as_ref()?;
        let add = |count| if count == 0 { None } else { Some(count + 1) };
        count.fetch_update(Ordering::Acquire, Ordering::Relaxed, add).ok()?;
        let value = self.value.upgrade().expect("it is counted");
        Some(Arc { count: Count(Some(sync::Arc::clone(count))), value })
    }
}

impl<T: ?Sized> Clone for Weak<T> {
    fn clone(&self) -> Self {
        Self { count: self.count.clone(), value: sync::Weak::clone(&self.value) }
    }
}

impl<T: ?Sized> Clone for Arc<T> {
    fn clone(&self) -> Self {
        Self { count: self.count.another(), value: sync::Arc::clone(&self.value) }
    }
}

impl<T: ?Sized> Deref for Arc<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: Default> Default for Arc<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl From<&str> for Arc<str> {
    fn from(text: &str) -> Self {
        Self { count: Count::first(), value: text.into() }
    }
}

impl<T: ?Sized> Borrow<T> for Arc<T> {
    fn borrow(&self) -> &T {
        &self.value
    }
}

impl<T: ?Sized + PartialEq> PartialEq for Arc<T> {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl<T: ?Sized + Eq> Eq for Arc<T> {}

impl<T: ?Sized + Hash> Hash for Arc<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.value.hash(state);
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for Arc<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value.fmt(f)
    }
}

impl<T: ?Sized + fmt::Display> fmt::Display for Arc<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value.fmt(f)
    }
}

impl<T: ?Sized> fmt::Debug for Weak<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(Weak)")
    }
}
