//! The queries that also judge what chaos leaves (`tests/invariants.sql`).

use ports::{Stmt, Value};

use crate::real::Real;

pub const INVARIANTS: &str = include_str!("../../../../tests/invariants.sql");

pub async fn check(real: &Real, when: &str) {
    let sql = real.kit.runtime().sql;
    // The first block says what they are.
    for query in INVARIANTS.split("\n\n").skip(1) {
        let (name, query) = query.split_once('\n').expect("a name, then a query");
        let rows = sql.run(vec![Stmt::new(query, args(real, query))]).await.unwrap_or_else(|e| panic!("{name}: {e}"));
        assert!(rows.iter().all(|rows| rows.is_empty()), "{when}: {name}: {rows:?}");
    }
}

/// How long it takes to notice a deadline is up to the history, which decides when somebody looks.
pub fn args(real: &Real, query: &str) -> Vec<Value> {
    if query.contains("?1") { vec![real.now().into(), (real.now() - real.began).into()] } else { Vec::new() }
}
