//! Submitting a task to the runners. Several APIs have words of their own for it; the form, the models it names, its
//! price and its place in line are the same. This crate knows no address and no envelope.

mod defaults;
mod inference_form;
mod model_refs;
mod random_seed;
mod submission;
mod training;
mod training_form;

pub use defaults::{FORMS, FormParams, IMAGE, MODEL, load_defaults};
pub use inference_form::{InferenceForm, LoraForm, draw_params};
pub use submission::{Price, Submission, name_of};
pub use training::Training;
pub use training_form::{DataForm, TrainingForm, train_params};
