//! A history of one run: what users saw, to be compared with the database afterwards.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The identifier of a task in the API that took it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Name {
    Id(i64),
    Number(String),
}

impl Name {
    pub fn path(&self) -> String {
        match self {
            Name::Id(id) => format!("/api/tasks/{id}"),
            Name::Number(number) => format!("/user/ai/tasks/{number}"),
        }
    }
}

#[derive(Clone, Debug, Default)]
pub struct Recorded {
    /// The key of each submission that was acknowledged, and whose.
    pub acknowledged: BTreeMap<Name, (i64, String)>,
    /// Ends that were seen: success or not.
    pub ended: BTreeMap<Name, bool>,
    /// Tasks whose deletion was acknowledged.
    pub deleted: Vec<Name>,
    /// Submissions refused for want of points.
    pub refused: u32,
    /// Cancellations that were acknowledged.
    pub canceled: u32,
    /// Submissions sent again with their key although an answer had come or was on its way.
    pub repeated: u32,
    /// Calls without an answer, which were sent again.
    pub cut: u32,
    /// Answers that say that the edge is not well, which were too: status and code.
    pub unwell: BTreeMap<String, u32>,
    pub users: u32,
    /// What must never be.
    pub wrong: Vec<String>,
}

pub struct History {
    /// Submissions still to be made.
    left: Mutex<u32>,
    closed: AtomicBool,
    recorded: Mutex<Recorded>,
}

impl History {
    pub fn new(tasks: u32) -> History {
        History { left: Mutex::new(tasks), closed: AtomicBool::new(false), recorded: Mutex::default() }
    }

    /// Takes one of the submissions to be made, if one is left.
    pub fn take(&self) -> bool {
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = left.checked_sub(1).filter(|_| !self.closed());
        *left = taken.unwrap_or(*left);
        taken.is_some()
    }

    /// One that was refused is to be made by somebody else.
    pub fn give_back(&self) {
        *self.left.lock().unwrap_or_else(PoisonError::into_inner) += 1;
    }

    /// From here on nothing more is submitted.
    pub fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
    }

    pub fn closed(&self) -> bool {
        self.closed.load(Ordering::SeqCst)
    }

    pub fn recorded(&self) -> MutexGuard<'_, Recorded> {
        self.recorded.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
