//! `form!` and `patch!`.

/// A struct and the form it is read from. Each field has its type, and an `Input` that says what a body may send:
///
/// ```
/// use web::{FieldType, FormData, Input};
///
/// web::form! {
///     /// A new tag.
///     pub struct NewTag {
///         /// Unique.
///         pub name: String = Input::new(FieldType::Word { max: 64 }, "Name", "名稱"),
///         /// Shown below the name.
///         pub note: Option<String> = Input::new(FieldType::Text { min: 0, max: 200 }, "Note", "備註"),
///     }
/// }
///
/// let tag = NewTag::read(&serde_json::json!({"name": " 貓 "})).unwrap();
/// assert_eq!((tag.name.as_str(), tag.note), ("貓", None));
/// assert_eq!(NewTag::read(&serde_json::json!({})).err().unwrap().code(), "missing_parameter");
/// ```
#[macro_export]
macro_rules! form {
    ($(#[$meta:meta])* $vis:vis struct $name:ident {
        $($(#[$field_meta:meta])* $field_vis:vis $field:ident: $type:ty = $input:expr),* $(,)?
    }) => {
        $(#[$meta])*
        $vis struct $name { $($(#[$field_meta])* $field_vis $field: $type),* }

        impl $crate::FormData for $name {
            const FORM: $crate::Form = $crate::Form(&[$($crate::form::Field::new(
                stringify!($field),
                <$type as $crate::form::FieldValue>::REQUIRED,
                $input,
            )),*]);
            const IS_PATCH: bool = false;

            fn from_values(values: &$crate::form::Values) -> ::std::result::Result<Self, $crate::domain::Error> {
                let mut fields = Self::FORM.0.iter();
                Ok($name { $($field: $crate::form::read_next(&mut fields, values)?),* })
            }
        }

        impl $crate::form::FieldValue for $name {
            fn from_json(value: &$crate::serde_json::Value) -> Option<Self> {
                <$name as $crate::FormData>::from_values(value.as_object()?).ok()
            }
        }
    };
}

/// As `form!`, for a body that changes: every field becomes an `Option`, and at least one must be sent.
///
/// ```
/// use web::{FieldType, FormData, Input};
///
/// web::patch! {
///     /// Changes of a tag.
///     pub struct TagPatch {
///         /// A new name.
///         pub name: String = Input::new(FieldType::Word { max: 64 }, "Name", "名稱"),
///     }
/// }
///
/// assert_eq!(TagPatch::read(&serde_json::json!({"name": "a"})).unwrap().name.as_deref(), Some("a"));
/// assert_eq!(TagPatch::read(&serde_json::json!({})).err().unwrap().code(), "nothing_to_change");
/// ```
#[macro_export]
macro_rules! patch {
    ($(#[$meta:meta])* $vis:vis struct $name:ident {
        $($(#[$field_meta:meta])* $field_vis:vis $field:ident: $type:ty = $input:expr),* $(,)?
    }) => {
        $(#[$meta])*
        $vis struct $name { $($(#[$field_meta])* $field_vis $field: Option<$type>),* }

        impl $crate::FormData for $name {
            const FORM: $crate::Form = $crate::Form(&[$($crate::form::Field::new(
                stringify!($field),
                false,
                $input,
            )),*]);
            const IS_PATCH: bool = true;

            fn from_values(values: &$crate::form::Values) -> ::std::result::Result<Self, $crate::domain::Error> {
                let mut fields = Self::FORM.0.iter();
                Ok($name { $($field: $crate::form::read_next(&mut fields, values)?),* })
            }
        }
    };
}
