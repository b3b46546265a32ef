//! Datasets: images to train with. Here are the resource and its rows; `images` changes its images, `source` reads what
//! may become one. `dataset_copies` copies the images; trainings read them (`tasks::dataset_page`).

mod images;
mod resource;
mod source;

pub use images::{DatasetRef, add_images, recaption_image, remove_image, replace_images};
pub use resource::{DATASET_IMAGES, DATASETS, WHOLE_DATASETS};
pub use source::{ImageSource, NewImage, SourceReader};

use crate::args;
use crate::tx::Tx;

/// A dataset to be made by the caller.
pub struct NewDataset<'a> {
    /// For people.
    pub name: &'a str,
    /// A description.
    pub info: &'a str,
    /// Anyone may see it and train with it.
    pub public: bool,
}

/// Inserts a dataset without images: then the caller's newest, for `DatasetRef::Newest`.
pub fn insert(tx: &mut Tx, new: &NewDataset<'_>) {
    tx.exec(
        "INSERT INTO datasets (name, info, public, user_id, created_at, updated_at) \
         VALUES (:name, :info, :public, :me, :now, :now)",
        args! { name: new.name, info: new.info, public: new.public },
    );
}

/// Changes what is named.
pub fn update(tx: &mut Tx, id: i64, name: Option<&str>, info: Option<&str>, public: Option<bool>) {
    tx.exec(
        "UPDATE datasets SET name = coalesce(:name, name), info = coalesce(:info, info), \
         public = coalesce(:public, public), updated_at = max(:now, updated_at + 1) WHERE id = :id",
        args! { id, name, info, public },
    );
}

/// Deletes a dataset. Triggers delete the images that no training uses now, and the others once their trainings end.
pub fn delete(tx: &mut Tx, id: i64) {
    tx.exec("DELETE FROM datasets WHERE id = :id", args! { id });
}
