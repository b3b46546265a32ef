//! The networks of a model directory, each in its own folder: configuration, then layers named as in the weights file.

pub mod clip;
pub mod config;
