//! What may be sent about a task. What may be asked of a runner is in `submit`.

use domain::Error;
use domain::model::TYPES;
use domain::task::KINDS;
use serde_json::Value;
use store::params::Params;
use submit::{IMAGE, InferenceForm, MODEL, TrainingForm};
use web::form::Values;
use web::{FieldType, Form, FormData, Input};

/// The body of `POST /api/tasks`: its `type` says which.
pub enum TaskForm {
    /// Images to draw.
    Inference(Box<InferenceForm>),
    /// A model to train, with the fields of `POST /api/models`; the type of the model is `model_type`.
    Training(Box<TrainingForm>),
}

impl TaskForm {
    /// Adds to a body the defaults that administrators gave to the fields of its form.
    pub fn fill(body: &mut Value, defaults: &Params) {
        let form = if is_training(body) { MODEL } else { IMAGE };
        form.fill(defaults, body);
    }
}

fn is_training(body: &Value) -> bool {
    let kind = body.get("type").and_then(|kind| FieldType::OneOf(KINDS).read(kind));
    kind.as_ref().and_then(Value::as_str) == Some("training")
}

impl FormData for TaskForm {
    const FORM: Form = InferenceForm::FORM;
    const IS_PATCH: bool = false;

    fn from_values(values: &Values) -> Result<TaskForm, Error> {
        Ok(TaskForm::Inference(Box::new(InferenceForm::from_values(values)?)))
    }

    fn read(body: &Value) -> Result<TaskForm, Error> {
        if !is_training(body) {
            return Self::from_values(&Self::FORM.create(body)?);
        }
        let mut model = body.clone();
        if let Some(fields) = model.as_object_mut() {
            let model_type = fields.remove("model_type").or_else(|| fields.remove("modelType"));
            fields.insert("type".into(), model_type.unwrap_or_default());
        }
        TrainingForm::read(&model).map(|form| TaskForm::Training(Box::new(form))).map_err(|error| {
            match (error.code(), error.field.as_deref()) {
                ("missing_parameter", Some("type")) => Error::missing("model_type"),
                (_, Some("type")) => Error::invalid("model_type", FieldType::OneOf(TYPES).phrase()),
                _ => error,
            }
        })
    }
}

web::patch! {
    pub struct TaskPatch {
        pub name: String = Input::new(FieldType::Text { min: 0, max: 200 }, "Name", "名稱"),
        pub public: bool = Input::new(FieldType::Bool, "Public", "公開"),
    }
}
