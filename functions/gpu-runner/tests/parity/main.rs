//! Parity with diffusers on the fixtures that `fixtures/export.py` made.
//!
//! Two layouts go through every test: sd15 (half precision files, vocab and merges) and sd2 (single precision,
//! tokenizer.json, v-prediction). sdxl, which is put together in another way, has its own. Differences are relative to
//! the largest value of the reference. On a GPU and in half precision: see `on`.

mod gradients;
mod inpaint;
mod modules;
#[path = "../support/on.rs"]
mod on;
mod reference;
mod refiner;
mod run;
mod samplers;
mod schedules;
mod sdxl;
mod text;
mod vision;
