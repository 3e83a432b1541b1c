//! One request's part in a session: loaded when it is first asked for, changed as the application
//! wishes, and settled once, before the head of the response is sent.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use dsgi::{Error, Result};
use serde_json::Value;

use super::id::Id;
use super::keys::{Mark, Named};
use super::store::{Birth, Changes, Fields, Kept, Sought, Store, StoreError};
use crate::wish::Wish;

/// What a request has to do with a session.
pub(crate) struct Visit {
    store: Arc<dyn Store>,
    terms: Terms,
    state: Mutex<State>,
}

/// What every session is held to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms {
    /// How long it lasts without a request.
    pub(crate) lifetime: Duration,
    /// How many bytes of JSON its fields may be.
    pub(crate) most: usize,
}

/// The field of a session in which the token of its forms is kept.
const TOKEN: &str = "dsgi.form_token";

const LATE: &str = "the session was saved with the head of the response: change it earlier";

struct State {
    /// What the cookie says.
    named: Option<Named>,
    loaded: Loaded,
    changes: Changes,
    fate: Fate,
    phase: Phase,
}

#[derive(Clone, Debug, PartialEq)]
enum Loaded {
    /// The application has asked for nothing.
    NotYet,
    /// None of that name is kept.
    Unknown,
    /// The version before may keep one.
    Awaited,
    Known(Kept),
    Failed(StoreError),
}

/// Whether the session goes on under its name.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fate {
    Goes,
    /// What is left of it goes on under another name.
    Renamed,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Phase {
    Open,
    Settled,
}

/// What the response says of the session.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Word {
    /// The application asked for nothing: the response is the same for every visitor.
    Nothing,
    /// It asked, so the response is for this visitor.
    Personal,
    /// The cookie is this one from now on.
    Give(Id),
    /// The cookie is of no use any more.
    Take,
}

/// Why a visit was not settled.
#[derive(Clone, Debug)]
pub(crate) enum SettleError {
    Store(StoreError),
    Random(getrandom::Error),
}

impl Visit {
    pub(crate) fn new(store: Arc<dyn Store>, terms: Terms, named: Option<Named>) -> Self {
        let state = State {
            named,
            loaded: Loaded::NotYet,
            changes: Changes::new(),
            fate: Fate::Goes,
            phase: Phase::Open,
        };
        Self { store, terms, state: Mutex::new(state) }
    }

    /// Fulfils a wish of the application, both sides as JSON.
    pub(crate) fn fulfil(&self, wish: &[u8]) -> Result<Vec<u8>> {
        let wish: Wish = serde_json::from_slice(wish)?;
        let mut state = self.state();
        if state.phase == Phase::Settled && !matches!(wish, Wish::Get(_) | Wish::Token) {
            return Err(Error::new(LATE));
        }
        self.load(&mut state)?;
        let answer = match wish {
            Wish::Get(key) => state.value(&key).cloned().unwrap_or_default(),
            Wish::Set(key, value) => {
                self.check(&state, &key, &value)?;
                state.changes.insert(key, Some(value));
                Value::Null
            }
            Wish::Remove(key) => {
                state.changes.insert(key, None);
                Value::Null
            }
            Wish::Token => self.token(&mut state)?,
            Wish::Regenerate => {
                state.fate = Fate::Renamed;
                state.changes.insert(TOKEN.to_owned(), None);
                Value::Null
            }
            Wish::Destroy => {
                state.fate = Fate::Renamed;
                let fields = state.fields();
                state.changes = fields.into_keys().map(|key| (key, None)).collect();
                Value::Null
            }
        };
        Ok(serde_json::to_vec(&answer)?)
    }

    /// Saves what was changed. What the application asks from now on is what it has left.
    pub(crate) fn settle(&self) -> Result<Word, SettleError> {
        let mut state = self.state();
        state.phase = Phase::Settled;
        let known = state.named.as_ref().map(|named| named.id);
        let (fields, fate) = (state.fields(), state.fate);
        match (&state.loaded, known) {
            (Loaded::NotYet, _) => Ok(Word::Nothing),
            (Loaded::Failed(error), _) => Err(SettleError::Store(error.clone())),
            (Loaded::Known(_), Some(id)) if fields.is_empty() => {
                self.store.remove(&id)?;
                Ok(Word::Take)
            }
            (Loaded::Known(kept), Some(id)) if fate == Fate::Goes => {
                let is_due = kept.left < self.terms.lifetime / 2;
                let is_old = state.named.as_ref().is_some_and(|named| named.mark == Mark::Old);
                if is_due || !state.changes.is_empty() {
                    self.store.save(&id, Birth::Earlier, &state.changes, self.terms.lifetime)?;
                }
                Ok(if is_due || is_old { Word::Give(id) } else { Word::Personal })
            }
            (Loaded::Awaited, Some(id)) if fate == Fate::Goes => {
                if !state.changes.is_empty() {
                    self.store.save(&id, Birth::Now, &state.changes, self.terms.lifetime)?;
                }
                Ok(Word::Personal)
            }
            (Loaded::Known(_) | Loaded::Awaited, Some(id)) => {
                let word = match fields.is_empty() {
                    true => Word::Take,
                    false => Word::Give(self.begin(fields)?),
                };
                self.store.remove(&id)?;
                Ok(word)
            }
            (Loaded::Unknown, Some(_)) if fields.is_empty() => Ok(Word::Take),
            (_, _) if fields.is_empty() => Ok(Word::Personal),
            (_, _) => Ok(Word::Give(self.begin(fields)?)),
        }
    }

    /// Why the store gave nothing, if that is so.
    pub(crate) fn failure(&self) -> Option<StoreError> {
        match &self.state().loaded {
            Loaded::Failed(error) => Some(error.clone()),
            _ => None,
        }
    }

    /// A new session with these fields. Its name is never one that the visitor has chosen.
    fn begin(&self, fields: Fields) -> Result<Id, SettleError> {
        let id = Id::random()?;
        let changes = fields.into_iter().map(|(key, value)| (key, Some(value))).collect();
        self.store.save(&id, Birth::Now, &changes, self.terms.lifetime)?;
        Ok(id)
    }

    fn load(&self, state: &mut State) -> Result<()> {
        if state.loaded == Loaded::NotYet {
            state.loaded = match state.named.as_ref().map(|named| self.store.load(&named.id)) {
                None | Some(Ok(Sought::Gone)) => Loaded::Unknown,
                Some(Ok(Sought::Awaited)) => Loaded::Awaited,
                Some(Ok(Sought::Kept(kept))) => Loaded::Known(kept),
                Some(Err(error)) => Loaded::Failed(error),
            };
        }
        match &state.loaded {
            Loaded::Failed(error) => Err(Error::status(503, error.to_string())),
            _ => Ok(()),
        }
    }

    /// The token of the session's forms, made when it is first asked for.
    fn token(&self, state: &mut State) -> Result<Value> {
        if let Some(token) = state.value(TOKEN) {
            return Ok(token.clone());
        }
        if state.phase == Phase::Settled {
            return Err(Error::new(LATE));
        }
        let token = Value::String(Id::random()?.to_string());
        state.changes.insert(TOKEN.to_owned(), Some(token.clone()));
        Ok(token)
    }

    fn check(&self, state: &State, key: &str, value: &Value) -> Result<()> {
        let mut fields = state.fields();
        fields.insert(key.to_owned(), value.clone());
        let (length, most) = (serde_json::to_string(&fields)?.len(), self.terms.most);
        if length > most {
            let what = format!("the session would have {length} bytes, and may have {most}");
            return Err(Error::new(what));
        }
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn value(&self, key: &str) -> Option<&Value> {
        match (self.changes.get(key), &self.loaded) {
            (Some(changed), _) => changed.as_ref(),
            (None, Loaded::Known(kept)) => kept.fields.get(key),
            (None, _) => None,
        }
    }

    /// The fields as this request sees them.
    fn fields(&self) -> Fields {
        let mut fields = match &self.loaded {
            Loaded::Known(kept) => kept.fields.clone(),
            _ => Fields::new(),
        };
        for (key, value) in &self.changes {
            match value {
                Some(value) => fields.insert(key.clone(), value.clone()),
                None => fields.remove(key),
            };
        }
        fields
    }
}

impl From<StoreError> for SettleError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<getrandom::Error> for SettleError {
    fn from(error: getrandom::Error) -> Self {
        Self::Random(error)
    }
}

impl fmt::Display for SettleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Store(error) => error.fmt(f),
            Self::Random(error) => write!(f, "a name for a session: {error}"),
        }
    }
}

impl fmt::Debug for Visit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state();
        write!(f, "Visit({:?}, {:?})", state.fate, state.phase)
    }
}

#[cfg(test)]
mod tests;
