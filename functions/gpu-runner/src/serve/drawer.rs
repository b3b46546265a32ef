//! The thread that owns the backend. It takes one order at a time and outlives whatever is wrong with one: after a
//! panic the next order finds a new thread with a new backend.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, mpsc};
use std::thread;

use bytes::Bytes;
use protocol::runner::Phase;
use tokio::sync::oneshot;

use super::presence::Board;
use super::tracker::Tracker;
use crate::backend::{Backend, DrawJob, Sight};
use crate::{Code, DrawError};

/// Makes a backend, on the thread that will own it.
pub type MakeBackend = Arc<dyn Fn() -> Box<dyn Backend> + Send + Sync>;

pub struct Drawer {
    make: MakeBackend,
    /// Told of the models in memory as they change.
    board: Board,
    orders: Option<mpsc::Sender<Order>>,
}

struct Order {
    job: DrawJob,
    tracker: Arc<Tracker>,
    reply: oneshot::Sender<Result<Vec<Drawn>, DrawError>>,
}

/// A picture, ready to be stored.
pub struct Drawn {
    pub png: Bytes,
    pub width: u32,
    pub height: u32,
    pub seed: u32,
    pub sight: Sight,
}

impl Drawer {
    pub fn new(make: MakeBackend, board: Board) -> Self {
        Self { make, board, orders: None }
    }

    /// Draws a job. A job before it that was told to stop has up to one step to do so.
    pub async fn draw(&mut self, job: &DrawJob, tracker: &Arc<Tracker>) -> Result<Vec<Drawn>, DrawError> {
        // The second time when the thread had ended, or ended before it came to this order.
        for _ in 0..2 {
            let orders = match &self.orders {
                Some(orders) => orders,
                None => self.orders.insert(start(self.make.clone(), self.board.clone())?),
            };
            let (reply, answer) = oneshot::channel();
            let order = Order { job: job.clone(), tracker: tracker.clone(), reply };
            if orders.send(order).is_ok()
                && let Ok(drawn) = answer.await
            {
                return drawn;
            }
            self.orders = None;
        }
        Err(DrawError::new(Code::Internal, "the drawing thread keeps ending"))
    }
}

fn start(make: MakeBackend, board: Board) -> Result<mpsc::Sender<Order>, DrawError> {
    let (sender, orders) = mpsc::channel::<Order>();
    let run = move || {
        let mut backend = make();
        board.loaded(backend.loaded());
        for Order { job, tracker, reply } in orders {
            let drawn = catch_unwind(AssertUnwindSafe(|| draw(&mut *backend, &job, &tracker, &board)));
            let panicked = drawn.is_err();
            // Nobody may be waiting any more: the lease was lost, or the runner stops.
            let _ = reply.send(drawn.unwrap_or_else(|_| Err(DrawError::new(Code::Internal, "the backend panicked"))));
            if panicked {
                return board.loaded(Vec::new());
            }
        }
    };
    thread::Builder::new()
        .name("draw".into())
        .spawn(run)
        .map_err(|e| DrawError::new(Code::Internal, format!("no thread to draw on: {e}")))?;
    Ok(sender)
}

fn draw(backend: &mut dyn Backend, job: &DrawJob, tracker: &Tracker, board: &Board) -> Result<Vec<Drawn>, DrawError> {
    if !backend.loaded().iter().any(|loaded| loaded.path == job.model) {
        tracker.phase(Some(Phase::Loading));
    }
    let prepared = backend.prepare(job);
    board.loaded(backend.loaded());
    prepared?;
    let pictures = backend.draw(job, &mut |progress| tracker.note(progress));
    // A picture may have taken the memory of other models.
    board.loaded(backend.loaded());
    pictures?
        .iter()
        .map(|picture| {
            let seed = u32::try_from(picture.seed)
                .map_err(|_| DrawError::new(Code::Internal, format!("seed {} is out of range", picture.seed)))?;
            let png = job.png(picture)?.into();
            Ok(Drawn { png, width: picture.rgb.width, height: picture.rgb.height, seed, sight: picture.sight.clone() })
        })
        .collect()
}
