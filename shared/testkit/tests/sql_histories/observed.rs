//! What is compared: all that the specifications know, as lines of text, from the world and from the database.

use domain::task::Status;
use ports::{Rows, Stmt, Value};
use testkit::spec::ledger::{Account, Closing, Kind};

use crate::real::Real;
use testkit::spec::world::{USERS, World};

/// Each line is one row of something.
pub type Seen = Vec<String>;

pub fn in_world(world: &World) -> Seen {
    let mut seen = Vec::new();
    for (id, task) in (1..).zip(&world.tasks).filter(|(_, t)| !t.gone) {
        let life = &task.life;
        let (lease, until) = life.lease.map_or((none(), none()), |(l, u)| (format!("{l:032x}"), u.to_string()));
        // Nobody asks for it once the attempt is over.
        let seq = if life.status == Status::Running { life.last_seq } else { 0 };
        seen.push(format!(
            "task {id} of {} for {} turn {}: {} {} attempt {} lease {lease} until {until} seq {} not before {} cancel {} deadline {}",
            task.user, task.cost, task.turn, life.status.name(), life.error.unwrap_or("-"), life.attempt, seq,
            life.not_before, u8::from(life.cancel_requested), life.deadline,
        ));
    }
    let ledger = &world.ledger;
    let accounts = [Account::Expired, Account::Revenue, Account::Escrow, Account::Mint];
    for account in accounts.into_iter().chain((1..=USERS).map(Account::User)) {
        seen.push(format!("account {}: {}", account.id(), ledger.balance(account)));
    }
    for (id, grant) in (1..).zip(&ledger.grants) {
        let (user, left, gone) = (grant.user, grant.remaining, u8::from(grant.expired));
        seen.push(format!("grant {id} of {user}: {left} of {}, expired {gone}", grant.amount));
    }
    for (id, hold) in &ledger.holds {
        let closing = match hold.closing {
            None => "-",
            Some(Closing::Captured) => "captured",
            Some(Closing::Voided) => "voided",
        };
        let mut parts: Vec<_> = hold.parts.iter().map(|(grant, amount)| (grant + 1, *amount)).collect();
        parts.sort_unstable();
        let parts: Vec<_> = parts.iter().map(|(grant, amount)| format!("{grant}:{amount}")).collect();
        seen.push(format!("hold {id} of {}: {} from {} {closing}", hold.user, hold.amount, or_none(parts.join(","))));
    }
    // What happens in one statement has no order.
    let mut entries: Vec<String> = ledger
        .entries
        .iter()
        .map(|e| {
            let kind = match e.kind {
                Kind::Grant => "grant",
                Kind::Hold => "hold",
                Kind::Capture => "capture",
                Kind::Void => "void",
                Kind::Expire => "expire",
            };
            format!("entry {kind} {} to {}: {}", e.debit.id(), e.credit.id(), e.amount)
        })
        .collect();
    entries.sort_unstable();
    seen.extend(entries);
    seen
}

pub async fn in_database(real: &Real) -> Seen {
    const QUERIES: [&str; 5] = [
        "SELECT printf('task %d of %d for %d turn %d: %s %s attempt %d lease %s until %s seq %d not before %d cancel %d deadline %d', \
         id, user_id, cost, turn, status, coalesce(error_code, '-'), attempt, coalesce(lease, '-'), coalesce(lease_until, '-'), \
         iif(status = 'running', last_seq, 0), not_before, cancel_requested, deadline) FROM tasks ORDER BY id",
        "SELECT printf('account %d: %d', id, balance) FROM accounts ORDER BY id",
        "SELECT printf('grant %d of %d: %d of %d, expired %d', id, user_id, remaining, amount, expired_at IS NOT NULL) \
         FROM grants ORDER BY id",
        "SELECT printf('hold %d of %d: %d from %s %s', h.task_id, h.user_id, h.amount, coalesce((SELECT group_concat(grant_id || ':' || \
         amount ORDER BY grant_id) FROM hold_parts p WHERE p.task_id = h.task_id), '-'), coalesce(c.outcome, '-')) \
         FROM holds h LEFT JOIN closings c ON c.task_id = h.task_id ORDER BY h.task_id",
        "SELECT printf('entry %s %d to %d: %d', kind, debit, credit, amount) AS line FROM entries ORDER BY line",
    ];
    let batch = QUERIES.into_iter().map(|sql| Stmt::new(sql, [])).collect();
    let results = real.kit.runtime().sql.run(batch).await.expect("what there is");
    results.iter().flat_map(lines).collect()
}

/// What is only here, and what is only there.
pub fn difference(is: &Seen, ought: &Seen) -> String {
    let only = |some: &Seen, others: &Seen| some.iter().filter(|l| !others.contains(l)).cloned().collect::<Vec<_>>();
    format!("the database has {:#?}, it ought to be {:#?}", only(is, ought), only(ought, is))
}

fn lines(rows: &Rows) -> impl Iterator<Item = String> {
    rows.values.iter().filter_map(|row| match row.first() {
        Some(Value::Text(line)) => Some(line.clone()),
        _ => None,
    })
}

fn none() -> String {
    "-".into()
}

fn or_none(text: String) -> String {
    if text.is_empty() { none() } else { text }
}
