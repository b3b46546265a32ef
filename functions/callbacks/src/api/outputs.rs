//! The outputs of a result: as many as were asked for, each stored under the attempt as the runner describes it.

use std::collections::HashSet;

use domain::Error;
use domain::messages::{OBJECT_MISSING, WRONG_OUTPUTS};
use protocol::runner::{LeaseRef, Output, embedding_vector, is_output_key};
use store::{Tx, args};
use web::RequestCtx;
use web::blob_response::unavailable;

use super::invalid;

/// The most outputs of a task.
const MAX_OUTPUTS: usize = 8;

/// Fails the transaction with `wrong_outputs` unless the task asked for so many images.
pub fn require_count(tx: &mut Tx, lease: &LeaseRef, images: usize) {
    tx.guard(
        &WRONG_OUTPUTS,
        "EXISTS (SELECT 1 FROM tasks WHERE id = :task_id AND json_extract(params, '$.n') = :images)",
        args! { task_id: lease.task_id, images: images as i64 },
    );
}

/// Refuses outputs that are not stored under this attempt with the size and content that the runner says.
pub async fn check_stored(ctx: &RequestCtx, lease: &LeaseRef, outputs: &[Output]) -> Result<(), Error> {
    let keys: HashSet<&str> = outputs.iter().map(|o| o.key.as_str()).collect();
    if !(1..=MAX_OUTPUTS).contains(&outputs.len()) || keys.len() != outputs.len() {
        return Err(invalid("outputs"));
    }
    for output in outputs {
        let named = is_output_key(&output.key, lease.task_id, lease.attempt);
        let embedded = output.embedding.as_deref().is_none_or(|text| embedding_vector(text).is_some());
        if !named || !embedded || output.width == 0 || output.height == 0 {
            return Err(invalid("outputs"));
        }
        let stored = ctx.runtime.blobs.head(&output.key).await.map_err(unavailable)?;
        let same = stored.is_some_and(|s| s.size == output.size && s.sha256.as_deref() == Some(&output.sha256));
        if !same {
            return Err(OBJECT_MISSING.on("outputs"));
        }
    }
    Ok(())
}
