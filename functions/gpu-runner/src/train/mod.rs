//! Training: from pictures with captions to weights. The command line and training tasks are thin callers of this.
//!
//! Owns the objective, the loop and its state on disk. What is learnt from comes as `Examples`, wherever it is made.

pub mod data;
pub mod examples;
pub mod export;

pub use examples::{Example, Examples};
