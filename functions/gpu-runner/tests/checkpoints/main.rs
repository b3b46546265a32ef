//! Models in one file. What they are called inside was checked with diffusers by `fixtures/checkpoints.py`.

mod family;
mod full;
mod hostile;
mod prediction;
mod same;
