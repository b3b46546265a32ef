//! The shape of JSON in replies, as data. It is documentation only: OpenAPI shows it as JSON Schema.

mod draw_params;
mod train_params;

use draw_params::CHECKPOINT;
pub use draw_params::DRAW_PARAMS;
pub use train_params::TRAIN_PARAMS;

/// The shape of one value.
#[derive(Clone, Copy)]
pub enum Shape {
    /// A whole number.
    Int,
    /// Any number.
    Number,
    /// A string.
    Text,
    /// True or false.
    Bool,
    /// An RFC 3339 time.
    Time,
    /// A URL, possibly without an origin.
    Url,
    /// One of these strings.
    OneOf(&'static [&'static str]),
    /// Null, or this.
    Nullable(&'static Shape),
    /// An array.
    List(&'static Shape),
    /// A row of a resource.
    Row(&'static crate::Spec),
    /// An object whose keys are not known beforehand.
    Map(&'static Shape),
    /// An object.
    Object(&'static [Property]),
    /// One of these.
    AnyOf(&'static [Shape]),
    /// Any JSON.
    Any,
}

/// One property of an object.
#[derive(Clone, Copy)]
pub struct Property {
    /// Its key.
    pub name: &'static str,
    /// The value.
    pub shape: Shape,
    /// False when the key may be absent.
    pub required: bool,
    /// One sentence, or empty where the name says it all.
    pub about: &'static str,
}

impl Property {
    /// A property that is always there.
    pub const fn new(name: &'static str, shape: Shape, about: &'static str) -> Property {
        Property { name, shape, required: true, about: documentation(about) }
    }

    /// A property that may be absent.
    pub const fn optional(name: &'static str, shape: Shape, about: &'static str) -> Property {
        Property { name, shape, required: false, about: documentation(about) }
    }
}

/// A text that OpenAPI alone shows. The document is made natively, so functions are not linked with it.
pub const fn documentation(text: &'static str) -> &'static str {
    if cfg!(target_family = "wasm") { "" } else { text }
}

/// `{code, message}` of an error inside of an object.
pub const ERROR: Shape = Shape::Object(&[
    Property::new("code", Shape::Text, "Stable, in snake_case."),
    Property::new("message", Shape::Text, "For people."),
]);

/// The images of a task, as its `images` and `data` show them.
pub const TASK_IMAGES: Shape = Shape::List(&Shape::Object(&[
    Property::new("id", Shape::Int, ""),
    Property::new("url", Shape::Url, "The stored file."),
    Property::new("width", Shape::Int, "Pixels."),
    Property::new("height", Shape::Int, "Pixels."),
    Property::new("seed", Shape::Int, ""),
]));

/// `data` of a task: a preview while it runs, the result at its end, empty before.
pub const TASK_DATA: Shape = Shape::Object(&[
    Property::optional("image_url", Shape::Nullable(&Shape::Url), "The latest preview; of a trained model, its cover."),
    Property::optional("step", Shape::Int, "Steps done, while the task runs."),
    Property::optional("steps", Shape::Int, "Steps in all, while the task runs."),
    Property::optional("eta_seconds", Shape::Number, "Predicted seconds until the end, while the task runs."),
    Property::optional("phase", Shape::OneOf(&["fetching", "loading"]), "What happens before the first step."),
    Property::optional("loss", Shape::Number, "Of the last step of a training, while it runs."),
    Property::optional("images", TASK_IMAGES, "The result of an inference task, at the end."),
    Property::optional("model_id", Shape::Int, "The model that a training made, at its end."),
]);

/// The adapters an image was drawn with.
pub const LORAS: Shape = Shape::List(&Shape::Object(&[
    Property::new("model_id", Shape::Int, ""),
    Property::new("weight", Shape::Number, ""),
]));
