//! The runner: reads models in the diffusers directory layout and draws with them through candle.
//!
//! Owns the numerics, from the prompt to the PNG. `serve` talks to the edge and is the only part that knows HTTP;
//! users, points and storage belong to the edge.

pub mod adapters;
pub mod backend;
mod cache;
pub mod checkpoint;
pub mod cli;
pub mod device;
mod error;
pub mod hub;
pub mod memory_budget;
pub mod models;
pub mod nn;
pub mod noise;
mod outbound;
pub mod picture;
pub mod pipeline;
pub mod png;
pub mod prompt;
pub mod schedulers;
pub mod serve;
pub mod starter;
pub mod tiny;
pub mod tokenizer;
pub mod train;
pub mod weights;

pub use error::{Code, DrawError};
