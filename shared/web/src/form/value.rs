//! From checked JSON to the types of a form's struct.

use domain::messages::INTERNAL;
use domain::{Error, Millis};
use serde_json::Value;

use super::{Field, Form, Values};

/// A struct that is read from a form. `form!` and `patch!` implement it.
pub trait FormData: Sized {
    /// The form.
    const FORM: Form;
    /// True for a body that changes.
    const IS_PATCH: bool;

    /// Reads checked fields.
    ///
    /// # Errors
    ///
    /// `internal_error` when the type of a struct field does not fit its `FieldType`.
    fn from_values(values: &Values) -> Result<Self, Error>;

    /// Checks and reads a body.
    ///
    /// # Errors
    ///
    /// Those of `Form::create` or `Form::patch`.
    fn read(body: &Value) -> Result<Self, Error> {
        let form = Self::FORM;
        Self::from_values(&if Self::IS_PATCH { form.patch(body) } else { form.create(body) }?)
    }
}

/// The type of a field in a form's struct.
pub trait FieldValue: Sized {
    /// False for a type that has a value for an absent field.
    const REQUIRED: bool = true;

    /// The value of canonical JSON; None for JSON of another type.
    fn from_json(value: &Value) -> Option<Self>;

    /// The value of an absent field.
    fn absent() -> Option<Self> {
        None
    }
}

/// The value of the next field. For `form!` and `patch!`, whose structs have their fields in the order of the form.
///
/// # Errors
///
/// `internal_error` when the type does not fit.
pub fn read_next<T: FieldValue>(fields: &mut std::slice::Iter<'_, Field>, values: &Values) -> Result<T, Error> {
    let name = fields.next().map_or("", |field| field.name);
    let value = values.get(name).map_or_else(T::absent, T::from_json);
    value.ok_or_else(|| INTERNAL.error().cause(format!("the struct field for {name} does not fit its type")))
}

impl FieldValue for String {
    fn from_json(value: &Value) -> Option<String> {
        value.as_str().map(str::to_string)
    }
}

impl FieldValue for bool {
    fn from_json(value: &Value) -> Option<bool> {
        value.as_bool()
    }
}

impl FieldValue for f64 {
    fn from_json(value: &Value) -> Option<f64> {
        value.as_f64()
    }
}

/// Whole numbers: the field's range must fit the type.
macro_rules! whole_numbers {
    ($($type:ty)*) => {
        $(impl FieldValue for $type {
            fn from_json(value: &Value) -> Option<$type> {
                <$type>::try_from(value.as_i64()?).ok()
            }
        })*
    };
}

whole_numbers!(i64 u64 u32 u16 usize);

/// `FieldType::Time`.
impl FieldValue for Millis {
    fn from_json(value: &Value) -> Option<Millis> {
        value.as_i64().map(Millis)
    }
}

/// `FieldType::Json`.
impl FieldValue for Value {
    fn from_json(value: &Value) -> Option<Value> {
        Some(value.clone())
    }
}

impl<T: FieldValue> FieldValue for Option<T> {
    const REQUIRED: bool = false;

    fn from_json(value: &Value) -> Option<Option<T>> {
        T::from_json(value).map(Some)
    }

    fn absent() -> Option<Option<T>> {
        Some(None)
    }
}

/// `FieldType::List`; empty when it is absent.
impl<T: FieldValue> FieldValue for Vec<T> {
    const REQUIRED: bool = false;

    fn from_json(value: &Value) -> Option<Vec<T>> {
        value.as_array()?.iter().map(T::from_json).collect()
    }

    fn absent() -> Option<Vec<T>> {
        Some(Vec::new())
    }
}
