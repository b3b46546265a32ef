//! A small world for random histories: users with grants, tasks in line, runners that report truly or not. It applies
//! events to the specifications and says when a rule breaks.

use domain::Id;
use domain::task::Status;

use super::ledger::{Closing, Ledger, Refusal};
use super::task_life::{Life, Stale};

pub const LEASE_MS: i64 = 1000;
pub const USERS: Id = 3;
pub const SERVERS: Id = 2;
/// What a picture may cost.
pub const PRICES: [i64; 3] = [0, 7, 30];
/// What runners say when they fail.
pub const FAILURE: &str = "drawing_failed";
/// Pauses are few different ones, so that things often fall on the same millisecond.
const PAUSES: [i64; 5] = [1, 499, 500, 1000, 4000];
/// And so long tasks may take.
const TIMES: [i64; 4] = [500, 2000, 8000, 100_000];

#[derive(Clone, Debug)]
pub enum Event {
    Wait(i64),
    Grant { user: Id, amount: i64, lasts: Option<i64> },
    Submit { user: Id, price: usize, pictures: i64, time: i64 },
    Claim { hint: Id, server: Id },
    Report { grip: usize, twist: Option<Twist>, says: Says },
    Cancel(Id),
    Delete(Id),
    Sweep,
}

#[derive(Clone, Copy, Debug)]
pub enum Says {
    Progress { seq: i64 },
    Succeeded,
    Failed { retryable: bool },
}

/// What is wrong with a report.
#[derive(Clone, Copy, Debug)]
pub enum Twist {
    Lease,
    Attempt,
    Server,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Done,
    /// Too few points, or no such task.
    Refused,
    Stale,
    Claimed(Id, i64),
    NothingToClaim,
    /// A progress report was heard: whether to cancel.
    Heard(bool),
}

/// One attempt, as handed out to a runner.
#[derive(Clone, Debug)]
pub struct Grip {
    pub task: Id,
    pub attempt: i64,
    pub lease: u64,
    pub server: Id,
}

#[derive(Clone, Debug)]
pub struct Task {
    pub user: Id,
    pub cost: i64,
    pub turn: i64,
    pub life: Life,
    /// Its row is deleted.
    pub gone: bool,
}

pub struct World {
    pub now: i64,
    pub ledger: Ledger,
    /// By id, which begins with 1.
    pub tasks: Vec<Task>,
    pub grips: Vec<Grip>,
    /// The turn of the task served last.
    pub clock: i64,
}

impl World {
    pub fn new(now: i64) -> World {
        World { now, ledger: Ledger::default(), tasks: Vec::new(), grips: Vec::new(), clock: 0 }
    }

    /// Something that may happen now.
    pub fn any(&self, rng: &mut fastrand::Rng) -> Event {
        let user = rng.i64(1..=USERS);
        let task = rng.i64(1..=self.tasks.len().max(1) as i64);
        match rng.u32(0..100) {
            0..20 => Event::Wait(PAUSES[rng.usize(..PAUSES.len())]),
            20..29 => {
                let lasts = rng.bool().then(|| PAUSES[rng.usize(1..PAUSES.len())]);
                Event::Grant { user, amount: rng.i64(1..=60), lasts }
            }
            29..45 => {
                let (price, pictures) = (rng.usize(..PRICES.len()), rng.i64(1..=2));
                Event::Submit { user, price, pictures, time: TIMES[rng.usize(..TIMES.len())] }
            }
            45..63 => Event::Claim { hint: task, server: rng.i64(1..=SERVERS) },
            63..86 if !self.grips.is_empty() => self.any_report(rng),
            86..91 => Event::Cancel(task),
            91..93 => Event::Delete(task),
            _ => Event::Sweep,
        }
    }

    /// Mostly about one of the last attempts.
    fn any_report(&self, rng: &mut fastrand::Rng) -> Event {
        let last = self.grips.len() - 1;
        let grip = if rng.u32(0..4) > 0 { last - rng.usize(0..=last.min(1)) } else { rng.usize(0..=last) };
        let twist = match rng.u32(0..20) {
            0 => Some(Twist::Lease),
            1 => Some(Twist::Attempt),
            2 => Some(Twist::Server),
            _ => None,
        };
        let says = match rng.u32(0..9) {
            0..6 => Says::Progress { seq: rng.i64(1..=6) },
            6..7 => Says::Succeeded,
            _ => Says::Failed { retryable: rng.u32(0..3) > 0 },
        };
        Event::Report { grip, twist, says }
    }

    /// Lets it happen and looks whether all rules still hold.
    pub fn step(&mut self, event: &Event) -> Result<Outcome, String> {
        let before: Vec<Life> = self.tasks.iter().map(|t| t.life.clone()).collect();
        let entries = self.ledger.entries.len();
        let outcome = self.apply(event)?;
        for (old, Task { life, .. }) in before.iter().zip(&self.tasks) {
            let allowed = old.status == life.status || old.status.may_become(life.status);
            if !allowed || old.status.terminal() && old != life {
                return Err(format!("{old:?} became {life:?}"));
            }
        }
        let same = || before.iter().zip(&self.tasks).all(|(old, task)| *old == task.life);
        let nothing = matches!(outcome, Outcome::Stale | Outcome::Refused | Outcome::NothingToClaim);
        if nothing && (before.len() != self.tasks.len() || entries != self.ledger.entries.len() || !same()) {
            return Err(format!("{outcome:?}, and something changed"));
        }
        self.check().map(|()| outcome)
    }

    fn apply(&mut self, event: &Event) -> Result<Outcome, String> {
        match *event {
            Event::Wait(time) => self.now += time,
            Event::Grant { user, amount, lasts } => {
                self.ledger.grant(user, amount, lasts.map(|time| self.now + time));
            }
            Event::Submit { user, price, pictures, time } => {
                return self.submit(user, PRICES[price] * pictures, time);
            }
            Event::Claim { hint, server } => return Ok(self.claim(hint, server)),
            Event::Report { grip, twist, says } => return self.report(grip, twist, says),
            Event::Cancel(task) => return self.change(task, Life::cancel),
            Event::Delete(task) => return self.delete(task),
            Event::Sweep => {
                let now = self.now;
                for task in 1..=self.tasks.len() as Id {
                    self.change(task, |life| life.expire(now))?;
                    self.change(task, |life| life.time_out(now))?;
                }
                self.ledger.expire(now, None);
            }
        }
        Ok(Outcome::Done)
    }

    fn submit(&mut self, user: Id, cost: i64, time: i64) -> Result<Outcome, String> {
        let id = self.tasks.len() as Id + 1;
        if self.ledger.hold(id, user, cost, self.now).is_err() {
            return Ok(Outcome::Refused);
        }
        if self.ledger.hold(id, user, cost, self.now) != Err(Refusal::HeldAlready) {
            return Err(format!("task {id} was held twice"));
        }
        let own = self.waiting().filter(|(_, t)| t.user == user).map(|(_, t)| t.turn).max();
        let turn = 1 + self.clock.max(own.unwrap_or(0));
        self.tasks.push(Task { user, cost, turn, life: Life::submitted(self.now, self.now + time), gone: false });
        Ok(Outcome::Done)
    }

    fn waiting(&self) -> impl Iterator<Item = (Id, &Task)> {
        (1..).zip(&self.tasks).filter(|(_, t)| !t.gone && t.life.status == Status::Waiting)
    }

    /// The hinted task if its lease ran out unnoticed, else the first in line.
    fn claim(&mut self, hint: Id, server: Id) -> Outcome {
        let lease = self.grips.len() as u64 + 1;
        let lost = self.task(hint).filter(|t| t.life.status == Status::Running);
        let lost = lost.filter(|t| t.life.clone().claim(self.now, lease, LEASE_MS)).map(|_| hint);
        let ready = self.waiting().filter(|(_, t)| t.life.not_before <= self.now);
        let Some(id) = lost.or_else(|| ready.min_by_key(|(id, t)| (t.turn, *id)).map(|(id, _)| id)) else {
            return Outcome::NothingToClaim;
        };
        let Some(task) = self.tasks.get_mut(id as usize - 1) else { return Outcome::NothingToClaim };
        if !task.life.claim(self.now, lease, LEASE_MS) {
            return Outcome::NothingToClaim;
        }
        self.clock = self.clock.max(task.turn);
        let attempt = task.life.attempt;
        self.grips.push(Grip { task: id, attempt, lease, server });
        Outcome::Claimed(id, attempt)
    }

    /// A grip as a report names it.
    pub fn named(&self, grip: usize, twist: Option<Twist>) -> Grip {
        let mut named = self.grips[grip].clone();
        match twist {
            None => {}
            Some(Twist::Lease) => named.lease += 1_000_000,
            Some(Twist::Attempt) => named.attempt += 1,
            Some(Twist::Server) => named.server = SERVERS + 1 - named.server,
        }
        named
    }

    fn report(&mut self, grip: usize, twist: Option<Twist>, says: Says) -> Result<Outcome, String> {
        let Grip { task, attempt, lease, server } = self.named(grip, twist);
        // Whose lease it is the life does not know; whoever keeps the row does.
        if server != self.grips[grip].server {
            return Ok(Outcome::Stale);
        }
        let now = self.now;
        let mut answer = Err(Stale);
        self.change(task, |life| {
            answer = match says {
                Says::Progress { seq } => life.progress(now, lease, attempt, seq, LEASE_MS).map(Outcome::Heard),
                Says::Succeeded => life.succeed(lease, attempt).map(|()| Outcome::Done),
                Says::Failed { retryable } => {
                    life.fail(now, lease, attempt, retryable, FAILURE).map(|()| Outcome::Done)
                }
            };
        })?;
        match answer {
            Ok(outcome) if twist.is_some() => {
                Err(format!("{twist:?} is wrong in a report of task {task}: {outcome:?}"))
            }
            answer => Ok(answer.unwrap_or(Outcome::Stale)),
        }
    }

    pub fn task(&self, id: Id) -> Option<&Task> {
        self.tasks.get(usize::try_from(id).ok()?.checked_sub(1)?).filter(|t| !t.gone)
    }

    /// Changes a life; its end closes the hold.
    fn change(&mut self, id: Id, event: impl FnOnce(&mut Life)) -> Result<Outcome, String> {
        if self.task(id).is_none() {
            return Ok(Outcome::Refused);
        }
        let life = &mut self.tasks[id as usize - 1].life;
        let ended = life.status.terminal();
        event(life);
        if !ended && life.status.terminal() {
            let success = life.status == Status::Success;
            self.close(id, if success { Closing::Captured } else { Closing::Voided })?;
        }
        Ok(Outcome::Done)
    }

    fn delete(&mut self, id: Id) -> Result<Outcome, String> {
        let Some(task) = self.task(id) else { return Ok(Outcome::Refused) };
        if !task.life.status.terminal() {
            self.close(id, Closing::Voided)?;
        }
        self.tasks[id as usize - 1].gone = true;
        Ok(Outcome::Done)
    }

    /// Closes a hold, which goes once.
    fn close(&mut self, id: Id, closing: Closing) -> Result<(), String> {
        self.ledger.close(id, closing).map_err(|refusal| format!("task {id} was not closed: {refusal:?}"))?;
        for again in [Closing::Captured, Closing::Voided] {
            if self.ledger.close(id, again) != Err(Refusal::ClosedAlready) {
                return Err(format!("task {id} was closed twice"));
            }
        }
        Ok(())
    }

    fn check(&self) -> Result<(), String> {
        self.ledger.check()?;
        for (id, Task { life, gone, cost, .. }) in (1..).zip(&self.tasks) {
            life.check()?;
            let hold = self.ledger.holds.get(&id).filter(|hold| hold.amount == *cost);
            let closing = hold.ok_or_else(|| format!("task {id} has no hold"))?.closing;
            let due = match life.status {
                Status::Success => Some(Closing::Captured),
                Status::Error => Some(Closing::Voided),
                _ => gone.then_some(Closing::Voided),
            };
            if closing != due {
                return Err(format!("the hold of task {id} is {closing:?}: {life:?}"));
            }
            let accepted =
                self.grips.iter().filter(|g| g.task == id && life.clone().succeed(g.lease, g.attempt).is_ok());
            if accepted.count() != usize::from(life.status == Status::Running) {
                return Err(format!("task {id} is held by another number than one: {life:?}"));
            }
        }
        Ok(())
    }
}
