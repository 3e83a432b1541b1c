//! How much each client may still ask for: one number for each, and a bounded number of them.
//!
//! A bucket is kept as the time at which it will be full again (the generic cell rate algorithm),
//! so that nothing refills it. One that is full tells nothing and is forgotten first.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Buckets by key, in parts that are locked on their own.
#[derive(Debug)]
pub(super) struct Buckets {
    parts: Vec<Mutex<HashMap<Box<[u8]>, Time>>>,
    hasher: RandomState,
    rate: Rate,
    keys_max: usize,
}

/// Nanoseconds since a beginning of the caller's.
type Time = u64;

/// How much a bucket gives.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rate {
    /// Nanoseconds that one request costs.
    interval: u64,
    /// Nanoseconds that a full bucket is worth, beside the request itself.
    tolerance: u64,
}

/// Parts of the table: more than there are cores on most machines.
const PARTS: usize = 16;
/// Keys that are looked at before one is forgotten that still tells something.
const LOOKED_AT: usize = 16;

impl Rate {
    /// `requests` each `per`, of which `burst` may come at once; both at least one.
    pub(super) fn new(requests: u32, per: Duration, burst: u32) -> Self {
        let per = u64::try_from(per.as_nanos()).unwrap_or(u64::MAX);
        let interval = (per / u64::from(requests.max(1))).max(1);
        Self { interval, tolerance: interval.saturating_mul(u64::from(burst.max(1) - 1)) }
    }
}

impl Buckets {
    pub(super) fn new(rate: Rate, keys_max: usize) -> Self {
        let parts = (0..PARTS).map(|_| Mutex::default()).collect();
        Self { parts, hasher: RandomState::new(), rate, keys_max: keys_max.max(PARTS) }
    }

    /// Takes one request out of a bucket.
    ///
    /// # Errors
    /// It is empty; how long until there is one again.
    pub(super) fn take(&self, key: &[u8], now: Time) -> Result<(), Duration> {
        let at = self.hasher.hash_one(key) as usize % PARTS;
        let mut part = self.parts[at].lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(full_at) = part.get_mut(key) {
            return self.rate.take(full_at, now);
        }
        if part.len() >= self.keys_max / PARTS {
            forget(&mut part, now);
        }
        part.insert(key.into(), now + self.rate.interval);
        Ok(())
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.parts.iter().map(|part| part.lock().unwrap().len()).sum()
    }
}

impl Rate {
    fn take(self, full_at: &mut Time, now: Time) -> Result<(), Duration> {
        let due = (*full_at).max(now);
        let debt = due - now;
        if debt > self.tolerance {
            return Err(Duration::from_nanos(debt - self.tolerance));
        }
        *full_at = due + self.interval;
        Ok(())
    }
}

/// Makes room: for all that are full where there are any among some, else for the fullest of those.
fn forget(part: &mut HashMap<Box<[u8]>, Time>, now: Time) {
    if part.values().take(LOOKED_AT).any(|full_at| *full_at <= now) {
        part.retain(|_, full_at| *full_at > now);
        return;
    }
    let fullest = part.iter().take(LOOKED_AT).min_by_key(|(_, full_at)| **full_at);
    if let Some(key) = fullest.map(|(key, _)| key.clone()) {
        part.remove(&key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn a_burst_is_given_and_then_the_rate() {
        let buckets = Buckets::new(Rate::new(10, Duration::from_secs(1), 3), 1000);
        let mut now = 5 * SECOND;
        for _ in 0..3 {
            buckets.take(b"one", now).unwrap();
        }
        let wait = buckets.take(b"one", now).unwrap_err();
        assert_eq!(wait, Duration::from_millis(100));
        // Others are not concerned, and a refusal costs nothing.
        buckets.take(b"two", now).unwrap();
        now += SECOND / 10 - 1;
        assert_eq!(buckets.take(b"one", now).unwrap_err(), Duration::from_nanos(1));
        now += 1;
        buckets.take(b"one", now).unwrap();
        buckets.take(b"one", now).unwrap_err();
        // It never holds more than the burst.
        now += 1000 * SECOND;
        let given = (0..10).filter(|_| buckets.take(b"one", now).is_ok()).count();
        assert_eq!(given, 3);
    }

    #[test]
    fn no_more_keys_are_kept_than_said() {
        let buckets = Buckets::new(Rate::new(1, Duration::from_secs(1), 1), 160);
        for key in 0..10_000_u32 {
            // Each asks once, and all of them have something to tell.
            buckets.take(&key.to_be_bytes(), u64::from(key)).unwrap();
        }
        assert!(buckets.len() <= 160, "{} keys", buckets.len());
        // Those who are full again go first.
        let later = 100 * SECOND;
        for key in 0..16_u32 {
            buckets.take(&key.to_le_bytes(), later).unwrap();
        }
        assert!(buckets.len() <= 160, "{} keys", buckets.len());
    }

    #[test]
    fn one_a_minute_is_a_rate_too() {
        let rate = Rate::new(1, Duration::from_secs(60), 1);
        let mut full_at = 0;
        rate.take(&mut full_at, SECOND).unwrap();
        assert_eq!(rate.take(&mut full_at, 2 * SECOND).unwrap_err(), Duration::from_secs(59));
    }
}
