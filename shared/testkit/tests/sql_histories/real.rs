//! The same events for the database: the batches of the functions, without their requests. It must not know what ought
//! to come of them.

use domain::messages::{INSUFFICIENT_POINTS, INTERNAL, NOT_FOUND, STALE_LEASE};
use domain::{Error, Id, Message, Millis};
use protocol::runner::{Failed, LeaseRef, Output, Progress, output_prefix};
use store::ledger::{self, GrantKind, NewGrant};
use store::task_order::{self, NewTask, TaskKind};
use store::{Scope, Tx, args, sweep, tasks};
use testkit::Kit;
use testkit::spec::world::{Event, FAILURE, Grip, LEASE_MS, Outcome, PRICES, Says, USERS, World};

/// The models whose prices are `PRICES`.
const MODELS: [&str; 3] = ["sc_soraimg_text_1x1", "sc_soraimg_text_2x3", "sc_soraimg_text_3x2"];

pub struct Real {
    pub kit: Kit,
    pub began: i64,
}

impl Real {
    pub async fn new() -> Real {
        let kit = Kit::without_function();
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

    fn tx(&self, me: Id) -> Tx {
        Tx::new(self.kit.runtime().sql, Scope { me, ..Scope::system(self.kit.now()) })
    }

    pub async fn step(&self, world: &World, event: &Event) -> Outcome {
        match *event {
            Event::Wait(time) => self.kit.wait(time),
            Event::Grant { user, amount, lasts } => {
                let expires_at = lasts.map(|time| Millis(self.now() + time));
                let grant = NewGrant { kind: GrantKind::Grant, amount, reason: "", expires_at };
                let mut tx = self.tx(0);
                ledger::grant(&mut tx, &grant, "SELECT :user AS id", args! { user });
                tx.run().await.expect("a grant");
            }
            Event::Submit { user, price, pictures, time } => return self.submit(user, price, pictures, time).await,
            Event::Claim { hint, server } => return self.claim(world, hint, server).await,
            Event::Report { grip, twist, says } => return self.report(world.named(grip, twist), says).await,
            Event::Cancel(task) => {
                let mut tx = self.known(task);
                tasks::cancel(&mut tx, task);
                return done(tx.run().await.map(drop), &NOT_FOUND, Outcome::Refused);
            }
            Event::Delete(task) => {
                let mut tx = self.known(task);
                tasks::delete(&mut tx, task);
                return done(tx.run().await.map(drop), &NOT_FOUND, Outcome::Refused);
            }
            Event::Sweep => {
                sweep::round(&self.kit.runtime()).await.expect("a round");
            }
        }
        Outcome::Done
    }

    /// A transaction about a task that must be there.
    fn known(&self, task: Id) -> Tx {
        let mut tx = self.tx(0);
        tx.guard(&NOT_FOUND, "EXISTS (SELECT 1 FROM tasks WHERE id = :task)", args! { task });
        tx
    }

    async fn submit(&self, user: Id, price: usize, pictures: i64, time: i64) -> Outcome {
        let params = serde_json::json!({"prompt": "p", "negative_prompt": "", "num_inference_steps": 4,
            "guidance_scale": 7.5, "scheduler": "DDIM", "n": pictures, "tags": []});
        let (params, nonce) = (params.to_string(), self.kit.runtime().token());
        let task = NewTask {
            name: "t",
            public: true,
            kind: TaskKind::Inference { images: pictures as u32, work: 1.0 },
            params: &params,
            search_text: "",
            nonce: &nonce,
            task_no: None,
            model_name: Some(MODELS[price]),
            task_type: "text_to_image",
            origin: "",
            webhook: None,
            deadline_ms: time,
        };
        let mut tx = self.tx(user);
        task_order::insert(&mut tx, &task, &INTERNAL);
        done(tx.run().await.map(drop), &INSUFFICIENT_POINTS, Outcome::Refused)
    }

    /// Under the lease that the world has just handed out, if it has.
    async fn claim(&self, world: &World, hint: Id, server: Id) -> Outcome {
        let lease = hex(world.grips.last().map_or(0, |grip| grip.lease));
        // Were it claimed under one that is handed out already, the lives would differ.
        let mut tx = self.tx(0);
        let claimed = tasks::claim(&mut tx, hint, server, &lease, LEASE_MS);
        let outcome = tx.run().await.expect("a claim");
        match outcome.row(claimed) {
            Some(row) => Outcome::Claimed(row.int("id").unwrap_or(0), row.int("attempt").unwrap_or(0)),
            None => Outcome::NothingToClaim,
        }
    }

    async fn report(&self, grip: Grip, says: Says) -> Outcome {
        let Grip { task, attempt, lease: number, server } = grip;
        let lease = |seq| LeaseRef { task_id: task, attempt, lease: hex(number), seq };
        let key = |i: i64| format!("{}{:032x}.png", output_prefix(task, attempt), i);
        let mut tx = self.tx(0);
        tasks::require_lease(&mut tx, server, task, attempt, &hex(number));
        let mut heard = None;
        match says {
            Says::Progress { seq } => {
                // With a preview, which is to be given up in the end.
                let progress = Progress {
                    lease: lease(seq),
                    step: 1,
                    steps: 4,
                    eta_seconds: 1.0,
                    preview: Some(key(0)),
                    phase: None,
                    loss: None,
                };
                tasks::record_object(&mut tx, task, &key(0));
                heard = Some(tasks::progress(&mut tx, &progress, LEASE_MS));
            }
            Says::Succeeded => {
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
                let outputs: Vec<Output> = (1..=self.pictures(task).await).map(output).collect();
                outputs.iter().for_each(|o| tasks::record_object(&mut tx, task, &o.key));
                tasks::succeed(&mut tx, &lease(1), &outputs);
            }
            Says::Failed { retryable } => {
                let failed = Failed { lease: lease(1), code: FAILURE.into(), message: String::new(), retryable };
                tasks::fail(&mut tx, &failed);
            }
        }
        match (tx.run().await, heard) {
            (Ok(outcome), Some(heard)) => {
                Outcome::Heard(outcome.row(heard).is_some_and(|row| row.flag("cancel_requested")))
            }
            (result, _) => done(result.map(drop), &STALE_LEASE, Outcome::Stale),
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

/// Done, or refused with the one error there may be.
fn done(result: Result<(), Error>, expected: &Message, refused: Outcome) -> Outcome {
    match result {
        Ok(()) => Outcome::Done,
        Err(error) if error.code() == expected.code => refused,
        Err(error) => panic!("{error}"),
    }
}

fn hex(lease: u64) -> String {
    format!("{lease:032x}")
}
