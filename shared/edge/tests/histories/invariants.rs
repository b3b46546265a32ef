//! The queries that also judge what chaos leaves (`tests/invariants.sql`).

use ports::{Stmt, Value};

use crate::real::Real;

const INVARIANTS: &str = include_str!("../../../../tests/invariants.sql");

/// How long it takes to notice a deadline is up to the history, which decides when somebody looks.
pub async fn check(real: &Real, when: &str) {
    let sql = real.kit.cx().ports.sql;
    // The first block says what they are.
    for query in INVARIANTS.split("\n\n").skip(1) {
        let (name, query) = query.split_once('\n').expect("a name, then a query");
        let args: Vec<Value> =
            if query.contains("?1") { vec![real.now().into(), (real.now() - real.began).into()] } else { Vec::new() };
        let rows = sql.run(vec![Stmt::new(query, args)]).await.unwrap_or_else(|e| panic!("{name}: {e}"));
        assert!(rows.iter().all(|rows| rows.is_empty()), "{when}: {name}: {rows:?}");
    }
}
