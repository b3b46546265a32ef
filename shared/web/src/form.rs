//! Request bodies as data. A `Form` is read by one interpreter and shown as JSON Schema, so that what is documented is
//! what is checked. The macros `form!` and `patch!` make the form and the struct it is read into from one table.
//! Nothing here knows bodies or media types.

mod field_type;
mod macros;
mod value;

use domain::messages::{MALFORMED_JSON, NOTHING_TO_CHANGE};
use domain::{Error, Millis, phrases};
use serde_json::{Map, Value, json};
use store::camel_case;

pub use field_type::FieldType;
pub use value::{FieldValue, FormData, read_next};

/// The fields a request may send.
#[derive(Clone, Copy)]
pub struct Form(pub &'static [Field]);

/// The fields of one request, checked and in canonical form.
pub type Values = Map<String, Value>;

/// A field of a form.
pub struct Field {
    /// snake_case; camelCase is accepted too.
    pub name: &'static str,
    /// What its value must be.
    pub field_type: FieldType,
    /// What happens when it is absent.
    pub default: Default,
    /// Labels: English, Chinese.
    pub title: (&'static str, &'static str),
}

/// What an absent field means.
#[derive(Clone, Copy, Debug)]
pub enum Default {
    /// An error.
    Required,
    /// Nothing.
    Optional,
    /// This whole number.
    Int(i64),
    /// This number.
    Number(f64),
    /// This text.
    Text(&'static str),
    /// This flag.
    Bool(bool),
}

impl Default {
    fn json(self) -> Option<Value> {
        match self {
            Default::Required | Default::Optional => None,
            Default::Int(n) => Some(json!(n)),
            Default::Number(x) => Some(json!(x)),
            Default::Text(t) => Some(json!(t)),
            Default::Bool(b) => Some(json!(b)),
        }
    }
}

/// The declaration of a field in `form!` and `patch!`, without its name.
pub struct Input {
    field_type: FieldType,
    title: (&'static str, &'static str),
    name: Option<&'static str>,
    default: Option<Default>,
}

impl Input {
    /// A field of this type, with its labels in English and Chinese. It is required unless its struct field is an
    /// `Option` or a `Vec`.
    pub const fn new(field_type: FieldType, en: &'static str, zh: &'static str) -> Input {
        Input { field_type, title: (en, zh), name: None, default: None }
    }

    /// Another name than the struct field's.
    pub const fn named(mut self, name: &'static str) -> Input {
        self.name = Some(name);
        self
    }

    /// The value when the field is absent.
    pub const fn or(mut self, default: Default) -> Input {
        self.default = Some(default);
        self
    }
}

impl Field {
    /// The field that an `Input` declares for a struct field.
    pub const fn new(name: &'static str, required: bool, input: Input) -> Field {
        let default = match (input.default, required) {
            (Some(default), _) => default,
            (None, true) => Default::Required,
            (None, false) => Default::Optional,
        };
        let name = match input.name {
            Some(name) => name,
            None => name,
        };
        Field { name, field_type: input.field_type, default, title: input.title }
    }

    /// The value of this field in a body, under either spelling of its name; None where it is null.
    pub fn sent<'a>(&self, body: &'a Map<String, Value>) -> Option<&'a Value> {
        let sent = body.get(self.name).or_else(|| body.get(&camel_case(self.name)));
        sent.filter(|value| !value.is_null())
    }
}

impl Form {
    /// Reads a body that creates: required fields must be there, defaults are filled in.
    ///
    /// # Errors
    ///
    /// `malformed_json`, `missing_parameter` or `invalid_parameter`.
    pub fn create(&self, body: &Value) -> Result<Values, Error> {
        let mut values = self.present(body)?;
        for field in self.0 {
            match (field.default, field.default.json()) {
                _ if values.contains_key(field.name) => {}
                (Default::Required, _) => return Err(Error::missing(field.name)),
                (_, Some(default)) => drop(values.insert(field.name.into(), default)),
                (_, None) => {}
            }
        }
        Ok(values)
    }

    /// Reads a body that changes: any subset of the fields, but at least one.
    ///
    /// # Errors
    ///
    /// `malformed_json`, `nothing_to_change` or `invalid_parameter`.
    pub fn patch(&self, body: &Value) -> Result<Values, Error> {
        let values = self.present(body)?;
        if values.is_empty() { Err(NOTHING_TO_CHANGE.error()) } else { Ok(values) }
    }

    /// The fields that were sent. Unknown keys and nulls are ignored.
    fn present(&self, body: &Value) -> Result<Values, Error> {
        let object = body.as_object().ok_or_else(|| MALFORMED_JSON.error())?;
        let mut values = Map::new();
        for field in self.0 {
            let Some(sent) = field.sent(object) else { continue };
            let value = field.field_type.read(sent);
            let value = value.ok_or_else(|| Error::invalid(field.name, field.field_type.phrase()))?;
            values.insert(field.name.into(), value);
        }
        Ok(values)
    }

    /// The field of this name, in either spelling.
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.0.iter().find(|field| field.name == name || camel_case(field.name) == name)
    }

    /// JSON Schema 2020-12 of the body, with titles in English and Chinese.
    pub fn schema(&self) -> Value {
        let mut properties = Map::new();
        let mut required = Vec::new();
        for field in self.0 {
            let mut schema = field.field_type.schema();
            if let Some(map) = schema.as_object_mut() {
                map.insert("title".into(), json!(field.title.0));
                map.insert("x-title-zh".into(), json!(field.title.1));
                if matches!(field.default, Default::Required) {
                    required.push(field.name);
                }
                map.extend(field.default.json().map(|default| ("default".into(), default)));
            }
            properties.insert(field.name.into(), schema);
        }
        json!({"type": "object", "properties": properties, "required": required})
    }
}

/// Refuses a time of this field that does not lie ahead.
pub fn require_future(field: &'static str, time: Option<Millis>, now: Millis) -> Result<(), Error> {
    match time {
        Some(time) if time <= now => Err(Error::invalid(field, &phrases::FUTURE_TIME)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
