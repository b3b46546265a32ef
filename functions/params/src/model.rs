//! The schemas, and what may be sent about the defaults in them.

use domain::messages::{INVALID_PARAMETER, NOTHING_TO_CHANGE};
use domain::{Error, phrases};
use serde_json::{Map, Value, json};
use store::params::Params;
use store::spec::BY_NAME;
use store::{Column, Kind, ListQuery, Page, Shape, Spec, cursor};
use submit::{FORMS, FormParams};
use web::{FieldType, Input, Replies};

/// The columns of the list. It is made here, not by the database.
pub static PARAMS: Spec = Spec {
    name: "params",
    columns: &[Column::new("name", "", Kind::Text), Column::new("value", "", Kind::Json(&JSON_SCHEMA))],
    sorts: &[BY_NAME],
    ..Spec::EMPTY
};

/// A JSON Schema document. Its keys are not listed: `properties` of `properties` would document nothing.
const JSON_SCHEMA: Shape = Shape::Map(&Shape::Any);

/// The reply with one schema.
pub const SCHEMA: Replies = Replies::Json {
    status: 200,
    about: "JSON Schema 2020-12, with `x-title-zh` beside each `title`",
    shape: &JSON_SCHEMA,
};

/// Characters of a field's name that an error repeats.
const SHOWN: usize = 64;

web::patch! {
    pub struct ParamsPatch {
        /// See `changes`.
        pub defaults: Value = Input::new(
            FieldType::Json { max: 20_000 },
            "An object of fields and their new defaults; null brings back the built-in one",
            "物件：欄位及其新預設值；null 還原內建值",
        ),
    }
}

impl ParamsPatch {
    /// The defaults to change, in canonical form, by the snake_case names of their fields.
    ///
    /// # Errors
    ///
    /// `invalid_parameter` for a field that may have no default, and for a value that the field does not take;
    /// `nothing_to_change`.
    pub fn changes(self, params: &FormParams) -> Result<Value, Error> {
        let sent = self.defaults.ok_or_else(|| NOTHING_TO_CHANGE.error())?;
        let sent = sent.as_object().ok_or_else(|| Error::invalid("defaults", &phrases::OBJECT))?;
        let mut changes = Map::new();
        for (name, value) in sent {
            let field = params.form.field(name).filter(|field| FormParams::may_default(field));
            let field = field.ok_or_else(|| unknown(params, name))?;
            let invalid = || Error::invalid(format!("defaults.{}", field.name), field.field_type.phrase());
            let value = if value.is_null() { Value::Null } else { field.field_type.read(value).ok_or_else(invalid)? };
            changes.insert(field.name.into(), value);
        }
        if changes.is_empty() { Err(NOTHING_TO_CHANGE.error()) } else { Ok(Value::Object(changes)) }
    }
}

/// The error about a field that does not exist or may have no default.
fn unknown(params: &FormParams, name: &str) -> Error {
    let known = params.form.0.iter().filter(|field| FormParams::may_default(field)).map(|field| field.name);
    let known: Vec<&str> = known.collect();
    let shown: String = name.chars().take(SHOWN).collect();
    let error = INVALID_PARAMETER.on(format!("defaults.{shown}"));
    error.arg("defaults").arg(phrases::OBJECT_OF.with([known.join(", ")]))
}

/// The form of this name.
pub fn form(name: Option<&str>) -> Option<&'static FormParams> {
    FORMS.iter().find(|form| Some(form.name) == name)
}

/// JSON Schema 2020-12 of a form, with the defaults that administrators gave.
pub fn schema(form: &FormParams, params: &Params) -> Value {
    let mut schema = form.form.schema();
    for (field, default) in form.defaults(params) {
        if let Some(Value::Object(property)) = schema.pointer_mut(&format!("/properties/{}", field.name)) {
            property.insert("default".into(), default);
        }
    }
    if let Some(schema) = schema.as_object_mut() {
        schema.insert("$schema".into(), json!("https://json-schema.org/draft/2020-12/schema"));
        schema.insert("title".into(), json!(form.title.0));
        schema.insert("x-title-zh".into(), json!(form.title.1));
    }
    schema
}

/// A page of the forms, in the order of their names.
pub fn page(params: &Params, query: &ListQuery) -> Page {
    let total = FORMS.len() as i64;
    let after = |form: &&FormParams| match &query.after {
        Some((_, ports::Value::Text(last))) => form.name > last.as_str(),
        _ => true,
    };
    let skipped = if query.after.is_some() { 0 } else { (query.page - 1).saturating_mul(query.page_size) };
    let rest: Vec<&FormParams> =
        FORMS.iter().filter(after).skip(usize::try_from(skipped).unwrap_or(usize::MAX)).collect();
    let size = usize::try_from(query.page_size).unwrap_or_default();
    let rows: Vec<&FormParams> = rest.iter().copied().take(size).collect();
    let next = rest.len() > rows.len();
    let last = rows.last().filter(|_| next).map(|form| json!([form.name, form.name]).to_string());
    let list: Vec<Value> = rows.iter().map(|form| json!({"name": form.name, "value": schema(form, params)})).collect();
    Page {
        page: query.page,
        page_size: query.page_size,
        total,
        total_capped: false,
        next,
        next_cursor: last.map(|position| cursor::encode(query.sort.name, &position)),
        list: Value::Array(list).to_string(),
    }
}
