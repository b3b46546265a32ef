//! What users think of images, and which they have seen.

use store::{StmtIndex, Tx, args};

/// Records that the caller likes an image. Yields a row unless they did before.
pub fn like(tx: &mut Tx, id: i64) -> StmtIndex {
    tx.exec(
        "INSERT INTO image_likes (user_id, image_id, created_at) VALUES (:me, :id, :now) \
         ON CONFLICT DO NOTHING RETURNING image_id",
        args! { id },
    )
}

/// Withdraws the caller's like. Yields a row where there was one.
pub fn unlike(tx: &mut Tx, id: i64) -> StmtIndex {
    tx.exec("DELETE FROM image_likes WHERE user_id = :me AND image_id = :id RETURNING image_id", args! { id })
}

/// Records that the caller has looked at an image now. One row a user and image.
pub fn view(tx: &mut Tx, id: i64) {
    tx.exec(
        "INSERT INTO image_views (user_id, image_id, viewed_at) VALUES (:me, :id, :now) \
         ON CONFLICT DO UPDATE SET viewed_at = excluded.viewed_at",
        args! { id },
    );
}
