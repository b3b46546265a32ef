//! Changes of a dataset's images. All of a request is a few statements over one JSON parameter. Rows are removed, never
//! changed: a training that began before reads them until it ends.

use domain::messages::NOT_FOUND;
use domain::training::{MAX_ADDRESS_BYTES, MAX_IMAGES};
use domain::{Error, Id, phrases};
use serde_json::Value;

use super::resource::ADDRESS;
use super::source::NewImage;
use crate::query::Arg;
use crate::spec::PUBLIC_OR_OWN;
use crate::tx::{StmtIndex, Tx};
use crate::{args, list};

/// Names a dataset within a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DatasetRef {
    /// By its id.
    Id(Id),
    /// The caller's newest: the one that `datasets::insert` made.
    Newest,
}

/// The dataset `:dataset_id`, or the caller's newest.
const DATASET: &str = "coalesce(:dataset_id, (SELECT max(id) FROM datasets WHERE user_id = :me))";

/// `items`: the entries of the request. `found`: the images they mean; the address of our copy means the image that it
/// is of. `wanted`: each of those once, in its first place, numbered from 1.
fn wanted() -> String {
    format!(
        "WITH items AS MATERIALIZED (SELECT j.key AS place, json_extract(j.value, '$[0]') AS kind, \
         json_extract(j.value, '$[1]') AS source, json_extract(j.value, '$[2]') AS caption FROM json_each(:items) j), \
         found AS (SELECT item.place, 0 AS part, coalesce((SELECT k.source FROM dataset_images k \
         WHERE k.key = substr(item.source, 8) AND k.dataset_id = {DATASET} AND k.removed_at IS NULL), item.source) \
         AS source, item.caption FROM items item WHERE item.kind = 'url' \
         UNION ALL SELECT item.place, 0, '/files/' || t.key, item.caption FROM items item \
         CROSS JOIN images t ON t.id = item.source WHERE item.kind = 'image' \
         UNION ALL SELECT item.place, t.id, '/files/' || t.key, item.caption FROM items item \
         CROSS JOIN choice_images x ON x.choice_id = item.source CROSS JOIN images t ON t.id = x.image_id \
         WHERE item.kind = 'choice' AND {PUBLIC_OR_OWN}), \
         wanted AS MATERIALIZED (SELECT source, caption, row_number() OVER (ORDER BY place, part) AS number FROM (\
         SELECT *, row_number() OVER (PARTITION BY source ORDER BY place, part) AS occurrence FROM found) \
         WHERE occurrence = 1) "
    )
}

/// The arguments of `wanted`.
fn wanted_args(dataset: DatasetRef, images: &[NewImage]) -> Vec<Arg> {
    let dataset_id = match dataset {
        DatasetRef::Id(id) => Some(id),
        DatasetRef::Newest => None,
    };
    let items: Value = images.iter().map(NewImage::json).collect();
    args! { dataset_id, items: items.to_string() }
}

/// Adds images after those that are there; what is there already stays as it is. Fails the transaction with
/// `invalid_parameter` on the entry that the caller does not see, and on `field` unless there is an image then, and not
/// too many.
pub fn add_images(tx: &mut Tx, dataset: DatasetRef, images: &[NewImage], field: &'static str) {
    let args = wanted_args(dataset, images);
    require_seen(tx, &args);
    insert(tx, &args);
    require_size(tx, &args, field);
}

/// Makes these the images of the dataset, in this order. Those that stay keep their rows, unless an entry has another
/// caption. Fails as `add_images`.
pub fn replace_images(tx: &mut Tx, id: Id, images: &[NewImage], field: &'static str) {
    let args = wanted_args(DatasetRef::Id(id), images);
    require_seen(tx, &args);
    let wanted = wanted();
    tx.exec(
        format!(
            "{wanted} UPDATE dataset_images SET removed_at = :now WHERE dataset_id = :dataset_id \
             AND removed_at IS NULL AND source NOT IN (SELECT source FROM wanted WHERE caption IS NULL) \
             AND (source, caption) NOT IN (SELECT source, caption FROM wanted WHERE caption IS NOT NULL)"
        ),
        args.clone(),
    );
    insert(tx, &args);
    tx.exec(
        format!(
            "{wanted} UPDATE dataset_images SET position = want.number FROM wanted want WHERE dataset_id = :dataset_id \
             AND removed_at IS NULL AND dataset_images.source = want.source AND position <> want.number"
        ),
        args.clone(),
    );
    require_size(tx, &args, field);
    purge(tx, id);
}

/// Fails the transaction with `invalid_parameter` on the first entry that names an image or a choice that the caller
/// does not see.
fn require_seen(tx: &mut Tx, args: &[Arg]) {
    let wrong = format!(
        "SELECT json_extract(j.value, '$[3]') AS field FROM json_each(:items) j \
         WHERE CASE json_extract(j.value, '$[0]') \
         WHEN 'image' THEN NOT EXISTS (SELECT 1 FROM images t WHERE t.id = json_extract(j.value, '$[1]') \
         AND {PUBLIC_OR_OWN}) \
         WHEN 'choice' THEN NOT EXISTS (SELECT 1 FROM choices t WHERE t.id = json_extract(j.value, '$[1]') \
         AND {PUBLIC_OR_OWN}) ELSE FALSE END ORDER BY j.key LIMIT 1"
    );
    tx.guard_fields(|field| Error::invalid(field, &phrases::DATASET_IMAGE), &wrong, args.to_vec());
}

/// Inserts the wanted images that are not there. One that was removed right before gives its copy.
fn insert(tx: &mut Tx, args: &[Arg]) {
    let wanted = wanted();
    tx.exec(
        format!(
            "{wanted} INSERT INTO dataset_images (dataset_id, user_id, position, source, caption, key, width, height, \
             size, sha256, status, error_code, created_at) \
             SELECT d.id, d.user_id, want.number + (SELECT coalesce(max(position), 0) FROM dataset_images \
             WHERE dataset_id = d.id AND removed_at IS NULL), \
             want.source, coalesce(want.caption, o.caption, ''), o.key, o.width, o.height, o.size, o.sha256, \
             coalesce(o.status, 'pending'), o.error_code, :now \
             FROM wanted want CROSS JOIN datasets d ON d.id = {DATASET} \
             LEFT JOIN dataset_images o ON o.id = (SELECT max(r.id) FROM dataset_images r WHERE r.dataset_id = d.id \
             AND r.source = want.source AND r.removed_at = :now) \
             WHERE NOT EXISTS (SELECT 1 FROM dataset_images i WHERE i.dataset_id = d.id AND i.source = want.source \
             AND i.removed_at IS NULL)"
        ),
        args.to_vec(),
    );
}

/// Fails the transaction unless the dataset has 1 to `MAX_IMAGES` images, and addresses that a reply can hold.
fn require_size(tx: &mut Tx, args: &[Arg], field: &'static str) {
    tx.guard(
        Error::invalid(field, phrases::DATASET_IMAGES.with([MAX_IMAGES])),
        &format!(
            "(SELECT image_count BETWEEN 1 AND {MAX_IMAGES} FROM datasets WHERE id = {DATASET}) \
             AND (SELECT sum(length({ADDRESS})) FROM dataset_images t WHERE t.dataset_id = {DATASET} \
             AND t.removed_at IS NULL) <= {MAX_ADDRESS_BYTES}"
        ),
        args.to_vec(),
    );
}

/// Gives an image another caption, which makes another row of it. Fails the transaction with `not_found` unless the
/// dataset has the image. Yields the row as `item`.
pub fn recaption_image(tx: &mut Tx, id: Id, image_id: Id, caption: &str) -> StmtIndex {
    require_image(tx, id, image_id);
    let args = args! { id, image_id, caption };
    tx.exec(
        "UPDATE dataset_images SET removed_at = :now \
         WHERE id = :image_id AND removed_at IS NULL AND caption <> :caption",
        args.clone(),
    );
    tx.exec(
        "INSERT INTO dataset_images (dataset_id, user_id, position, source, caption, key, width, height, size, sha256, \
         status, error_code, created_at) SELECT dataset_id, user_id, position, source, :caption, key, width, height, \
         size, sha256, status, error_code, :now FROM dataset_images WHERE id = :image_id AND removed_at IS NOT NULL",
        args.clone(),
    );
    touch(tx, id);
    let same = "t.dataset_id = :id AND t.source = (SELECT source FROM dataset_images WHERE id = :image_id)";
    let item = list::item_where(&super::DATASET_IMAGES, tx.scope, same, args);
    let item = tx.push(item);
    purge(tx, id);
    item
}

/// Removes an image. Fails the transaction with `not_found` unless the dataset has it.
pub fn remove_image(tx: &mut Tx, id: Id, image_id: Id) {
    require_image(tx, id, image_id);
    tx.exec("UPDATE dataset_images SET removed_at = :now WHERE id = :image_id", args! { image_id });
    touch(tx, id);
    purge(tx, id);
}

fn require_image(tx: &mut Tx, id: Id, image_id: Id) {
    tx.guard(
        &NOT_FOUND,
        "EXISTS (SELECT 1 FROM dataset_images WHERE id = :image_id AND dataset_id = :id AND removed_at IS NULL)",
        args! { id, image_id },
    );
}

fn touch(tx: &mut Tx, id: Id) {
    tx.exec("UPDATE datasets SET updated_at = max(:now, updated_at + 1) WHERE id = :id", args! { id });
}

/// Deletes the removed images that no training reads.
fn purge(tx: &mut Tx, id: Id) {
    tx.exec(
        "DELETE FROM dataset_images WHERE dataset_id = :id AND removed_at IS NOT NULL AND NOT EXISTS (\
         SELECT 1 FROM tasks t WHERE t.dataset_id = :id AND t.finished_at IS NULL \
         AND t.created_at < dataset_images.removed_at)",
        args! { id },
    );
}
