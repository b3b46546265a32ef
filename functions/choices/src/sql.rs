//! The SQL of changes to choices and to their images. Triggers keep the counts.

use domain::messages::NOT_FOUND;
use store::spec::PUBLIC_OR_OWN;
use store::{StmtIndex, Tx, args};

use crate::model::{ChoicePatch, NewChoice};

pub fn insert(tx: &mut Tx, new: &NewChoice) {
    let NewChoice { name, info, public } = new;
    tx.exec(
        "INSERT INTO choices (name, info, public, user_id, created_at, updated_at) \
         VALUES (:name, :info, :public, :me, :now, :now)",
        args! { name, info, public },
    );
}

pub fn update(tx: &mut Tx, id: i64, patch: &ChoicePatch) {
    tx.exec(
        "UPDATE choices SET name = coalesce(:name, name), info = coalesce(:info, info), \
         public = coalesce(:public, public), updated_at = max(:now, updated_at + 1) WHERE id = :id",
        args! { id, name: &patch.name, info: &patch.info, public: patch.public },
    );
}

pub fn delete(tx: &mut Tx, id: i64) {
    tx.exec("DELETE FROM choices WHERE id = :id", args! { id });
}

/// Adds an image to a choice: `not_found` unless the caller sees the image. Yields a row when it was not there before.
pub fn add_image(tx: &mut Tx, id: i64, image_id: i64) -> StmtIndex {
    let visible = format!("EXISTS (SELECT 1 FROM images t WHERE t.id = :image_id AND {PUBLIC_OR_OWN})");
    tx.guard(&NOT_FOUND, &visible, args! { image_id });
    let touched = tx.exec(
        "UPDATE choices SET updated_at = max(:now, updated_at + 1) WHERE id = :id AND NOT EXISTS \
         (SELECT 1 FROM choice_images WHERE choice_id = :id AND image_id = :image_id) RETURNING id",
        args! { id, image_id },
    );
    tx.exec(
        "INSERT INTO choice_images (choice_id, image_id, private_of, created_at) \
         SELECT :id, i.id, iif(i.public = 1, NULL, i.user_id), :now FROM images i WHERE i.id = :image_id \
         ON CONFLICT DO NOTHING",
        args! { id, image_id },
    );
    touched
}

/// Removes an image from a choice: `not_found` unless the caller sees it there. Yields a row.
pub fn remove_image(tx: &mut Tx, id: i64, image_id: i64) -> StmtIndex {
    let there = format!(
        "EXISTS (SELECT 1 FROM choice_images x JOIN images t ON t.id = x.image_id \
         WHERE x.choice_id = :id AND x.image_id = :image_id AND {PUBLIC_OR_OWN})"
    );
    tx.guard(&NOT_FOUND, &there, args! { id, image_id });
    tx.exec("DELETE FROM choice_images WHERE choice_id = :id AND image_id = :image_id", args! { id, image_id });
    tx.exec("UPDATE choices SET updated_at = max(:now, updated_at + 1) WHERE id = :id RETURNING id", args! { id })
}
