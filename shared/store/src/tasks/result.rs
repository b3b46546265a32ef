//! A successful end: the outputs become images, the task a success. To be added after `require_lease`.

use protocol::runner::{LeaseRef, Output};

use super::end::PREVIEWS_KEPT_MS;
use crate::tx::Tx;
use crate::{args, outbox};

/// The adapters of a task `t`, as an image shows them.
const LORAS: &str = "(SELECT json_group_array(json_object('model_id', json_extract(l.value, '$.model_id'), \
    'weight', json_extract(l.value, '$.weight'))) FROM json_each(t.params, '$.loras') l)";

/// Ends a task with its result.
pub fn succeed(tx: &mut Tx, lease: &LeaseRef, outputs: &[Output]) {
    let task_id = lease.task_id;
    let list = serde_json::json!(outputs).to_string();
    insert_images(tx, task_id, &list);
    tag_images(tx, task_id);
    tx.exec(
        "UPDATE tasks SET status = 'success', progress = 100, lease = NULL, lease_until = NULL, last_seq = :seq, \
         seq = seq + 1, finished_at = :now, updated_at = :now, data = json_object('images', json((\
         SELECT json_group_array(json_object('id', i.id, 'url', '/files/' || i.key, 'width', i.width, \
         'height', i.height, 'seed', i.seed)) \
         FROM (SELECT * FROM images WHERE task_id = :task_id ORDER BY task_index) i))) WHERE id = :task_id",
        args! { task_id, seq: lease.seq },
    );
    outbox::delete_blobs_after(
        tx,
        PREVIEWS_KEPT_MS,
        "SELECT key FROM task_objects WHERE task_id = :task_id \
         AND key NOT IN (SELECT key FROM images WHERE task_id = :task_id)",
        args! { task_id },
    );
    tx.exec("DELETE FROM task_objects WHERE task_id = :task_id", args! { task_id });
}

fn insert_images(tx: &mut Tx, task_id: i64, outputs: &str) {
    // A column of images, and where its value comes from: the output `o` or the task `t`.
    let output = |name: &str| format!("json_extract(o.value, '$.{name}')");
    let param = |name: &str| format!("json_extract(t.params, '$.{name}')");
    let columns = [
        ("name", "t.name".to_string()),
        ("key", output("key")),
        ("width", output("width")),
        ("height", output("height")),
        ("size", output("size")),
        ("sha256", output("sha256")),
        ("seed", output("seed")),
        ("nsfw", output("nsfw")),
        ("prompt", param("prompt")),
        ("negative_prompt", param("negative_prompt")),
        ("num_inference_steps", param("num_inference_steps")),
        ("guidance_scale", param("guidance_scale")),
        ("scheduler", param("scheduler")),
        ("from_image", param("from_images[0]")),
        ("strength", param("strength")),
        ("model_id", param("model.model_id")),
        ("loras", LORAS.to_string()),
        ("public", "t.public".to_string()),
        ("user_id", "t.user_id".to_string()),
        ("task_id", "t.id".to_string()),
        ("task_index", "o.key".to_string()),
        ("created_at", ":now".to_string()),
        ("updated_at", ":now".to_string()),
    ];
    let names = columns.each_ref().map(|(name, _)| *name).join(", ");
    let values = columns.map(|(_, value)| value).join(", ");
    tx.exec(
        format!(
            "INSERT INTO images ({names}) SELECT {values} FROM json_each(:outputs) o JOIN tasks t ON t.id = :task_id"
        ),
        args! { task_id, outputs },
    );
    // Three bytes take four characters of base64 without its padding; a number has four bytes.
    tx.exec(
        format!(
            "INSERT INTO image_embeddings (image_id, dim, vector) SELECT i.id, length(rtrim({0}, '=')) * 3 / 16, {0} \
             FROM json_each(:outputs) o JOIN images i ON i.task_id = :task_id AND i.task_index = o.key \
             WHERE {0} IS NOT NULL",
            output("embedding"),
        ),
        args! { task_id, outputs },
    );
    tx.exec(
        "INSERT INTO images_search (rowid, pairs) \
         SELECT i.id, t.pairs FROM images i JOIN tasks t ON t.id = i.task_id WHERE t.id = :task_id",
        args! { task_id },
    );
}

fn tag_images(tx: &mut Tx, task_id: i64) {
    tx.exec(
        "INSERT INTO tags (name, user_id, created_at, updated_at) SELECT g.value, t.user_id, :now, :now \
         FROM tasks t, json_each(t.params, '$.tags') g WHERE t.id = :task_id ON CONFLICT (name) DO NOTHING",
        args! { task_id },
    );
    tx.exec(
        "INSERT INTO image_tags (image_id, tag_id) SELECT i.id, n.id FROM tasks t JOIN images i ON i.task_id = t.id, \
         json_each(t.params, '$.tags') g JOIN tags n ON n.name = g.value WHERE t.id = :task_id ON CONFLICT DO NOTHING",
        args! { task_id },
    );
}
