//! The sweeper comes back every few seconds for as long as there is work, so what it asks must not grow with what is
//! stored: every table is entered by an index. Nor must a change of one dataset, for those of others.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use ports::{Rows, Sql, SqlError, Stmt};
use store::datasets::{self, DATASET_IMAGES, DATASETS, DatasetRef, NewImage, WHOLE_DATASETS};
use store::list_query::Condition;
use store::{ListQuery, Scope, Tx};
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
const TABLES: [&str; 28] = [
    "tasks",
    "models",
    "m",
    "k",
    "dataset_images",
    "datasets",
    "i",
    "n",
    "p",
    "c",
    "r",
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

#[tokio::test]
async fn a_change_of_a_dataset_reads_no_table_from_end_to_end() {
    let kit = Kit::without_function();
    let ann = kit.user("ann").await;
    let image = kit.image(ann.id, true).await;
    let explained = Arc::new(Explained { sql: kit.runtime().sql, scans: Mutex::default() });
    let scope = Scope { me: ann.id, ..Scope::system(kit.now()) };
    let begin = || Tx::new(explained.clone(), scope);
    let images = NewImage::of_images("images", &[image]);
    let mut tx = begin();
    datasets::insert(&mut tx, &datasets::NewDataset { name: "d", info: "", public: false });
    datasets::add_images(&mut tx, DatasetRef::Newest, &images, "images");
    tx.answer(store::list::item_where(&WHOLE_DATASETS, scope, "t.id = 1", []));
    tx.run().await.expect("a dataset");
    let mut tx = begin();
    datasets::replace_images(&mut tx, 1, &images, "images");
    datasets::recaption_image(&mut tx, 1, 1, "a fox");
    let change = tx.change(&DATASETS, 1);
    assert_eq!(tx.run().await.expect("changes").rows(change).values.len(), 1);
    let mut query = ListQuery::parse(&DATASET_IMAGES, "status=pending", ann.id).expect("a query");
    query.conditions.push(Condition { sql: "t.dataset_id = {}".into(), value: 1.into(), until: None });
    let mut tx = begin();
    tx.page(&DATASET_IMAGES, &query);
    tx.run().await.expect("a page");
    let mut tx = begin();
    datasets::remove_image(&mut tx, 1, 2);
    datasets::delete(&mut tx, 1);
    tx.run().await.expect("deletion");
    let mut runtime = kit.runtime();
    runtime.sql = explained.clone();
    assert!(!store::dataset_copies::copy(&runtime).await.expect("a round"), "nothing to copy");
    let scans = explained.scans.lock().expect("nobody panics with it").clone();
    assert_eq!(scans, Vec::<String>::new());
}
