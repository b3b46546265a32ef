//! The types of fields: what a value must be, its canonical form, its JSON Schema.

use domain::range::{IntRange, NumberRange};
use domain::text::{Arg, Phrase};
use domain::{Choices, MAX_ID, Millis, file_url, id, phrases};
use serde_json::{Value, json};

use super::Form;

/// What the value of a field must be.
pub enum FieldType {
    /// Text of so many characters, trimmed. Control characters other than line breaks and tabs are refused.
    Text {
        /// Fewest characters.
        min: usize,
        /// Most characters.
        max: usize,
    },
    /// One line without commas: a name that can stand in a filter.
    Word {
        /// Most characters.
        max: usize,
    },
    /// An e-mail address, in lower case.
    Email,
    /// As `Text`, but never trimmed, logged or shown in an example.
    Secret {
        /// Fewest characters.
        min: usize,
        /// Most characters.
        max: usize,
    },
    /// A whole number.
    Int {
        /// Smallest.
        min: i64,
        /// Largest.
        max: i64,
        /// It is a multiple of this.
        step: i64,
    },
    /// A number.
    Number {
        /// Smallest.
        min: f64,
        /// Largest.
        max: f64,
    },
    /// True or false.
    Bool,
    /// An id, as a number or in digits.
    Id,
    /// One of these values, in any of its spellings.
    OneOf(Choices),
    /// An absolute http or https URL.
    Url,
    /// As `Url`, or the address of a stored file without an origin: `/files/…`.
    FileUrl,
    /// An RFC 3339 time, as milliseconds since 1970.
    Time,
    /// An array.
    List {
        /// What each element must be.
        of: &'static FieldType,
        /// Most elements.
        max: usize,
    },
    /// An object.
    Object(&'static Form),
    /// Any JSON of at most so many bytes, as it came.
    Json {
        /// Most bytes.
        max: usize,
    },
}

impl FieldType {
    /// The name of a tag. A comma would be read as two tags in a filter.
    pub const TAG: FieldType = FieldType::Word { max: 64 };

    /// The tags of an object, by name.
    pub const TAGS: FieldType = FieldType::List { of: &FieldType::TAG, max: 32 };

    /// A whole number in this range.
    pub const fn int(range: IntRange) -> FieldType {
        FieldType::Int { min: range.min, max: range.max, step: range.step }
    }

    /// A number in this range.
    pub const fn number(range: NumberRange) -> FieldType {
        FieldType::Number { min: range.min, max: range.max }
    }

    /// The value in canonical form, or None when it is not of this type.
    pub fn read(&self, value: &Value) -> Option<Value> {
        match self {
            FieldType::Text { min, max } => {
                let text = value.as_str()?.trim();
                let clean = !text.chars().any(|c| c.is_control() && c != '\n' && c != '\t' && c != '\r');
                ((*min..=*max).contains(&text.chars().count()) && clean).then(|| json!(text))
            }
            FieldType::Word { max } => {
                let text = value.as_str()?.trim();
                let fits = (1..=*max).contains(&text.chars().count());
                (fits && !text.chars().any(|c| c.is_control() || matches!(c, ',' | '，'))).then(|| json!(text))
            }
            FieldType::Secret { min, max } => {
                let text = value.as_str()?;
                (*min..=*max).contains(&text.chars().count()).then(|| json!(text))
            }
            FieldType::Email => email(value.as_str()?).map(Value::from),
            FieldType::Int { min, max, step } => {
                let n = whole(value)?;
                IntRange { min: *min, max: *max, step: *step }.contains(n).then(|| json!(n))
            }
            FieldType::Number { min, max } => {
                let x = value.as_f64()?;
                (*min..=*max).contains(&x).then(|| json!(x))
            }
            FieldType::Bool => value.as_bool().map(Value::from),
            FieldType::Id => {
                let id = whole(value).or_else(|| id::parse(value.as_str()?))?;
                (1..=MAX_ID).contains(&id).then(|| json!(id))
            }
            FieldType::OneOf(choices) => {
                let text = value.as_str()?;
                let known = choices.iter().find(|(name, aliases)| *name == text || aliases.contains(&text));
                known.map(|(name, _)| json!(name))
            }
            FieldType::Url => url(value.as_str()?.trim()).map(Value::from),
            FieldType::FileUrl => match value.as_str()?.trim() {
                path if file_url::key(path, &[]).is_some() => Some(json!(path)),
                _ => FieldType::Url.read(value),
            },
            FieldType::Time => Millis::parse_rfc3339(value.as_str()?).map(|t| json!(t.0)),
            FieldType::List { of, max } => {
                let items = value.as_array().filter(|items| items.len() <= *max)?;
                items.iter().map(|item| of.read(item)).collect::<Option<Vec<_>>>().map(Value::from)
            }
            FieldType::Object(form) => form.create(value).ok().map(Value::Object),
            FieldType::Json { max } => (value.to_string().len() <= *max).then(|| value.clone()),
        }
    }

    /// What a value must be, to finish the sentence "{field} must be …".
    pub fn phrase(&self) -> Phrase {
        match self {
            FieldType::Text { min, max } | FieldType::Secret { min, max } => phrases::TEXT_OF.with([*min, *max]),
            FieldType::Word { max } => phrases::WORD.with([*max]),
            FieldType::Email => (&phrases::EMAIL).into(),
            FieldType::Int { min, max, step } => IntRange { min: *min, max: *max, step: *step }.phrase(),
            FieldType::Number { min, max } => phrases::NUMBER.with([*min, *max].map(number)),
            FieldType::Bool => (&phrases::TRUE_OR_FALSE).into(),
            FieldType::Id => (&phrases::ID).into(),
            FieldType::OneOf(choices) => {
                phrases::ONE_OF.with([choices.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")])
            }
            FieldType::Url => (&phrases::URL).into(),
            FieldType::FileUrl => (&phrases::FILE_URL).into(),
            FieldType::Time => (&phrases::TIME).into(),
            FieldType::List { of, max } => phrases::LIST.with([Arg::from(*max), Arg::from(of.phrase())]),
            FieldType::Object(_) => (&phrases::OBJECT).into(),
            FieldType::Json { max } => phrases::JSON.with([*max]),
        }
    }

    /// JSON Schema 2020-12 of the value.
    pub fn schema(&self) -> Value {
        match self {
            FieldType::Text { min, max } => json!({"type": "string", "minLength": min, "maxLength": max}),
            FieldType::Secret { min, max } => {
                json!({"type": "string", "format": "password", "minLength": min, "maxLength": max})
            }
            FieldType::Word { max } => {
                json!({"type": "string", "minLength": 1, "maxLength": max, "pattern": "^[^,，]*$"})
            }
            FieldType::Email => json!({"type": "string", "format": "email", "maxLength": 254}),
            FieldType::Int { min, max, step: 1 } => json!({"type": "integer", "minimum": min, "maximum": max}),
            FieldType::Int { min, max, step } => {
                json!({"type": "integer", "minimum": min, "maximum": max, "multipleOf": step})
            }
            FieldType::Number { min, max } => json!({"type": "number", "minimum": min, "maximum": max}),
            FieldType::Bool => json!({"type": "boolean"}),
            FieldType::Id => json!({"type": "integer", "minimum": 1, "maximum": MAX_ID}),
            FieldType::OneOf(choices) => {
                let spellings = |(name, aliases): &(&'static str, &'static [&'static str])| {
                    std::iter::once(*name).chain(aliases.iter().copied()).collect::<Vec<_>>()
                };
                json!({"type": "string", "enum": choices.iter().flat_map(spellings).collect::<Vec<_>>()})
            }
            FieldType::Url => json!({"type": "string", "format": "uri", "maxLength": MAX_URL}),
            FieldType::FileUrl => json!({"type": "string", "format": "uri-reference", "maxLength": MAX_URL}),
            FieldType::Time => json!({"type": "string", "format": "date-time"}),
            FieldType::List { of, max } => json!({"type": "array", "items": of.schema(), "maxItems": max}),
            FieldType::Object(form) => form.schema(),
            FieldType::Json { .. } => json!({}),
        }
    }
}

/// Bytes of the longest URL.
const MAX_URL: usize = 2048;

/// A number as JSON writes it, a whole one without `.0`. Not by `Display`: its tables are 12 KB more of every WASM.
pub(super) fn number(x: f64) -> String {
    let mut text = json!(x).to_string();
    if let Some(whole) = text.strip_suffix(".0") {
        text.truncate(whole.len());
    }
    text
}

/// A whole number that a JavaScript client can have meant: `20` and `20.0`, not `"20"`, not `1e300`.
fn whole(value: &Value) -> Option<i64> {
    if let Some(n) = value.as_i64() {
        return Some(n);
    }
    let x = value.as_f64()?;
    (x.fract() == 0.0 && x.abs() <= MAX_ID as f64).then_some(x as i64)
}

/// The address in lower case. Deliberately loose (RFC 5321's length limits, one `@`, a dot in the domain): only a mail
/// can tell whether an address receives mail.
fn email(text: &str) -> Option<String> {
    let text = text.trim();
    let (local, domain) = text.rsplit_once('@')?;
    let plain = |part: &str| {
        !part.is_empty() && !part.chars().any(|c| c.is_whitespace() || c.is_control() || "@<>()[],;:\\\"".contains(c))
    };
    let dotted = domain.contains('.') && domain.split('.').all(|label| !label.is_empty());
    (text.len() <= 254 && local.len() <= 64 && plain(local) && plain(domain) && dotted).then(|| text.to_lowercase())
}

fn url(text: &str) -> Option<&str> {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"))?;
    let plain = text.len() <= MAX_URL && !text.chars().any(|c| c.is_whitespace() || c.is_control());
    (plain && !rest.is_empty() && !rest.starts_with(['/', '?', '#'])).then_some(text)
}
