//! The thread that owns the backend. It takes one order at a time and outlives whatever is wrong with one: after a
//! panic the next order finds a new thread with a new backend.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, mpsc};
use std::thread;

use bytes::Bytes;
use protocol::runner::Phase;
use tokio::sync::oneshot;

use super::drawing_gate::DrawingGate;
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
    gate: Arc<DrawingGate>,
    orders: RefCell<Option<mpsc::Sender<Order>>>,
}

enum Order {
    Draw {
        job: Box<DrawJob>,
        tracker: Arc<Tracker>,
        reply: oneshot::Sender<Result<Vec<Drawn>, DrawError>>,
    },
    /// Unload what does not fit any more.
    Fit(oneshot::Sender<()>),
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
    pub fn new(make: MakeBackend, board: Board, gate: Arc<DrawingGate>) -> Self {
        Self { make, board, gate, orders: RefCell::new(None) }
    }

    /// Draws a job; trainings wait meanwhile. A job before it that was told to stop has up to one step to do so.
    pub async fn draw(&self, job: &DrawJob, tracker: &Arc<Tracker>) -> Result<Vec<Drawn>, DrawError> {
        let _drawing = self.gate.enter();
        // The second time when the thread had ended, or ended before it came to this order.
        for _ in 0..2 {
            let orders = self.orders()?;
            let (reply, answer) = oneshot::channel();
            let order = Order::Draw { job: Box::new(job.clone()), tracker: tracker.clone(), reply };
            if orders.send(order).is_ok()
                && let Ok(drawn) = answer.await
            {
                return drawn;
            }
            self.orders.replace(None);
        }
        Err(DrawError::new(Code::Internal, "the drawing thread keeps ending"))
    }

    /// Has models unloaded that do not fit any more. A drawing under way ends first.
    pub async fn fit(&self) {
        // Without a thread nothing is loaded.
        let orders = self.orders.borrow().clone();
        let (reply, done) = oneshot::channel();
        if orders.is_some_and(|orders| orders.send(Order::Fit(reply)).is_ok()) {
            // An error is the end of the thread, and of its models.
            let _ = done.await;
        }
    }

    fn orders(&self) -> Result<mpsc::Sender<Order>, DrawError> {
        let mut orders = self.orders.borrow_mut();
        Ok(match &*orders {
            Some(orders) => orders.clone(),
            None => orders.insert(start(self.make.clone(), self.board.clone())?).clone(),
        })
    }
}

fn start(make: MakeBackend, board: Board) -> Result<mpsc::Sender<Order>, DrawError> {
    let (sender, orders) = mpsc::channel::<Order>();
    let run = move || {
        let mut backend = make();
        board.loaded(backend.loaded());
        for order in orders {
            let (job, tracker, reply) = match order {
                Order::Draw { job, tracker, reply } => (job, tracker, reply),
                Order::Fit(reply) => {
                    backend.fit();
                    board.loaded(backend.loaded());
                    let _ = reply.send(());
                    continue;
                }
            };
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
