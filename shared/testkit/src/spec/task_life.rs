//! The life of one task: what each event does to it. The database does the same by compare-and-set (`store::tasks`); a
//! test compares the two (`tests/sql_histories`).

use domain::task::{MAX_ATTEMPTS, Status, backoff};

/// Times are milliseconds since 1970.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Life {
    pub status: Status,
    pub attempt: i64,
    /// The current lease and when it ends; there is one exactly while the task runs.
    pub lease: Option<(u64, i64)>,
    pub last_seq: i64,
    pub not_before: i64,
    pub cancel_requested: bool,
    pub deadline: i64,
    /// The code of its error, once it has ended in one.
    pub error: Option<&'static str>,
}

/// The report is not about the attempt that runs: nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stale;

impl Life {
    pub fn submitted(now: i64, deadline: i64) -> Life {
        Life {
            status: Status::Waiting,
            attempt: 0,
            lease: None,
            last_seq: 0,
            not_before: now,
            cancel_requested: false,
            deadline,
            error: None,
        }
    }

    /// A runner takes it: when it waits, or when its lease ran out and nobody has noticed yet.
    pub fn claim(&mut self, now: i64, lease: u64, lease_ms: i64) -> bool {
        let free = match self.status {
            Status::Waiting => self.not_before <= now,
            Status::Running => self.lease.is_some_and(|(_, until)| until <= now),
            _ => false,
        };
        if !free || self.cancel_requested || self.attempt >= MAX_ATTEMPTS {
            return false;
        }
        self.status = Status::Running;
        self.attempt += 1;
        self.lease = Some((lease, now + lease_ms));
        self.last_seq = 0;
        true
    }

    /// The report is about the attempt that runs, under its lease.
    fn held(&self, lease: u64, attempt: i64) -> Result<(), Stale> {
        let same = self.attempt == attempt && self.lease.is_some_and(|(held, _)| held == lease);
        if same { Ok(()) } else { Err(Stale) }
    }

    /// Extends the lease unless this report or a later one was seen; answers whether to stop.
    pub fn progress(&mut self, now: i64, lease: u64, attempt: i64, seq: i64, lease_ms: i64) -> Result<bool, Stale> {
        self.held(lease, attempt)?;
        if seq > self.last_seq {
            self.last_seq = seq;
            self.lease = Some((lease, now + lease_ms));
        }
        Ok(self.cancel_requested)
    }

    pub fn succeed(&mut self, lease: u64, attempt: i64) -> Result<(), Stale> {
        self.held(lease, attempt)?;
        self.status = Status::Success;
        self.lease = None;
        Ok(())
    }

    /// The attempt failed: tried again after a pause if that may help.
    pub fn fail(
        &mut self,
        now: i64,
        lease: u64,
        attempt: i64,
        retryable: bool,
        code: &'static str,
    ) -> Result<(), Stale> {
        self.held(lease, attempt)?;
        self.not_before = now + backoff(self.attempt);
        self.release(retryable, code);
        Ok(())
    }

    /// The sweeper finds that the lease ran out.
    pub fn expire(&mut self, now: i64) {
        if self.lease.is_some_and(|(_, until)| until <= now) {
            self.release(true, "poison");
        }
    }

    /// The sweeper finds that the deadline has passed.
    pub fn time_out(&mut self, now: i64) {
        if !self.status.terminal() && self.deadline <= now {
            self.end("timeout");
        }
    }

    /// The user cancels: at once while it waits; while it runs, when the runner next reports or its lease ends.
    pub fn cancel(&mut self) {
        match self.status {
            Status::Initial | Status::Ready | Status::Waiting => self.end("canceled"),
            Status::Running => self.cancel_requested = true,
            Status::Success | Status::Error => {}
        }
    }

    fn release(&mut self, retry: bool, code: &'static str) {
        if self.cancel_requested {
            self.end("canceled");
        } else if retry && self.attempt < MAX_ATTEMPTS {
            self.status = Status::Waiting;
            self.lease = None;
        } else {
            self.end(code);
        }
    }

    fn end(&mut self, code: &'static str) {
        self.status = Status::Error;
        self.error = Some(code);
        self.lease = None;
    }

    /// What holds whatever has happened; says what does not.
    pub fn check(&self) -> Result<(), String> {
        let ensure = |holds: bool, what: &str| if holds { Ok(()) } else { Err(format!("{what}: {self:?}")) };
        ensure((self.status == Status::Running) == self.lease.is_some(), "a lease without a running attempt")?;
        ensure((self.status == Status::Error) == self.error.is_some(), "an error without a code")?;
        ensure((0..=MAX_ATTEMPTS).contains(&self.attempt), "too many attempts")?;
        ensure(self.status != Status::Success || self.attempt > 0, "success without an attempt")
    }
}
