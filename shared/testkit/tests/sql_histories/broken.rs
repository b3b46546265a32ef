//! The queries of `tests/invariants.sql` are not empty by accident: each is shown a database in which its rule is
//! broken.

use ports::Stmt;

use crate::invariants::{INVARIANTS, args};
use crate::real::Real;
use testkit::spec::world::{Event, Says, World};

/// The first words of a rule, and what breaks it where no trigger keeps it.
const BREAKS: &[(&str, &[&str])] = &[
    ("balances sum", &["UPDATE accounts SET balance = balance + 1 WHERE id = -3"]),
    ("no balance is", &["PRAGMA ignore_check_constraints = 1", "UPDATE accounts SET balance = -1 WHERE id = -3"]),
    ("a balance is", &["UPDATE accounts SET balance = balance + 1 WHERE id = -4"]),
    ("what grants", &["UPDATE grants SET remaining = 0 WHERE remaining > 0"]),
    ("escrow", &["UPDATE accounts SET balance = balance + 1 WHERE id = -2"]),
    ("a task has one", &["UPDATE tasks SET cost = cost + 1"]),
    ("a hold is the", &["UPDATE holds SET amount = amount + 1"]),
    ("a task has ended", &["DELETE FROM closings"]),
    ("success takes", &["UPDATE closings SET outcome = 'voided' WHERE outcome = 'captured'"]),
    (
        "a hold is booked",
        &["INSERT INTO entries (kind, debit, credit, amount, user_id, task_id, created_at) \
           SELECT kind, debit, credit, amount, user_id, task_id, created_at FROM entries WHERE kind = 'hold'"],
    ),
    ("at most one", &["UPDATE tasks SET status = 'running', lease = 'x', finished_at = NULL"]),
    ("a picture is", &["UPDATE tasks SET attempt = 9 WHERE status = 'success'"]),
    ("the pictures", &["UPDATE images SET key = printf('out/%d/9/x.png', task_id) WHERE task_index = 0"]),
    ("a success has", &["DELETE FROM images", "UPDATE tasks SET data = '{}' WHERE status = 'success'"]),
    (
        "a model is trained",
        &[
            "INSERT INTO models (name, type, base_model, key, status, user_id, created_at, updated_at) \
             SELECT 'x', 'lora', '', 'k', 'success', min(id), 0, 0 FROM users",
            "UPDATE tasks SET type = 'training', model_id = (SELECT max(id) FROM models) WHERE status = 'success'",
        ],
    ),
    (
        "what an ended",
        &[
            "INSERT INTO task_objects (key, task_id, created_at) SELECT 'k', max(id), 0 FROM tasks WHERE finished_at > 0",
        ],
    ),
    (
        "one body",
        &[
            "CREATE TABLE more AS SELECT * FROM events",
            "DROP TABLE events",
            "CREATE VIEW events AS SELECT * FROM more UNION ALL SELECT * FROM more",
        ],
    ),
    ("an end is", &["UPDATE events SET type = 'task.canceled' WHERE type = 'task.succeeded'"]),
    (
        "a key made",
        &["INSERT INTO idempotency (user_id, route, key, body_hash, status, response, location, expires_at) \
           SELECT id, 'POST /api/tasks', 'k', '', 201, '{\"id\":1}', '', 0 FROM users"],
    ),
    ("nothing is older", &["UPDATE tasks SET deadline = 0"]),
    ("counters are", &["DELETE FROM images"]),
    ("no row is left", &["DELETE FROM row_counts"]),
    (
        "tags' counters",
        &[
            "INSERT INTO tags (id, name, user_id, created_at, updated_at) VALUES (1, 'a', 1, 0, 0)",
            "INSERT INTO tag_counts (tag_id, user_id, public, n) VALUES (1, 0, 1, 5)",
        ],
    ),
    ("a tag's uses", &["INSERT INTO tags (name, user_id, uses, created_at, updated_at) VALUES ('a', 1, 3, 0, 0)"]),
    (
        "the counts",
        &[
            "INSERT INTO choices (id, name, user_id, created_at, updated_at) SELECT 1, 'c', min(id), 0, 0 FROM users",
            "INSERT INTO choice_images (choice_id, image_id, created_at) SELECT 1, id, 0 FROM images",
        ],
    ),
];

/// One success of two pictures, one end by cancellation, one that waits.
async fn populated() -> Real {
    let real = Real::new().await;
    let mut world = World::new(real.now());
    let submit = Event::Submit { user: 1, price: 2, pictures: 2, time: 100_000 };
    let events = [
        Event::Grant { user: 1, amount: 600, lasts: None },
        submit.clone(),
        submit.clone(),
        submit,
        Event::Claim { hint: 1, server: 1 },
        Event::Report { grip: 0, twist: None, says: Says::Succeeded },
        Event::Cancel(2),
    ];
    for event in events {
        world.step(&event).expect("the rules hold");
        real.step(&world, &event).await;
    }
    real
}

#[tokio::test]
async fn every_rule_can_be_broken() {
    let mut rules: Vec<(&str, &str)> = INVARIANTS.split("\n\n").skip(1).filter_map(|q| q.split_once('\n')).collect();
    for (words, statements) in BREAKS {
        let at = rules.iter().position(|(name, _)| name.trim_start_matches("-- ").starts_with(words));
        let (name, query) = rules.remove(at.unwrap_or_else(|| panic!("{words}: there is no such rule")));
        let real = populated().await;
        let sql = real.kit.runtime().sql;
        let ask = async || sql.run(vec![Stmt::new(query, args(&real, query))]).await.expect(name).remove(0);
        assert!(ask().await.is_empty(), "{name}: broken without being so");
        let triggers = real.kit.sql("SELECT name FROM sqlite_master WHERE type = 'trigger'", []).await;
        let dropped = triggers.iter().filter_map(|row| Some(format!("DROP TRIGGER {}", row.text("name")?)));
        let broken = dropped.chain(statements.iter().map(|s| (*s).to_owned())).map(|s| Stmt::new(s, [])).collect();
        sql.run(broken).await.unwrap_or_else(|error| panic!("{words}: {error}"));
        assert!(!ask().await.is_empty(), "{name}: broken, and not seen");
    }
    assert!(rules.is_empty(), "rules that nothing breaks: {rules:?}");
}
