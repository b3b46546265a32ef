//! Everything goes wrong at once, for a while: users submit, cancel and delete through an edge that is killed, and
//! runners that are killed draw over a network that loses, doubles and reorders. Afterwards nothing may be lost,
//! charged twice or left behind. The seed decides what is submitted, which callbacks meet which fate and who is killed;
//! when is up to the machine.

mod evaluate;
mod history;
mod inbox;
mod proxy;
pub mod reclaim;
mod users;
mod victims;

use std::fmt;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::task::block_in_place;
use tokio::time::sleep;

use crate::client::Edge;
use crate::dedicated_edge::State;
use crate::env::setting;
use crate::picture::picture;
use evaluate::Evaluation;
use history::{History, Recorded};
use inbox::Inbox;
use proxy::{Proxy, Seen};
use users::Load;
use victims::Victims;

/// Users at once.
const USERS: usize = 8;
const RUNNERS: usize = 3;
/// One in so many kills is the edge's.
const EDGE_EVERY: u32 = 3;
/// So long the sweeper sleeps between two rounds.
const ROUND_MS: i64 = 4_000;
/// Deadlines of tasks of the drawing API: each edge is started with one of these.
const DEADLINE_MS: [i64; 2] = [60_000, 8_000];
const POINTS_DEADLINE_MS: i64 = 20_000;

#[derive(Clone, Debug)]
pub struct Plan {
    pub seed: u64,
    /// To be acknowledged.
    pub tasks: u32,
    /// SIGKILLs.
    pub kills: u32,
    pub lease_ms: i64,
    /// No longer than this, whatever is left to be done.
    pub at_most: Duration,
    /// What is open after this is taken to stay so.
    pub drain: Duration,
}

pub struct Report {
    pub plan: Plan,
    pub edges_killed: u32,
    pub runners_killed: u32,
    away: Duration,
    took: Duration,
    drained: Option<Duration>,
    deliveries: usize,
    recorded: Recorded,
    seen: Seen,
    evaluation: Evaluation,
}

/// Milliseconds since 1970.
fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// Runs on a runtime of several threads, as killing blocks. Needs what `cargo xtask` tells its tests.
pub async fn run(plan: &Plan, state: &State) -> Report {
    let begun = Instant::now();
    let mut rng = fastrand::Rng::with_seed(plan.seed);
    let inbox = Inbox::start(rng.u64(..)).await;
    let vars = vec![
        ("LEASE_MS", plan.lease_ms.to_string()),
        ("FETCH_ALLOW", inbox.address()),
        ("POINTS_DEADLINE_MS", POINTS_DEADLINE_MS.to_string()),
        ("TASK_DEADLINE_MS", DEADLINE_MS[0].to_string()),
    ];
    let mut victims = block_in_place(|| Victims::start(state.path(), vars));
    let edge = victims.edge();
    let proxy = Proxy::start(&edge.url, rng.u64(..)).await;
    let admin = log_in(&edge).await;
    small_models(&edge, &admin).await;
    let dataset = public_dataset(&edge, &admin).await;
    let front = Edge::at(&proxy.url);
    (0..RUNNERS).for_each(|_| victims.start_runner(&front));

    let history = History::new(plan.tasks);
    let load = Load { edge: &edge, history: &history, admin: &admin, inbox: &inbox.address(), dataset };
    let users = join_all((0..USERS).map(|_| load.user(rng.fork())));
    let killer = killer(plan, &mut victims, &history, &front, rng.fork());
    let close = async {
        sleep(plan.at_most.saturating_sub(begun.elapsed())).await;
        history.close();
        std::future::pending::<()>().await;
    };
    tokio::select! {
        _ = async { tokio::join!(users, killer) } => {}
        () = close => {}
    }

    let drained = drain(&edge, &admin, plan.drain).await;
    block_in_place(|| victims.stop());
    let (recorded, seen) = (history.recorded().clone(), proxy.seen());
    // A deadline is noticed by the next round of the sweeper, if there is an edge, and by that of a started edge if
    // not.
    let slack = 2 * plan.lease_ms + 2 * ROUND_MS + i64::try_from(victims.away.as_millis()).unwrap_or(0);
    let evaluation = evaluate::evaluate(state.path(), slack, &recorded, &seen, &inbox.bodies());
    Report {
        plan: plan.clone(),
        edges_killed: victims.edges_killed,
        runners_killed: victims.runners_killed,
        away: victims.away,
        took: begun.elapsed(),
        drained,
        deliveries: inbox.bodies().len(),
        recorded,
        seen,
        evaluation,
    }
}

/// Kills evenly over the submissions, so that every kill meets work. Ends with the last kill, or when nothing more is
/// submitted.
async fn killer(plan: &Plan, victims: &mut Victims, history: &History, front: &Edge, mut rng: fastrand::Rng) {
    for kill in 1..=plan.kills {
        let due = u64::from(plan.tasks) * u64::from(kill) / u64::from(plan.kills + 1);
        while (history.recorded().acknowledged.len() as u64) < due {
            if history.closed() {
                return;
            }
            sleep(Duration::from_millis(20)).await;
        }
        sleep(Duration::from_millis(rng.u64(0..300))).await;
        if kill % EDGE_EVERY == 0 {
            victims.set("TASK_DEADLINE_MS", DEADLINE_MS[rng.usize(..DEADLINE_MS.len())].to_string());
            block_in_place(|| victims.kill_edge());
        } else {
            let place = rng.usize(..victims.runners());
            block_in_place(|| victims.kill_runner(front, place));
        }
    }
}

async fn log_in(edge: &Edge) -> String {
    let session = edge.log_in(&setting("ADMIN_EMAIL"), &setting("ADMIN_PASSWORD")).await;
    session["token"].as_str().expect("a session has a token").to_owned()
}

/// What models draw is made small: it is the edge that is tried here.
async fn small_models(edge: &Edge, admin: &str) {
    let models: Value = edge.get("/api/points-config").bearer(admin).send().await.expect(200).json();
    for model in models["list"].as_array().expect("a list") {
        let small = json!({"size": 64, "defaults": {"num_inference_steps": 3}});
        let path = format!("/api/points-config/{}", model["id"]);
        edge.call("PATCH", &path).bearer(admin).json(&small).send().await.expect(200);
    }
}

/// A dataset of two images that everyone may train with.
async fn public_dataset(edge: &Edge, admin: &str) -> i64 {
    let mut images = Vec::new();
    for shade in [20, 220] {
        let call = edge.call("POST", "/api/uploads").bearer(admin).body("image/png", picture(64, 64, shade));
        images.push(call.send().await.expect(201).json()["url"].clone());
    }
    let body = json!({"name": "Squares", "images": images, "public": true});
    let made = edge.post("/api/datasets", &body).bearer(admin).send().await.expect(201).json();
    made["id"].as_i64().expect("an id")
}

/// Waits until every task has ended; how long that took, or None when some did not.
async fn drain(edge: &Edge, admin: &str, at_most: Duration) -> Option<Duration> {
    let begun = Instant::now();
    while begun.elapsed() < at_most {
        let open = edge.get("/api/tasks?status=initial,waiting,running&pageSize=1").bearer(admin).try_send().await;
        if open.is_ok_and(|page| page.status == 200 && page.json()["total"] == 0) {
            return Some(begun.elapsed());
        }
        sleep(Duration::from_millis(200)).await;
    }
    None
}

impl Report {
    /// Every rule holds, everything that was planned was done, and every task has ended.
    pub fn sound(&self) -> bool {
        let kills = self.edges_killed + self.runners_killed;
        let done = self.recorded.acknowledged.len() as u64 >= u64::from(self.plan.tasks) && kills >= self.plan.kills;
        self.evaluation.sound() && self.drained.is_some() && done
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Report { plan, recorded, seen, evaluation, .. } = self;
        let seconds = |time: Duration| time.as_secs_f64();
        writeln!(f, "seed {}, {:.0} s, leases of {} ms", plan.seed, seconds(self.took), plan.lease_ms)?;
        let (tasks, keys) = (recorded.acknowledged.len(), recorded.repeated);
        writeln!(f, "{tasks} tasks of {} users acknowledged, {keys} repetitions with the same key", recorded.users)?;
        let (refused, canceled, deleted) = (recorded.refused, recorded.canceled, recorded.deleted.len());
        writeln!(f, "{refused} refused for want of points, {canceled} cancellations, {deleted} deletions")?;
        writeln!(f, "{} calls of users were cut off", recorded.cut)?;
        for (answer, n) in &recorded.unwell {
            writeln!(f, "{n} were answered {answer}")?;
        }
        let (edges, runners, away) = (self.edges_killed, self.runners_killed, seconds(self.away));
        writeln!(f, "SIGKILL: {edges} times the edge, {runners} times a runner; no edge for at most {away:.1} s")?;
        let all: u32 = seen.fates.values().sum();
        writeln!(f, "{all} callbacks: {:?}", seen.fates)?;
        writeln!(f, "{} attempts handed out, {} tasks begun more than once", seen.claims.len(), evaluation.again)?;
        writeln!(f, "ends: {:?}", evaluation.ends)?;
        writeln!(f, "{} events were delivered", self.deliveries)?;
        match self.drained {
            Some(time) => writeln!(f, "all had ended {:.1} s after the last was submitted", seconds(time))?,
            None => writeln!(f, "BROKEN: some had not ended after {:.0} s", seconds(plan.drain))?,
        }
        for (rule, broken) in &evaluation.rules {
            let how = if broken.is_empty() { "ok" } else { "BROKEN" };
            writeln!(f, "{how:<6} {rule}")?;
            broken.iter().try_for_each(|each| writeln!(f, "         {each}"))?;
        }
        write!(f, "{}", if self.sound() { "sound" } else { "NOT SOUND" })
    }
}
