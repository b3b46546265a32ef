//! The same events for the database: the batches of the functions, without their requests. It must not know what ought to
//! come of them.

use domain::Id;
use domain::runner::{Failed, Held, Output, Progress, output_prefix};
use edge::native::Kit;
use ports::{Row, SqlError, Stmt};
use store::ledger::{self, GrantKind, NewGrant};
use store::{Scope, queueing, sweep, tasks};
use web::{Dialect, Routes};

use crate::world::{Event, FAILURE, Grip, LEASE_MS, Outcome, PRICES, Says, USERS, World};

/// The models whose prices are `PRICES`.
const MODELS: [&str; 3] = ["sc_soraimg_text_1x1", "sc_soraimg_text_2x3", "sc_soraimg_text_3x2"];

pub struct Real {
    pub kit: Kit,
    pub began: i64,
}

impl Real {
    pub async fn new() -> Real {
        let kit = Kit::new(Routes::new("none", Dialect::Plain).build());
        for user in 1..=USERS {
            kit.sql(
                "INSERT INTO users (name, email, password, created_at, updated_at) VALUES ('u', ?1, '-', 0, 0)",
                [format!("{user}@example.com").into()],
            )
            .await;
            let name = format!("r{user}");
            kit.sql(
                "INSERT INTO servers (name, type, status, ip, epoch, created_at, updated_at) VALUES (?1, 'inference', 'idle', '', 1, 0, 0)",
                [name.into()],
            )
            .await;
        }
        for (model, price) in MODELS.into_iter().zip(PRICES) {
            kit.sql("UPDATE points_config SET points_cost = ?2 WHERE model_name = ?1", [model.into(), price.into()])
                .await;
        }
        let began = kit.now().0;
        Real { kit, began }
    }

    pub fn now(&self) -> i64 {
        self.kit.now().0
    }

    fn scope(&self, me: Id) -> Scope {
        Scope { me, now: self.kit.now(), profile: domain::Profile::V1 }
    }

    /// One batch; the integers of its last statement's first row, by name.
    async fn batch(&self, batch: Vec<Stmt>) -> Result<Vec<(String, i64)>, SqlError> {
        let rows = self.kit.cx().ports.sql.run(batch).await?;
        let rows = rows.last().cloned().unwrap_or_default();
        let named = |row: Row| rows.columns.iter().filter_map(|c| Some((c.clone(), row.int(c)?))).collect();
        Ok(rows.first().map(named).unwrap_or_default())
    }

    pub async fn step(&self, world: &World, event: &Event) -> Outcome {
        match *event {
            Event::Wait(time) => self.kit.wait(time),
            Event::Grant { user, amount, lasts } => {
                let expires_at = lasts.map(|time| self.now() + time);
                let grant = NewGrant { kind: GrantKind::Grant, amount, reason: "", expires_at };
                let stmt = ledger::grant(self.scope(0), &grant, "SELECT ?8 AS id", [user.into()]);
                self.batch(vec![stmt]).await.expect("a grant");
            }
            Event::Submit { user, price, pictures, time } => return self.submit(user, price, pictures, time).await,
            Event::Claim { hint, server } => return self.claim(world, hint, server).await,
            Event::Report { grip, twist, says } => return self.report(world.named(grip, twist), says).await,
            Event::Cancel(task) => return self.known(task, tasks::cancel(self.scope(0), task).to_vec()).await,
            Event::Delete(task) => {
                let scope = self.scope(0);
                let mut batch = tasks::discard(scope, "?3", [task.into()]).to_vec();
                batch.push(scope.stmt("DELETE FROM tasks WHERE id = ?3", [task.into()]));
                return self.known(task, batch).await;
            }
            Event::Sweep => {
                sweep::round(&self.kit.cx()).await.expect("a round");
            }
        }
        Outcome::Done
    }

    /// A batch about a task there is, as its owner.
    async fn known(&self, task: Id, mut batch: Vec<Stmt>) -> Outcome {
        let exists = "INSERT INTO guard SELECT 'not_found', EXISTS (SELECT 1 FROM tasks WHERE id = ?3)";
        batch.insert(0, self.scope(0).stmt(exists, [task.into()]));
        match self.batch(batch).await {
            Ok(_) => Outcome::Done,
            Err(SqlError::Guard(code)) if code == "not_found" => Outcome::Refused,
            Err(error) => panic!("{error}"),
        }
    }

    async fn submit(&self, user: Id, price: usize, pictures: i64, time: i64) -> Outcome {
        let params = serde_json::json!({"prompt": "p", "negative_prompt": "", "num_inference_steps": 4,
            "guidance_scale": 7.5, "scheduler": "DDIM", "n": pictures, "tags": []});
        let (params, nonce) = (params.to_string(), self.kit.cx().token());
        let task = queueing::NewTask {
            name: "t",
            public: true,
            params: &params,
            pairs: "",
            nonce: &nonce,
            task_no: None,
            model_name: Some(MODELS[price]),
            task_type: "text_to_image",
            pictures: pictures as u32,
            work: 1.0,
            origin: "",
            webhook: None,
            deadline_ms: time,
        };
        let scope = self.scope(user);
        match self.batch(vec![queueing::priced(scope, &task), queueing::insert(scope, &task)]).await {
            Ok(_) => Outcome::Done,
            Err(SqlError::Guard(code)) if code == "insufficient_points" => Outcome::Refused,
            Err(error) => panic!("{error}"),
        }
    }

    /// Under the lease the world has just handed out, if it has.
    async fn claim(&self, world: &World, hint: Id, server: Id) -> Outcome {
        let lease = hex(world.grips.last().map_or(0, |grip| grip.lease));
        // Were it taken under one that is handed out already, the lives would differ.
        let [take, clock] = tasks::claim(self.scope(0), hint, server, &lease, LEASE_MS);
        let mut rows = self.kit.cx().ports.sql.run(vec![take, clock]).await.expect("a claim");
        let claimed = rows.swap_remove(0);
        match claimed.first() {
            Some(row) => Outcome::Claimed(row.int("id").unwrap_or(0), row.int("attempt").unwrap_or(0)),
            None => Outcome::NothingToClaim,
        }
    }

    async fn report(&self, grip: Grip, says: Says) -> Outcome {
        let scope = self.scope(0);
        let Grip { task, attempt, lease, server } = grip;
        let mut held = Held { task_id: task, attempt, lease: hex(lease), seq: 1 };
        let key = |i: i64| format!("{}{:032x}.png", output_prefix(task, attempt), i);
        let mut batch = vec![tasks::held_guard(scope, server, &held)];
        match says {
            Says::Progress { seq } => {
                held.seq = seq;
                // With a preview, which is to be given up in the end.
                let progress =
                    Progress { held, step: 1, steps: 4, eta_seconds: 1.0, preview: Some(key(0)), phase: None };
                batch.push(tasks::object(scope, task, &key(0)));
                batch.extend(tasks::progress(scope, &progress, LEASE_MS));
            }
            Says::Succeeded => {
                let pictures = self.pictures(task).await;
                let output = |i| Output {
                    key: key(i),
                    size: 1,
                    sha256: "0".into(),
                    width: 64,
                    height: 64,
                    seed: 1,
                    nsfw: None,
                    embedding: None,
                };
                let outputs: Vec<Output> = (1..=pictures).map(output).collect();
                batch.extend(outputs.iter().map(|o| tasks::object(scope, task, &o.key)));
                batch.extend(tasks::succeed(scope, &held, &outputs));
            }
            Says::Failed { retryable } => {
                let failed = Failed { held, code: FAILURE.into(), message: String::new(), retryable };
                batch.extend(tasks::fail(scope, &failed));
            }
        }
        match self.batch(batch).await {
            Ok(row) if matches!(says, Says::Progress { .. }) => Outcome::Heard(row.iter().any(|(_, flag)| *flag == 1)),
            Ok(_) => Outcome::Done,
            Err(SqlError::Guard(code)) if code == "stale" => Outcome::Stale,
            Err(error) => panic!("{error}"),
        }
    }

    async fn pictures(&self, task: Id) -> i64 {
        let rows =
            self.kit.sql("SELECT json_extract(params, '$.n') AS n FROM tasks WHERE id = ?1", [task.into()]).await;
        rows.first().and_then(|row| row.int("n")).unwrap_or(1)
    }

    pub async fn remove_user(&self, user: Id) {
        self.kit.sql("DELETE FROM users WHERE id = ?1", [user.into()]).await;
    }
}

fn hex(lease: u64) -> String {
    format!("{lease:032x}")
}
