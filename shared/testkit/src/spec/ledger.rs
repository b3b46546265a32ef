//! The rules of points. The platform's ledger is kept by the database itself (`shared/migrations/0003_ledger.sql`), so
//! that no path through the code can forget it. A test compares the two over random histories (`tests/sql_histories`).
//!
//! Double entry: every movement takes from one account what it gives to another, is whole, positive, and never changed.
//! Points come in grants that may expire; a task holds points from the grants that expire first; its end either
//! captures the hold or voids it, which returns each part to the grant it came from.

use std::collections::BTreeMap;

use domain::Id;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Account {
    /// Where points come from: the only account that may be negative.
    Mint,
    /// What open holds keep.
    Escrow,
    /// What successful tasks took.
    Revenue,
    /// What expired, and what deleted users had left.
    Expired,
    User(Id),
}

impl Account {
    /// The account's id in the database.
    pub fn id(self) -> i64 {
        match self {
            Account::Mint => -1,
            Account::Escrow => -2,
            Account::Revenue => -3,
            Account::Expired => -4,
            Account::User(id) => id,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Grant,
    Hold,
    Capture,
    Void,
    Expire,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    pub kind: Kind,
    pub debit: Account,
    pub credit: Account,
    pub amount: i64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    pub user: Id,
    pub amount: i64,
    pub remaining: i64,
    /// Milliseconds since 1970; None for never.
    pub expires_at: Option<i64>,
    pub expired: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closing {
    /// The task succeeded: the points are spent.
    Captured,
    /// It ended otherwise: the points are back.
    Voided,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    pub user: Id,
    pub amount: i64,
    /// Index of the grant, and how much of it.
    pub parts: Vec<(usize, i64)>,
    pub closing: Option<Closing>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    InsufficientPoints,
    /// A task has one hold.
    HeldAlready,
    /// A hold is closed once.
    ClosedAlready,
    NoHold,
}

#[derive(Clone, Debug, Default)]
pub struct Ledger {
    pub entries: Vec<Entry>,
    pub grants: Vec<Grant>,
    /// By task.
    pub holds: BTreeMap<Id, Hold>,
    balances: BTreeMap<Account, i64>,
}

impl Ledger {
    pub fn balance(&self, account: Account) -> i64 {
        self.balances.get(&account).copied().unwrap_or(0)
    }

    fn book(&mut self, kind: Kind, debit: Account, credit: Account, amount: i64) {
        if amount > 0 {
            self.entries.push(Entry { kind, debit, credit, amount });
            *self.balances.entry(debit).or_default() -= amount;
            *self.balances.entry(credit).or_default() += amount;
        }
    }

    /// `amount` is positive.
    pub fn grant(&mut self, user: Id, amount: i64, expires_at: Option<i64>) {
        self.grants.push(Grant { user, amount, remaining: amount, expires_at, expired: false });
        self.book(Kind::Grant, Account::Mint, Account::User(user), amount);
    }

    /// Takes from the account what has expired by `now`; of everybody, or of one user.
    pub fn expire(&mut self, now: i64, of: Option<Id>) {
        for i in 0..self.grants.len() {
            let grant = &mut self.grants[i];
            let due = !grant.expired && grant.expires_at.is_some_and(|at| at <= now);
            if due && of.is_none_or(|user| user == grant.user) {
                grant.expired = true;
                let (user, amount) = (grant.user, std::mem::take(&mut grant.remaining));
                self.book(Kind::Expire, Account::User(user), Account::Expired, amount);
            }
        }
    }

    /// Keeps a task's cost aside, from the grants that expire first, the older of equals before.
    pub fn hold(&mut self, task: Id, user: Id, amount: i64, now: i64) -> Result<(), Refusal> {
        if self.holds.contains_key(&task) {
            return Err(Refusal::HeldAlready);
        }
        // What has expired by now goes with the hold, or stays for the sweeper if nothing is held.
        let mut after = self.clone();
        after.expire(now, Some(user));
        if after.balance(Account::User(user)) < amount {
            return Err(Refusal::InsufficientPoints);
        }
        let mut order: Vec<usize> = (0..after.grants.len()).filter(|&i| after.grants[i].user == user).collect();
        order.sort_by_key(|&i| (after.grants[i].expires_at.unwrap_or(i64::MAX), i));
        let (mut left, mut parts) = (amount, Vec::new());
        for i in order {
            let part = after.grants[i].remaining.min(left);
            if part > 0 {
                after.grants[i].remaining -= part;
                left -= part;
                parts.push((i, part));
            }
        }
        after.holds.insert(task, Hold { user, amount, parts, closing: None });
        after.book(Kind::Hold, Account::User(user), Account::Escrow, amount);
        *self = after;
        Ok(())
    }

    /// Ends a hold, once.
    pub fn close(&mut self, task: Id, closing: Closing) -> Result<(), Refusal> {
        let hold = self.holds.get_mut(&task).ok_or(Refusal::NoHold)?;
        if hold.closing.is_some() {
            return Err(Refusal::ClosedAlready);
        }
        hold.closing = Some(closing);
        let Hold { user, amount, parts, .. } = hold.clone();
        match closing {
            Closing::Captured => self.book(Kind::Capture, Account::Escrow, Account::Revenue, amount),
            Closing::Voided => {
                self.book(Kind::Void, Account::Escrow, Account::User(user), amount);
                for (i, part) in parts {
                    self.grants[i].remaining += part;
                    // One that expired meanwhile expires again, with what came back.
                    self.grants[i].expired = false;
                }
            }
        }
        Ok(())
    }

    /// What holds whatever has happened; says what does not.
    pub fn check(&self) -> Result<(), String> {
        let mut replay: BTreeMap<Account, i64> = BTreeMap::new();
        for entry in &self.entries {
            *replay.entry(entry.debit).or_default() -= entry.amount;
            *replay.entry(entry.credit).or_default() += entry.amount;
        }
        let ensure = |holds: bool, what: &str| if holds { Ok(()) } else { Err(what.to_string()) };
        ensure(replay == self.balances, "a balance is not the replay of the entries")?;
        ensure(self.balances.values().sum::<i64>() == 0, "the balances do not sum to 0")?;
        let negative = self.balances.iter().any(|(account, n)| *account != Account::Mint && *n < 0);
        ensure(!negative, "a balance is negative")?;
        let open = self.holds.values().filter(|h| h.closing.is_none()).map(|h| h.amount).sum::<i64>();
        ensure(self.balance(Account::Escrow) == open, "escrow is not the sum of the open holds")?;
        for hold in self.holds.values() {
            let parts = hold.parts.iter().map(|(_, part)| part).sum::<i64>();
            ensure(parts == hold.amount, "a hold is not the sum of its parts")?;
        }
        for (account, balance) in &self.balances {
            if let Account::User(user) = account {
                let left = self.grants.iter().filter(|g| g.user == *user).map(|g| g.remaining).sum::<i64>();
                ensure(left == *balance, "a user's balance is not what their grants have left")?;
            }
        }
        ensure(self.grants.iter().all(|g| (0..=g.amount).contains(&g.remaining)), "a grant has more than it had")
    }
}
