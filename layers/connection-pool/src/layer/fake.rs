//! A database that only counts, for the tests of pool and loan.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::connection::{Connection, StatementError};
use super::pool::Pool;
use crate::{Cell, Rows};

/// What the database knows.
#[derive(Debug, Default)]
pub(crate) struct Fake {
    pub(crate) opened: AtomicUsize,
    pub(crate) open: AtomicUsize,
    /// Not zero: nothing can be reached.
    pub(crate) down: AtomicUsize,
}

struct Counted(Arc<Fake>);

impl Fake {
    pub(crate) fn pool(self: &Arc<Self>, most: usize, wait: Duration) -> Arc<Pool> {
        let fake = Arc::clone(self);
        let open = move || -> Result<Box<dyn Connection>, String> {
            fake.answer()?;
            fake.opened.fetch_add(1, Ordering::SeqCst);
            fake.open.fetch_add(1, Ordering::SeqCst);
            Ok(Box::new(Counted(Arc::clone(&fake))))
        };
        Arc::new(Pool::new(Box::new(open), most, wait))
    }

    /// How many connections were made, and how many of them are there.
    pub(crate) fn counts(&self) -> (usize, usize) {
        (self.opened.load(Ordering::SeqCst), self.open.load(Ordering::SeqCst))
    }

    fn answer(&self) -> Result<(), String> {
        match self.down.load(Ordering::SeqCst) {
            0 => Ok(()),
            _ => Err("it is down".to_owned()),
        }
    }
}

impl Connection for Counted {
    fn query(&mut self, text: &str, with: &[Cell]) -> Result<Rows, StatementError> {
        self.0.answer().map_err(StatementError::Broken)?;
        match text {
            "refuse" => Err(StatementError::Refused("no".to_owned())),
            _ => Ok(Rows { columns: vec![text.to_owned()], rows: vec![with.to_vec()] }),
        }
    }

    fn execute(&mut self, text: &str, with: &[Cell]) -> Result<u64, StatementError> {
        self.query(text, with).map(|_| 7)
    }

    fn is_alive(&mut self) -> bool {
        self.0.answer().is_ok()
    }

    fn reset(&mut self) -> Result<(), StatementError> {
        self.0.answer().map_err(StatementError::Broken)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::SeqCst);
    }
}
