//! What the trainer learns from and what becomes of it: directories of pictures, files of results, and parity with the
//! reference's training on the fixtures that `fixtures/train.py` made.

mod curves;
mod data;
mod drawn;
// Not all of it is asked here.
#[allow(dead_code)]
#[path = "../checkpoints/family.rs"]
mod family;
mod formulas;
mod gradients;
mod metadata;
mod models;
