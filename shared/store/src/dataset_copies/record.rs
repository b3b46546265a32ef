//! The records of tries, and what becomes of the trainings that waited for them.

use domain::Error;
use domain::messages::IMAGE_UNREACHABLE;
use ports::Runtime;

use super::load::Failure;
use super::{Copy, Try};
use crate::datasets::DATASETS;
use crate::tasks::News;
use crate::tx::Tx;
use crate::{args, tasks, watch};

/// Milliseconds from a failed try to the next. There are as many tries, and one more.
const RETRY_MS: [i64; 4] = [10_000, 60_000, 300_000, 1_800_000];

/// The failure of a try that follows a last one without a record.
pub(super) fn unrecorded(each: &Try) -> Option<Failure> {
    let given_up = usize::try_from(each.tries).unwrap_or(usize::MAX) > RETRY_MS.len() + 1;
    given_up.then(|| Failure { message: Some(&IMAGE_UNREACHABLE), cause: "the last try ended without a result".into() })
}

/// Records tries, lets the trainings begin or end that waited for them, and publishes all that changed.
pub(super) async fn record(runtime: &Runtime, tried: &[(Try, Result<Copy, Failure>)]) -> Result<(), Error> {
    let nonce = runtime.token();
    let mut tx = Tx::system(runtime);
    for (each, result) in tried {
        match result {
            Ok(copy) => copied(&mut tx, each, copy),
            Err(failure) => failed(&mut tx, each, failure),
        }
    }
    let mut datasets: Vec<i64> = tried.iter().map(|(each, _)| each.dataset_id).collect();
    datasets.sort_unstable();
    datasets.dedup();
    for dataset_id in &datasets {
        tasks::dataset_settled(&mut tx, *dataset_id, &nonce);
    }
    let changes = News::of_end(&mut tx, "t.nonce = :nonce", args! { nonce: &nonce });
    let ids = serde_json::json!(datasets).to_string();
    let frames = watch::change_where(&DATASETS, tx.scope, "t.id IN (SELECT value FROM json_each(:ids))", args! { ids });
    let frames = tx.push(frames);
    let outcome = tx.run().await?;
    let datasets = watch::events(&DATASETS, outcome.rows(frames));
    watch::publish(runtime, datasets.into_iter().chain(changes.events(&outcome)).collect()).await;
    Ok(())
}

/// Records a copy, unless the row is gone, another try has begun, or the key was given up: then the sweeper deletes the
/// object (`pending`).
fn copied(tx: &mut Tx, each: &Try, copy: &Copy) {
    let Copy { key, size, sha256, width, height } = copy;
    tx.exec(
        "UPDATE dataset_images SET status = 'ready', claimed = 0, error_code = NULL, key = :key, size = :size, \
         sha256 = :sha256, width = :width, height = :height WHERE id = :id AND tries = :tries AND status = 'pending' \
         AND EXISTS (SELECT 1 FROM pending_objects WHERE key = :key)",
        args! {
            id: each.id,
            tries: each.tries,
            key,
            size: *size as i64,
            sha256,
            width: i64::from(*width),
            height: i64::from(*height),
        },
    );
    tx.exec(
        "DELETE FROM pending_objects WHERE key = :key AND EXISTS (SELECT 1 FROM dataset_images WHERE key = :key)",
        args! { key },
    );
}

/// Records a failure: for good, or until the next try.
fn failed(tx: &mut Tx, each: &Try, failure: &Failure) {
    let Failure { message, cause } = failure;
    let retry_ms = match (message, usize::try_from(each.tries - 1)) {
        (None, Ok(before)) => RETRY_MS.get(before).copied(),
        _ => None,
    };
    let code = retry_ms.is_none().then(|| message.unwrap_or(&IMAGE_UNREACHABLE).code);
    log::info!("Image {} of dataset {} was not copied by try {}: {cause}", each.id, each.dataset_id, each.tries);
    tx.exec(
        "UPDATE dataset_images SET status = iif(:code IS NULL, 'pending', 'failed'), claimed = 0, error_code = :code, \
         not_before = :now + coalesce(:retry_ms, 0) WHERE id = :id AND tries = :tries AND status = 'pending'",
        args! { id: each.id, tries: each.tries, code, retry_ms },
    );
}
