//! `gpu-runner serve`: pulls tasks from the queue, claims them at the edge, has them drawn, reports.
//!
//! Owns the conversation with the edge and its failures. Must not know tensors: what draws is a `Backend` on a thread
//! of its own. Everything else is one single-threaded future, so that a task's parts share its state without locks.

mod backoff;
mod config;
mod drawer;
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
mod tracker;
mod weights;

use std::time::{Duration, Instant};

use anyhow::Result;
use protocol::runner::Claim;
use tokio::time::{sleep, timeout};
use tokio::{join, select};
use tracing::{debug, info, warn};

pub use config::{Config, Pace};
pub use drawer::MakeBackend;
pub use own::OwnModel;

use crate::backend::DrawJob;
use backoff::{Streak, jitter};
use drawer::Drawer;
use edge::Edge;
use hold::Hold;
use http::{Fault, Refusal};
use kept::Cache;
use own::Own;
use presence::{Board, Status};
use queue::{Message, Queue};
use stop::Stop;
use weights::Files;

/// How long the farewell may take.
const GOODBYE: Duration = Duration::from_secs(2);

/// Runs until it is to stop. An error is something that waiting does not mend.
pub async fn serve(config: Config, make: MakeBackend, stop: Stop) -> Result<()> {
    let (edge, queue) = (Edge::new(&config)?, Queue::new(&config)?);
    select! {
        connected = edge.connect() => connected?,
        () = stop.wanted() => return Ok(()),
    }
    let (board, seen) = Board::new();
    let own = Own::new(config.models.clone());
    let files = Files { own, kept: Cache::new(&config.cache, config.edge.as_str(), config.cache_size) };
    let mut runner = Runner {
        claims: Streak::new("the edge", &config.pace),
        drawer: Drawer::new(make, board.clone()),
        files: &files,
        config: &config,
        edge: &edge,
        queue,
        board,
        stop: &stop,
    };
    select! {
        () = runner.run() => {}
        never = presence::announce(&edge, seen, &files.own, (&config.pace, &stop)) => never,
    }
    if !matches!(timeout(GOODBYE, edge.heartbeat(Status::Stopping.as_str(), Vec::new())).await, Ok(Ok(()))) {
        debug!("the edge did not hear the farewell");
    }
    info!("stopped");
    Ok(())
}

struct Runner<'a> {
    config: &'a Config,
    edge: &'a Edge,
    queue: Queue,
    drawer: Drawer,
    files: &'a Files,
    claims: Streak,
    board: Board,
    stop: &'a Stop,
}

impl Runner<'_> {
    async fn run(&mut self) {
        let mut streak = Streak::new("the queue", &self.config.pace);
        // A runner is started because there is work.
        let mut worked = Instant::now();
        while !self.stop.is_wanted() {
            let pulled = select! {
                pulled = self.queue.pull() => pulled,
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

    /// Claims what a message names, and draws what the edge hands out for it: the task whose turn it is. The message is
    /// spent by any answer that says who has the task; where the edge could not be asked it comes again.
    async fn take(&mut self, message: &Message) {
        let Some(task) = message.task else {
            warn!("a message that names no task");
            return self.ack(message).await;
        };
        let asked = Instant::now();
        match self.edge.claim(task).await {
            Ok(claim) => {
                self.claims.well();
                self.now(Status::Working);
                let Claim { task_id, attempt, .. } = claim;
                // The edge hands out tasks of the type that this runner registered for.
                let Some(params) = claim.draw_params() else {
                    warn!(task = task_id, "the edge handed out a training");
                    return self.ack(message).await;
                };
                info!(task = task_id, attempt, pictures = params.n, hint = task, "claimed");
                let mut job = DrawJob::new(self.files.own.first(), params.clone());
                job.preview_every = self.config.preview_every(job.steps());
                let pace = &self.config.pace;
                let hold = Hold::new(self.edge, pace, claim, asked);
                let ack = self.queue.ack(message);
                // The lease does not wait for the queue.
                let ((), acked) = join!(task::run(&hold, (&mut self.drawer, self.files), job, pace, self.stop), ack);
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

    async fn ack(&self, message: &Message) {
        said(self.queue.ack(message).await);
    }

    fn now(&self, status: Status) {
        self.board.now(status);
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
