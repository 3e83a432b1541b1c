//! Sessions in the memory of the layer, handed over from one version of it to the next.
//!
//! Two versions change sessions at the same time while one takes over from the other, and the new
//! one is told of the old one's changes twice: before the swap, and after its last request. So
//! every field carries the time of its change, and of two changes the later one counts, in whatever
//! order they arrive; a session that has ended is remembered as long as it could have lasted.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use dsgi::Handover;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Birth, Changes, Fields, Kept, Sought, Store, StoreError};
use crate::layer::id::Id;

/// Sessions in memory, at most so many.
pub(crate) struct Memory {
    most: usize,
    sessions: Mutex<Sessions>,
}

/// Microseconds since 1970, and never the same twice in one version.
type Moment = u64;

/// How long the last word of the version before is waited for: a day.
const LAST_WORD_MAX: Moment = 24 * 60 * 60 * 1_000_000;

#[derive(Default)]
struct Sessions {
    by_id: HashMap<Id, Session>,
    last: Moment,
    knowledge: Knowledge,
}

/// Whether there are sessions that this version has not heard of.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Knowledge {
    #[default]
    Whole,
    /// The version before may begin some until it says its last word.
    Partial,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Session {
    ends: Moment,
    /// When it was ended before its time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ended: Option<Moment>,
    fields: BTreeMap<String, Field>,
}

/// A value and when it was set; none for one that was removed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Field(Moment, Option<Value>);

/// What is handed over: sessions by name.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Inheritance(Vec<(Vec<u8>, Session)>);

impl Memory {
    pub(crate) fn new(most: usize) -> Self {
        Self { most, sessions: Mutex::default() }
    }

    /// Every session, for another version.
    pub(crate) fn export(&self) -> Inheritance {
        let mut sessions = self.sessions();
        let now = sessions.now();
        sessions.forget(now);
        let all = sessions.by_id.iter().map(|(id, one)| (id.as_bytes().to_vec(), one.clone()));
        Inheritance(all.collect())
    }

    /// Takes in what another version has exported.
    pub(crate) fn import(&self, Inheritance(theirs): Inheritance, handover: Handover) {
        let mut sessions = self.sessions();
        sessions.knowledge = match handover {
            Handover::Snapshot => Knowledge::Partial,
            Handover::Final => Knowledge::Whole,
        };
        for (id, theirs) in theirs {
            let Some(id) = Id::from_bytes(&id) else { continue };
            sessions.by_id.entry(id).or_default().merge(theirs);
        }
    }

    fn sessions(&self) -> MutexGuard<'_, Sessions> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store for Memory {
    fn load(&self, id: &Id) -> Result<Sought, StoreError> {
        let mut sessions = self.sessions();
        let now = sessions.now();
        Ok(match (sessions.by_id.get(id), sessions.knowledge) {
            (Some(session), _) => session.kept(now).map_or(Sought::Gone, Sought::Kept),
            (None, Knowledge::Partial) => Sought::Awaited,
            (None, Knowledge::Whole) => Sought::Gone,
        })
    }

    fn save(
        &self,
        id: &Id,
        birth: Birth,
        changes: &Changes,
        lifetime: Duration,
    ) -> Result<(), StoreError> {
        let mut sessions = self.sessions();
        let now = sessions.now();
        match birth {
            Birth::Earlier if !sessions.is_there(id, now) => return Ok(()),
            Birth::Now => sessions.make_room(self.most, now),
            Birth::Earlier => {}
        }
        let session = sessions.by_id.entry(*id).or_default();
        session.ends = now.saturating_add(microseconds(lifetime));
        for (key, value) in changes {
            session.fields.insert(key.clone(), Field(now, value.clone()));
        }
        Ok(())
    }

    fn remove(&self, id: &Id) -> Result<(), StoreError> {
        let mut sessions = self.sessions();
        let now = sessions.now();
        if sessions.knowledge == Knowledge::Partial {
            // The last word of the version before may name it.
            let unheard_of = Session { ends: now + LAST_WORD_MAX, ..Session::default() };
            sessions.by_id.entry(*id).or_insert(unheard_of);
        }
        if let Some(session) = sessions.by_id.get_mut(id) {
            session.ended = Some(now);
            session.fields.clear();
        }
        Ok(())
    }
}

impl Sessions {
    fn now(&mut self) -> Moment {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.last = microseconds(since).max(self.last + 1);
        self.last
    }

    fn is_there(&self, id: &Id, now: Moment) -> bool {
        self.by_id.get(id).is_some_and(|session| session.is_there(now))
    }

    /// Forgets sessions whose time is over.
    fn forget(&mut self, now: Moment) {
        self.by_id.retain(|_, session| session.ends > now);
    }

    /// Room for one more: of those that are over, else of the sixteenth that ends first, so that
    /// this is rare.
    fn make_room(&mut self, most: usize, now: Moment) {
        if self.by_id.len() < most {
            return;
        }
        self.forget(now);
        if self.by_id.len() < most {
            return;
        }
        let mut ends: Vec<Moment> = self.by_id.values().map(|session| session.ends).collect();
        let surplus = (most / 16).min(ends.len() - 1);
        let (_, last, _) = ends.select_nth_unstable(surplus);
        let last = *last;
        self.by_id.retain(|_, session| session.ends > last);
    }
}

impl Session {
    fn is_there(&self, now: Moment) -> bool {
        self.ended.is_none() && self.ends > now
    }

    fn kept(&self, now: Moment) -> Option<Kept> {
        if !self.is_there(now) {
            return None;
        }
        let set = |(key, field): (&String, &Field)| Some((key.clone(), field.1.clone()?));
        let fields: Fields = self.fields.iter().filter_map(set).collect();
        Some(Kept { fields, left: Duration::from_micros(self.ends - now) })
    }

    fn merge(&mut self, theirs: Self) {
        self.ends = self.ends.max(theirs.ends);
        self.ended = self.ended.max(theirs.ended);
        for (key, field) in theirs.fields {
            match self.fields.get_mut(&key) {
                Some(ours) if ours.0 >= field.0 => {}
                Some(ours) => *ours = field,
                None => {
                    self.fields.insert(key, field);
                }
            }
        }
        if self.ended.is_some() {
            self.fields.clear();
        }
    }
}

fn microseconds(time: Duration) -> Moment {
    Moment::try_from(time.as_micros()).unwrap_or(Moment::MAX)
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Memory({} sessions)", self.sessions().by_id.len())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests::{changes, fields, tried};
    use super::*;

    const HOUR: Duration = Duration::from_secs(3_600);

    fn set(store: &Memory, id: &Id, birth: Birth, key: &str, value: Value) {
        store.save(id, birth, &changes(&[(key, Some(value))]), HOUR).unwrap();
    }

    #[test]
    fn it_is_a_store() {
        tried(&Memory::new(1_000));
    }

    #[test]
    fn there_are_never_more_than_may_be() {
        let store = Memory::new(32);
        let ids: Vec<Id> = (0..100).map(|_| Id::random().unwrap()).collect();
        for id in &ids {
            set(&store, id, Birth::Now, "a", json!(1));
            assert_eq!(fields(&store, id), json!({"a": 1}));
            assert!(store.sessions().by_id.len() <= 32);
        }
        assert!(store.sessions().by_id.len() > 16, "those that stay are not few");
        assert_eq!(fields(&store, &ids[0]), Value::Null, "the first one ends first");
    }

    #[test]
    fn versions_agree_in_whatever_order_they_are_told() {
        let [old, new] = [Memory::new(100), Memory::new(100)];
        let [kept, ended] = [Id::random().unwrap(), Id::random().unwrap()];
        set(&old, &kept, Birth::Now, "user", json!("Ada"));
        set(&old, &kept, Birth::Earlier, "colour", json!("red"));
        set(&old, &ended, Birth::Now, "user", json!("Ada"));
        let snapshot = serde_json::to_string(&old.export()).unwrap();
        let told = |text: &str| serde_json::from_str::<Inheritance>(text).unwrap();
        let snapshot = || told(&snapshot);
        new.import(snapshot(), Handover::Snapshot);
        assert_eq!(fields(&new, &kept), json!({"user": "Ada", "colour": "red"}));

        // Both are at work: a late request of the old one, and requests of the new one.
        set(&old, &kept, Birth::Earlier, "late", json!(1));
        set(&new, &kept, Birth::Earlier, "colour", json!("blue"));
        new.save(&kept, Birth::Earlier, &changes(&[("user", None)]), HOUR).unwrap();
        new.remove(&ended).unwrap();

        let last_word = serde_json::to_string(&old.export()).unwrap();
        let last_word = || told(&last_word);
        for told in [last_word(), snapshot(), last_word()] {
            new.import(told, Handover::Final);
            assert_eq!(fields(&new, &kept), json!({"colour": "blue", "late": 1}));
            assert_eq!(fields(&new, &ended), Value::Null);
        }
    }

    #[test]
    fn what_the_version_before_may_have_begun_is_awaited() {
        let [old, new] = [Memory::new(100), Memory::new(100)];
        let ids = [(); 3].map(|()| Id::random().unwrap());
        let [late, ended, never] = ids;
        assert_eq!(new.load(&late), Ok(Sought::Gone));
        new.import(old.export(), Handover::Snapshot);
        for id in &ids {
            assert_eq!(new.load(id), Ok(Sought::Awaited));
        }
        set(&old, &late, Birth::Now, "user", json!("Ada"));
        set(&old, &ended, Birth::Now, "user", json!("Ada"));
        set(&new, &late, Birth::Now, "colour", json!("red"));
        new.remove(&ended).unwrap();
        new.import(old.export(), Handover::Final);
        assert_eq!(fields(&new, &late), json!({"user": "Ada", "colour": "red"}));
        for id in [&ended, &never] {
            assert_eq!(new.load(id), Ok(Sought::Gone));
        }
    }
}
