//! `gpu-runner serve`: pulls tasks from the queues, claims them at the edge, has them drawn or trained, reports.
//!
//! Owns the conversation with the edge and its failures. Must not know tensors: what draws is a `Backend` on a thread
//! of its own, what trains is `training::training_job` on another. Everything else is one single-threaded future, so
//! that a task's parts share its state without locks. Drawing and training have a registration, a queue and a loop
//! each; drawing comes first.

mod backoff;
mod config;
mod drawer;
mod drawing_gate;
mod edge;
mod failure;
mod hold;
mod http;
mod inputs;
mod kept;
mod own;
mod presence;
mod queue;
pub mod stop;
mod task;
mod task_type;
mod tracker;
mod training;
mod weights;

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use domain::Id;
use futures_util::future::join_all;
use protocol::runner::{Claim, Work};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tokio::{join, select};
use tracing::{debug, info, warn};

pub use config::{Config, Pace, TrainingOptions};
pub use drawer::MakeBackend;
pub use own::OwnModel;
pub use task_type::TaskType;

use crate::backend::DrawJob;
use backoff::{Streak, jitter};
use drawer::Drawer;
use drawing_gate::DrawingGate;
use edge::Edge;
use hold::Hold;
use http::{Fault, Refusal};
use kept::Cache;
use own::Own;
use presence::{Board, State, Status};
use queue::{Message, Queue};
use stop::Stop;
use training::Trainer;
use weights::Files;

/// How long the farewell may take.
const GOODBYE: Duration = Duration::from_secs(2);

/// Runs until it is to stop. An error is something that waiting does not mend.
pub async fn serve(config: Config, make: MakeBackend, stop: Stop) -> Result<()> {
    let links = config.types.iter().map(|kind| Link::new(&config, *kind)).collect::<Result<Vec<_>>>()?;
    for link in &links {
        select! {
            connected = link.edge.connect() => connected?,
            () = stop.wanted() => return Ok(()),
        }
    }
    let own = Own::new(config.models.clone());
    let files = Files { own, kept: Cache::new(&config.cache, config.edge.as_str(), config.cache_size) };
    let gate = Arc::new(DrawingGate::default());
    // The registration that draws tells of the models in memory.
    let board = links.first().map_or_else(|| Board::new().0, |link| link.board.clone());
    let drawer = Drawer::new(make, board, gate.clone());
    let trainer = Trainer::new(&config, &files, &drawer, gate);
    let runners = links.iter().map(|link| async {
        let mut runner = Runner {
            claims: Streak::new("the edge", &config.pace),
            link,
            drawer: &drawer,
            trainer: &trainer,
            files: &files,
            config: &config,
            stop: &stop,
        };
        let announced = presence::announce(&link.edge, link.seen.clone(), &files.own, (&config.pace, &stop));
        select! {
            () = runner.run() => {}
            never = announced => never,
        }
        let goodbye = link.edge.heartbeat(Status::Stopping.as_str(), Vec::new());
        if !matches!(timeout(GOODBYE, goodbye).await, Ok(Ok(()))) {
            debug!(kind = link.kind.as_str(), "the edge did not hear the farewell");
        }
    });
    join_all(runners).await;
    info!("stopped");
    Ok(())
}

/// A registration at the edge, with the queue of its tasks.
struct Link {
    kind: TaskType,
    edge: Edge,
    queue: Queue,
    board: Board,
    seen: watch::Receiver<State>,
}

impl Link {
    fn new(config: &Config, kind: TaskType) -> Result<Self> {
        let edge = Edge::new(config, kind.register(&config.register, &config.types))?;
        let (board, seen) = Board::new();
        Ok(Self { kind, edge, queue: Queue::new(config, kind)?, board, seen })
    }
}

/// Takes the tasks of one queue, one after the other.
struct Runner<'a> {
    config: &'a Config,
    link: &'a Link,
    drawer: &'a Drawer,
    trainer: &'a Trainer<'a>,
    files: &'a Files,
    claims: Streak,
    stop: &'a Stop,
}

impl Runner<'_> {
    async fn run(&mut self) {
        let mut streak = Streak::new("the queue", &self.config.pace);
        // A runner is started because there is work.
        let mut worked = Instant::now();
        while !self.stop.is_wanted() {
            let pulled = select! {
                pulled = self.link.queue.pull() => pulled,
                () = self.stop.wanted() => return,
            };
            match pulled {
                Ok(message) => {
                    streak.well();
                    self.now(Status::Idle);
                    match message {
                        Some(message) => {
                            self.take(&message).await;
                            worked = Instant::now();
                        }
                        None => self.pause(jitter(self.config.pace.poll(worked.elapsed()))).await,
                    }
                }
                Err(fault) => self.pause(streak.failed(fault)).await,
            }
        }
    }

    /// Claims what a message names, and does what the edge hands out for it: the task whose turn it is. The message is
    /// spent by any answer that says who has the task; where the edge could not be asked it comes again.
    async fn take(&mut self, message: &Message) {
        let Some(task) = message.task else {
            warn!("a message that names no task");
            return self.ack(message).await;
        };
        let asked = Instant::now();
        match self.link.edge.claim(task).await {
            Ok(claim) => {
                self.claims.well();
                self.now(Status::Working);
                // The lease does not wait for the queue.
                let ((), acked) = join!(self.work(claim, task, asked), self.link.queue.ack(message));
                said(acked);
                self.now(Status::Idle);
            }
            Err(fault @ (Fault::Stale | Fault::Refused(Refusal { status: 400 | 404 | 409 | 410 | 422, .. }))) => {
                self.claims.well();
                debug!(task, %fault, "not to be had");
                self.ack(message).await;
            }
            Err(fault) => {
                let wait = self.claims.failed(fault);
                self.pause(wait).await;
            }
        }
    }

    /// Does a claimed task.
    async fn work(&self, claim: Claim, hint: Id, asked: Instant) {
        let (task, attempt, pace, stop) = (claim.task_id, claim.attempt, &self.config.pace, self.stop);
        match (self.link.kind, claim.work.clone()) {
            (TaskType::Inference, Work::Inference(params)) => {
                info!(task, attempt, pictures = params.n, hint, "claimed");
                let mut job = DrawJob::new(self.files.own.first(), params);
                job.preview_every = self.config.preview_every(job.steps());
                let hold = Hold::new(&self.link.edge, pace, claim, asked);
                task::run(&hold, (self.drawer, self.files), job, pace, stop).await;
            }
            (TaskType::Training, Work::Training(params)) => {
                info!(task, attempt, kind = ?params.kind, hint, "claimed");
                let hold = Hold::new(&self.link.edge, pace, claim, asked).through(pace.outage);
                self.trainer.run(&hold, &params, stop).await;
            }
            // The edge hands out tasks of the type that this runner registered for.
            (kind, _) => warn!(task, "the edge handed out a task that is not of type {}", kind.as_str()),
        }
    }

    async fn ack(&self, message: &Message) {
        said(self.link.queue.ack(message).await);
    }

    fn now(&self, status: Status) {
        self.link.board.now(status);
    }

    async fn pause(&self, time: Duration) {
        select! {
            () = sleep(time) => {}
            () = self.stop.wanted() => {}
        }
    }
}

/// A message that was not acknowledged comes again, and its claim then fails: no harm.
fn said(acked: Result<(), Fault>) {
    if let Err(fault) = acked {
        debug!(%fault, "the queue did not take an acknowledgement");
    }
}
