//! The way back through the kernels: from the gradient of a result to those of what it was made of.
//!
//! Sums are taken in an order that does not depend on the number of threads: the same numbers give the same gradients,
//! bit for bit.

pub mod activation;
pub mod attention;
pub mod conv;
pub mod linear;
pub mod norm;
mod outer;
