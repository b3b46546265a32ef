//! The starter model's world: what it learns from, made here, and how what it draws is measured.
//!
//! A scene is a value; `draw` makes pixels of it, `captions` words, `tokenizer` the vocabulary for those words, `data`
//! examples for the trainer. `measure` goes the other way: from a picture to the scene that is drawn in it.

pub mod captions;
pub mod cli;
pub mod data;
pub mod draw;
pub mod grid;
pub mod measure;
pub mod model;
pub mod random;
pub mod scene;
pub mod tokenizer;
pub mod train;
