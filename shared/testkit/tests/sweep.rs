//! The sweeper comes back every few seconds for as long as there is work, so what it asks must not grow with what is
//! stored: every table is entered by an index.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use ports::{Rows, Sql, SqlError, Stmt};
use testkit::Kit;

/// Explains every statement before it runs it.
struct Explained {
    sql: Arc<dyn Sql>,
    scans: Mutex<Vec<String>>,
}

#[async_trait]
impl Sql for Explained {
    async fn run(&self, batch: Vec<Stmt>) -> Result<Vec<Rows>, SqlError> {
        for stmt in &batch {
            let explain = Stmt::new(format!("EXPLAIN QUERY PLAN {}", stmt.sql), stmt.args.clone());
            let plan = self.sql.run(vec![explain]).await?;
            let lines: Vec<&str> = plan.iter().flat_map(Rows::iter).filter_map(|row| row.text("detail")).collect();
            // What `json_each`, a subquery or a constant gives is no table, whatever its alias.
            let made = |name: &str| lines.contains(&format!("CO-ROUTINE {name}").as_str());
            let whole = |line: &&&str| line.starts_with("SCAN ") && !line.contains("USING");
            let table = |line: &&&str| line.split(' ').nth(1).is_some_and(|name| TABLES.contains(&name) && !made(name));
            let found = lines.iter().filter(whole).filter(table).map(|line| format!("{line}: {}", stmt.sql));
            self.scans.lock().expect("nobody panics with it").extend(found);
        }
        self.sql.run(batch).await
    }
}

/// Tables that grow with use, as statements call them.
const TABLES: [&str; 18] = [
    "tasks",
    "t",
    "d",
    "e",
    "w",
    "s",
    "g",
    "events",
    "deliveries",
    "webhooks",
    "uploads",
    "grants",
    "rate_limits",
    "idempotency",
    "tickets",
    "sessions",
    "pending_objects",
    "images",
];

#[tokio::test]
async fn no_table_is_read_from_end_to_end() {
    let kit = Kit::without_function();
    let mut runtime = kit.runtime();
    let explained = Arc::new(Explained { sql: runtime.sql.clone(), scans: Mutex::default() });
    runtime.sql = explained.clone();
    assert!(!store::sweep::round(&runtime).await.expect("a round"), "nothing to do");
    kit.settle().await;
    let scans = explained.scans.lock().expect("nobody panics with it").clone();
    assert_eq!(scans, Vec::<String>::new());
}
