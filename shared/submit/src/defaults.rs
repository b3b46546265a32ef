//! Defaults that administrators gave to the fields of the forms here: which fields may have one, and how a body gets
//! them before it is read. Where they are kept is `store::params`'s.

use serde_json::{Map, Value};
use store::params::{self, Params};
use web::{Default, Field, FieldType, Form, FormData, RequestCtx};

use crate::inference_form::InferenceForm;
use crate::training_form::TrainingForm;

/// A form whose fields may be given defaults.
pub struct FormParams {
    /// Its name in `/api/params/{name}`.
    pub name: &'static str,
    /// Its fields.
    pub form: Form,
    /// Labels: English, Chinese.
    pub title: (&'static str, &'static str),
}

/// The form of inference tasks.
pub const IMAGE: FormParams = FormParams { name: "image", form: InferenceForm::FORM, title: ("Image", "圖像") };

/// The form of trainings.
pub const MODEL: FormParams = FormParams { name: "model", form: TrainingForm::FORM, title: ("Model", "模型") };

/// All of them, by name.
pub static FORMS: [FormParams; 2] = [IMAGE, MODEL];

/// A field without a meaning unless the body has the other.
const NEEDS: [(&str, &str); 1] = [("strength", "from_image")];

/// A field that excludes the other, or is decided by it.
const EXCLUDED_BY: [(&str, &str); 3] = [("steps", "epochs"), ("epochs", "steps"), ("base_model", "source")];

impl FormParams {
    /// True for a field that may be given a default: one that may be left out, of one value, which stands for itself.
    /// An id or an address names something of somebody, which may go; `type` decides which form is read.
    pub fn may_default(field: &Field) -> bool {
        let stands_for_itself = match field.field_type {
            FieldType::Text { .. }
            | FieldType::Word { .. }
            | FieldType::Int { .. }
            | FieldType::Number { .. }
            | FieldType::Bool
            | FieldType::OneOf(_) => true,
            FieldType::Email
            | FieldType::Secret { .. }
            | FieldType::Id
            | FieldType::Url
            | FieldType::FileUrl
            | FieldType::Time
            | FieldType::List { .. }
            | FieldType::Object(_)
            | FieldType::Json { .. } => false,
        };
        stands_for_itself && !matches!(field.default, Default::Required) && field.name != "type"
    }

    /// Fields with their defaults by administrators. A value that its field no longer takes is left out.
    pub fn defaults<'a>(&'a self, params: &'a Params) -> impl Iterator<Item = (&'a Field, Value)> {
        let values = params.form(self.name);
        let fields = self.form.0.iter().filter(|field| FormParams::may_default(field));
        fields.filter_map(|field| Some((field, field.field_type.read(values.get(field.name)?)?)))
    }

    /// Adds to a body the defaults of fields that were not sent. What is no object stays as it is.
    pub fn fill(&self, params: &Params, body: &mut Value) {
        let Some(body) = body.as_object_mut() else { return };
        for (field, default) in self.defaults(params) {
            let others = |pairs: &[(&str, &str)], has: bool| {
                pairs.iter().all(|(name, other)| *name != field.name || self.has(body, other) == has)
            };
            if field.sent(body).is_none() && others(&NEEDS, true) && others(&EXCLUDED_BY, false) {
                body.insert(field.name.into(), default);
            }
        }
    }

    fn has(&self, body: &Map<String, Value>, name: &str) -> bool {
        self.form.field(name).is_some_and(|field| field.sent(body).is_some())
    }
}

/// The defaults by administrators, for a submission: from the key-value store, where they may be a minute old. A store
/// that has none costs a trip to the database.
///
/// # Errors
///
/// Those of the database, where it is asked.
pub async fn load_defaults(ctx: &RequestCtx) -> web::Result<Params> {
    Ok(params::load(&ctx.runtime, params::USABLE_MS).await?)
}
