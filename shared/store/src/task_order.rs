//! The order of waiting tasks: what a task costs, when its turn comes, and when it will be done.
//!
//! The order is start-time fair queueing (Goyal, Vin and Cheng 1996) with tasks of equal weight. A task's `turn` is one
//! after the user's last waiting task, or after the task served last, whichever is later. So users are served round
//! robin however many tasks each has, the order is known at submission, and a position in it can be counted.

use domain::Error;

use crate::args;
use crate::query::Arg;
use crate::tx::Tx;

/// A task to be submitted by the caller.
pub struct NewTask<'a> {
    /// For people.
    pub name: &'a str,
    /// Its images will be public.
    pub public: bool,
    /// What it asks for.
    pub kind: TaskKind,
    /// JSON: `protocol::runner::DrawParams` and `tags`, or `protocol::runner::TrainParams`.
    pub params: &'a str,
    /// The prompt as `domain::search::index` has it.
    pub search_text: &'a str,
    /// Unique; finds the row within the transaction.
    pub nonce: &'a str,
    /// Its number in the points API, when it was submitted there.
    pub task_no: Option<&'a str>,
    /// Its model's name in `points_config`; without one the standard price of `task_type` applies.
    pub model_name: Option<&'a str>,
    /// `text_to_image`, `image_to_image` or `training`.
    pub task_type: &'a str,
    /// Scheme and host of the links in its webhooks.
    pub origin: &'a str,
    /// The address of its own webhook; `webhooks::for_task` comes before.
    pub webhook: Option<&'a str>,
    /// Milliseconds from now.
    pub deadline_ms: i64,
}

/// What a task asks for, and what its cost and its predicted time are counted by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum TaskKind {
    /// Images. The price is of one.
    Inference {
        /// The number of images.
        images: u32,
        /// `domain::task::work`
        work: f64,
    },
    /// The caller's newest model. It waits until all images of the dataset are stored. The price is of a begun hundred
    /// of images shown.
    Training {
        /// The dataset; None for the caller's newest.
        dataset_id: Option<i64>,
        /// Images shown in all, or None where `epochs` count.
        shown: Option<i64>,
        /// Times that every image of the dataset is shown.
        epochs: Option<i64>,
    },
}

impl TaskKind {
    fn columns(self) -> KindColumns {
        match self {
            TaskKind::Inference { .. } => INFERENCE,
            TaskKind::Training { .. } => TRAINING,
        }
    }

    fn args(self) -> Vec<Arg> {
        match self {
            TaskKind::Inference { images, work } => {
                args! { images: i64::from(images), work, dataset_id: None::<i64>, shown: None::<i64>, epochs: None::<i64> }
            }
            TaskKind::Training { dataset_id, shown, epochs } => {
                args! { images: None::<i64>, work: None::<f64>, dataset_id, shown, epochs }
            }
        }
    }
}

/// SQL expressions for the columns that differ between the kinds, over `TaskKind::args`.
struct KindColumns {
    /// A text without quotes.
    kind: &'static str,
    status: &'static str,
    units: &'static str,
    work: &'static str,
    model: &'static str,
    dataset: &'static str,
}

const INFERENCE: KindColumns = KindColumns {
    kind: "inference",
    status: "'waiting'",
    units: ":images",
    work: ":work",
    model: "NULL",
    dataset: "NULL",
};

const TRAINING: KindColumns = KindColumns {
    kind: "training",
    status: "iif((SELECT pending FROM training), 'initial', 'waiting')",
    units: "((SELECT shown FROM training) + 99) / 100",
    work: "CAST((SELECT shown FROM training) AS REAL)",
    model: "(SELECT max(id) FROM models WHERE user_id = :me)",
    dataset: "(SELECT dataset_id FROM training)",
};

/// The dataset of a training, the images that will be shown, and whether any is still to be stored. Bound numbers may
/// be reals (D1), and a division of reals would not be a whole number.
const TRAINING_ROW: &str = "WITH training AS (SELECT d.dataset_id, \
    CAST(coalesce(:shown, :epochs * count(i.id)) AS INTEGER) AS shown, \
    coalesce(max(i.status = 'pending'), 0) AS pending \
    FROM (SELECT coalesce(:dataset_id, (SELECT max(id) FROM datasets WHERE user_id = :me)) AS dataset_id) d \
    LEFT JOIN dataset_images i ON i.dataset_id = d.dataset_id AND i.removed_at IS NULL) ";

/// The price of one unit: by the model's name, or the standard of the type.
const PRICE: &str = "SELECT points_cost FROM points_config WHERE enabled = 1 \
    AND ((:model_name IS NULL AND standard = 1 AND task_type = :task_type) OR model_name = :model_name)";

/// Inserts a task that waits, and holds its cost. Fails the transaction with `insufficient_points`, or with `no_price`
/// where none is configured.
pub fn insert(tx: &mut Tx, task: &NewTask<'_>, no_price: impl Into<Error>) {
    let price = args! { model_name: task.model_name, task_type: task.task_type };
    tx.guard(no_price, &format!("EXISTS ({PRICE})"), price.clone());
    let KindColumns { kind, status, units, work, model, dataset } = task.kind.columns();
    let turn = format!(
        "1 + max((SELECT turn FROM queue_clocks WHERE type = '{kind}'), coalesce((SELECT max(turn) \
         FROM tasks WHERE user_id = :me AND type = '{kind}' AND status = 'waiting'), 0))"
    );
    const ENDPOINT: &str = "(SELECT id FROM webhooks WHERE user_id = :me AND url = :webhook AND standing = 0)";
    let columns = args! {
        name: task.name,
        params: task.params,
        public: task.public,
        search_text: task.search_text,
        nonce: task.nonce,
        max_attempts: domain::task::MAX_ATTEMPTS,
        deadline_ms: task.deadline_ms,
        task_no: task.task_no,
        origin: task.origin,
        webhook: task.webhook,
    };
    let training = if kind == TRAINING.kind { TRAINING_ROW } else { "" };
    tx.exec(
        format!(
            "{training}INSERT INTO tasks (name, type, status, params, public, pairs, nonce, max_attempts, user_id, \
             not_before, hinted_at, deadline, cost, turn, task_no, model_name, task_type, work, origin, webhook_id, \
             model_id, dataset_id, created_at, updated_at) \
             VALUES (:name, '{kind}', {status}, :params, :public, :search_text, :nonce, :max_attempts, :me, :now, \
             :now, :now + :deadline_ms, ({units}) * ({PRICE}), {turn}, :task_no, :model_name, :task_type, {work}, \
             :origin, {ENDPOINT}, {model}, {dataset}, :now, :now)"
        ),
        price.into_iter().chain(columns).chain(task.kind.args()),
    );
}

/// The place in line of a task `t`, 1 for the next; null when it does not wait.
pub const POSITION: &str = "CASE t.status WHEN 'waiting' THEN 1 + (SELECT count(*) FROM tasks w WHERE w.type = t.type \
    AND w.status = 'waiting' AND (w.turn, w.id) < (t.turn, t.id)) END";

/// Predicted seconds until the end of a task `t`: the work before it, shared by the runners there are, then its own, at
/// the pace of the last twenty tasks. Null when none was done yet, no runner is there, or the task has ended: then
/// nothing is read.
pub const ETA: &str = "CASE WHEN t.status IN ('waiting', 'running') THEN (SELECT round(CASE t.status \
    WHEN 'waiting' THEN max(t.not_before - :now, p.pace * (t.work + (coalesce((SELECT sum(w.work) FROM tasks w \
    WHERE w.type = t.type AND w.status = 'waiting' AND (w.turn, w.id) < (t.turn, t.id)), 0) \
    + coalesce((SELECT sum(r.work * (100 - r.progress) / 100.0) FROM tasks r \
    WHERE r.type = t.type AND r.status = 'running'), 0)) \
    / (SELECT nullif(count(*), 0) FROM servers s \
    WHERE s.type = t.type AND s.last_seen > :now - 60000 AND s.status <> 'stopping'))) \
    WHEN 'running' THEN p.pace * t.work * (100 - t.progress) / 100.0 END / 1000.0, 1) \
    FROM (SELECT sum(d.finished_at - d.claimed_at) / sum(d.work) AS pace FROM (SELECT finished_at, claimed_at, work \
    FROM tasks WHERE type = t.type AND status = 'success' AND claimed_at IS NOT NULL \
    ORDER BY finished_at DESC LIMIT 20) d) p) END";
