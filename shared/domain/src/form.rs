//! What a client may send, as data. A `Form` is read by one interpreter (here), shown as JSON Schema (`schema`), and
//! served to front ends; so what is documented is what is checked. It knows nothing of bodies or media types.

use serde_json::{Map, Value, json};

use crate::error::Arg;
use crate::messages::{INVALID_PARAMETER, MALFORMED_JSON, MISSING_PARAMETER, NOTHING_TO_CHANGE};
use crate::{Error, MAX_ID, Millis, profile::camel};

pub struct Form(pub &'static [Field]);

pub struct Field {
    pub name: &'static str,
    pub rule: Rule,
    pub need: Need,
    /// Labels for a form: English, Chinese.
    pub title: (&'static str, &'static str),
}

pub enum Need {
    Required,
    Optional,
    Int(i64),
    Number(f64),
    Text(&'static str),
    Bool(bool),
}

pub enum Rule {
    /// Length in characters. Control characters other than newline and tab are refused.
    Text {
        min: usize,
        max: usize,
    },
    /// One line without commas: a name that can stand in a filter.
    Word {
        max: usize,
    },
    Email,
    /// Like `Text`, but never trimmed, logged or documented with an example.
    Secret {
        min: usize,
        max: usize,
    },
    Int {
        min: i64,
        max: i64,
        step: i64,
    },
    Number {
        min: f64,
        max: f64,
    },
    Bool,
    Id,
    /// Canonical values, each with the other spellings it is accepted in.
    OneOf(&'static [(&'static str, &'static [&'static str])]),
    /// An absolute http or https URL.
    Url,
    /// The same, or the address of a stored file without an origin: `/files/…`.
    FileUrl,
    /// An RFC 3339 point in time.
    Time,
    List {
        of: &'static Rule,
        max: usize,
    },
    Object(&'static Form),
    /// Any JSON value of at most so many bytes, kept as it came.
    Json {
        max: usize,
    },
}

impl Field {
    pub const fn required(name: &'static str, rule: Rule, title: (&'static str, &'static str)) -> Field {
        Field { name, rule, need: Need::Required, title }
    }

    pub const fn optional(name: &'static str, rule: Rule, title: (&'static str, &'static str)) -> Field {
        Field { name, rule, need: Need::Optional, title }
    }

    pub const fn or(mut self, default: Need) -> Field {
        self.need = default;
        self
    }
}

/// The accepted fields of one request, by name, already checked and in canonical form.
#[derive(Debug, Default)]
pub struct Values(Vec<(&'static str, Value)>);

impl Values {
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|(n, _)| *n == name).map(|(_, v)| v)
    }

    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    pub fn text(&self, name: &str) -> Option<String> {
        self.get(name)?.as_str().map(str::to_string)
    }

    pub fn int(&self, name: &str) -> Option<i64> {
        self.get(name)?.as_i64()
    }

    pub fn number(&self, name: &str) -> Option<f64> {
        self.get(name)?.as_f64()
    }

    pub fn bool(&self, name: &str) -> Option<bool> {
        self.get(name)?.as_bool()
    }

    /// A time that must lie ahead.
    pub fn future(&self, name: &'static str, now: Millis) -> Result<Option<Millis>, Error> {
        let time = self.int(name).map(Millis);
        if time.is_some_and(|time| time <= now) {
            let [en, hant, hans] = ["a time in the future", "未來的時間", "未来的时间"].map(String::from);
            return Err(INVALID_PARAMETER.on(name).arg(name).phrase(Arg::Phrase { en, hant, hans }));
        }
        Ok(time)
    }

    pub fn texts(&self, name: &str) -> Option<Vec<String>> {
        Some(self.get(name)?.as_array()?.iter().filter_map(|v| v.as_str().map(str::to_string)).collect())
    }
}

impl Form {
    /// Reads a body that creates: required fields must be there, defaults are filled in.
    pub fn create(&self, body: &Value) -> Result<Values, Error> {
        let object = body.as_object().ok_or_else(|| MALFORMED_JSON.error())?;
        let mut values = self.present(object)?;
        for field in self.0 {
            if values.has(field.name) {
                continue;
            }
            let default = match field.need {
                Need::Required => return Err(MISSING_PARAMETER.on(field.name).arg(field.name)),
                Need::Optional => continue,
                Need::Int(n) => json!(n),
                Need::Number(x) => json!(x),
                Need::Text(t) => json!(t),
                Need::Bool(b) => json!(b),
            };
            values.0.push((field.name, default));
        }
        Ok(values)
    }

    /// Reads a body that changes: any subset of the fields, but at least one.
    pub fn patch(&self, body: &Value) -> Result<Values, Error> {
        let object = body.as_object().ok_or_else(|| MALFORMED_JSON.error())?;
        let values = self.present(object)?;
        if values.0.is_empty() { Err(NOTHING_TO_CHANGE.error()) } else { Ok(values) }
    }

    /// Keys are taken in snake_case and in camelCase; unknown keys and nulls are passed over.
    fn present(&self, object: &Map<String, Value>) -> Result<Values, Error> {
        let mut values = Vec::new();
        for field in self.0 {
            let sent = object.get(field.name).or_else(|| object.get(&camel(field.name)));
            let Some(value) = sent.filter(|v| !v.is_null()) else { continue };
            let value = field
                .rule
                .read(value)
                .ok_or_else(|| INVALID_PARAMETER.on(field.name).arg(field.name).phrase(field.rule.phrase()))?;
            values.push((field.name, value));
        }
        Ok(Values(values))
    }

    /// JSON Schema 2020-12 of the body, titles in English and Chinese.
    pub fn schema(&self) -> Value {
        let mut properties = Map::new();
        let mut required = Vec::new();
        for field in self.0 {
            let mut schema = field.rule.schema();
            if let Some(map) = schema.as_object_mut() {
                map.insert("title".into(), json!(field.title.0));
                map.insert("x-title-zh".into(), json!(field.title.1));
                match field.need {
                    Need::Required => required.push(field.name),
                    Need::Optional => {}
                    Need::Int(n) => drop(map.insert("default".into(), json!(n))),
                    Need::Number(x) => drop(map.insert("default".into(), json!(x))),
                    Need::Text(t) => drop(map.insert("default".into(), json!(t))),
                    Need::Bool(b) => drop(map.insert("default".into(), json!(b))),
                }
            }
            properties.insert(field.name.into(), schema);
        }
        json!({"type": "object", "properties": properties, "required": required})
    }
}

impl Rule {
    /// The value in canonical form, or None when it breaks the rule.
    pub fn read(&self, value: &Value) -> Option<Value> {
        match self {
            Rule::Text { min, max } => {
                let text = value.as_str()?.trim();
                let fits = (*min..=*max).contains(&text.chars().count());
                let clean = !text.chars().any(|c| c.is_control() && c != '\n' && c != '\t' && c != '\r');
                (fits && clean).then(|| json!(text))
            }
            Rule::Word { max } => {
                let text = value.as_str()?.trim();
                let fits = (1..=*max).contains(&text.chars().count());
                (fits && !text.chars().any(|c| c.is_control() || matches!(c, ',' | '，'))).then(|| json!(text))
            }
            Rule::Secret { min, max } => {
                let text = value.as_str()?;
                (*min..=*max).contains(&text.chars().count()).then(|| json!(text))
            }
            Rule::Email => email(value.as_str()?).map(Value::from),
            Rule::Int { min, max, step } => {
                let n = whole(value)?;
                ((*min..=*max).contains(&n) && n % *step == 0).then(|| json!(n))
            }
            Rule::Number { min, max } => {
                let x = value.as_f64()?;
                (*min..=*max).contains(&x).then(|| json!(x))
            }
            Rule::Bool => value.as_bool().map(Value::from),
            Rule::Id => {
                let id = whole(value).or_else(|| crate::id::parse(value.as_str()?))?;
                (1..=MAX_ID).contains(&id).then(|| json!(id))
            }
            Rule::OneOf(choices) => {
                let text = value.as_str()?;
                choices.iter().find(|(name, also)| *name == text || also.contains(&text)).map(|(name, _)| json!(name))
            }
            Rule::Url => {
                let text = value.as_str()?.trim();
                let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"))?;
                let plain = text.len() <= 2048 && !text.chars().any(|c| c.is_whitespace() || c.is_control());
                (plain && !rest.is_empty() && !rest.starts_with(['/', '?', '#'])).then(|| json!(text))
            }
            Rule::FileUrl => match value.as_str()?.trim() {
                path if crate::file::key(path, &[]).is_some() => Some(json!(path)),
                _ => Rule::Url.read(value),
            },
            Rule::Time => crate::Millis::parse_rfc3339(value.as_str()?).map(|t| json!(t.0)),
            Rule::List { of, max } => {
                let items = value.as_array().filter(|items| items.len() <= *max)?;
                items.iter().map(|item| of.read(item)).collect::<Option<Vec<_>>>().map(Value::from)
            }
            Rule::Object(form) => {
                let values = form.create(value).ok()?;
                Some(Value::Object(values.0.into_iter().map(|(k, v)| (k.to_string(), v)).collect()))
            }
            Rule::Json { max } => (value.to_string().len() <= *max).then(|| value.clone()),
        }
    }

    /// What a value must be, to finish the sentence "… must be …".
    pub fn phrase(&self) -> Arg {
        let phrase = |en: String, hant: String, hans: String| Arg::Phrase { en, hant, hans };
        match self {
            Rule::Text { min, max } | Rule::Secret { min, max } => phrase(
                format!("text of {min} to {max} characters"),
                format!(" {min} 到 {max} 個字元的文字"),
                format!(" {min} 到 {max} 个字符的文字"),
            ),
            Rule::Word { max } => phrase(
                format!("1 to {max} characters without a comma"),
                format!(" 1 到 {max} 個字元，不含逗號"),
                format!(" 1 到 {max} 个字符，不含逗号"),
            ),
            Rule::Email => phrase("an e-mail address".into(), "電子郵件地址".into(), "电子邮件地址".into()),
            Rule::Int { min, max, step: 1 } => phrase(
                format!("a whole number from {min} to {max}"),
                format!(" {min} 到 {max} 的整數"),
                format!(" {min} 到 {max} 的整数"),
            ),
            Rule::Int { min, max, step } => phrase(
                format!("a multiple of {step} from {min} to {max}"),
                format!(" {min} 到 {max} 之間 {step} 的倍數"),
                format!(" {min} 到 {max} 之间 {step} 的倍数"),
            ),
            Rule::Number { min, max } => {
                let (min, max) = (number(*min), number(*max));
                phrase(
                    format!("a number from {min} to {max}"),
                    format!(" {min} 到 {max} 的數字"),
                    format!(" {min} 到 {max} 的数字"),
                )
            }
            Rule::Bool => phrase("true or false".into(), " true 或 false".into(), " true 或 false".into()),
            Rule::Id => phrase("an id".into(), "編號".into(), "编号".into()),
            Rule::OneOf(choices) => {
                let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
                let names = names.join(", ");
                phrase(format!("one of {names}"), format!("下列之一：{names}"), format!("下列之一：{names}"))
            }
            Rule::Url => {
                phrase("an http or https URL".into(), " http 或 https 網址".into(), " http 或 https 网址".into())
            }
            Rule::FileUrl => phrase(
                "an http or https URL, or /files/…".into(),
                " http 或 https 網址，或 /files/…".into(),
                " http 或 https 网址，或 /files/…".into(),
            ),
            Rule::Time => phrase("an RFC 3339 time".into(), " RFC 3339 時間".into(), " RFC 3339 时间".into()),
            Rule::List { of, max } => match of.phrase() {
                Arg::Phrase { en, hant, hans } => phrase(
                    format!("a list of at most {max}, each {en}"),
                    format!("最多 {max} 項的列表，每項為{hant}"),
                    format!("最多 {max} 项的列表，每项为{hans}"),
                ),
                text => text,
            },
            Rule::Object(_) => phrase("an object".into(), "物件".into(), "对象".into()),
            Rule::Json { max } => phrase(
                format!("JSON of at most {max} bytes"),
                format!("最多 {max} 位元組的 JSON"),
                format!("最多 {max} 字节的 JSON"),
            ),
        }
    }

    fn schema(&self) -> Value {
        match self {
            Rule::Text { min, max } => json!({"type": "string", "minLength": min, "maxLength": max}),
            Rule::Secret { min, max } => {
                json!({"type": "string", "format": "password", "minLength": min, "maxLength": max})
            }
            Rule::Word { max } => json!({"type": "string", "minLength": 1, "maxLength": max, "pattern": "^[^,，]*$"}),
            Rule::Email => json!({"type": "string", "format": "email", "maxLength": 254}),
            Rule::Int { min, max, step: 1 } => json!({"type": "integer", "minimum": min, "maximum": max}),
            Rule::Int { min, max, step } => {
                json!({"type": "integer", "minimum": min, "maximum": max, "multipleOf": step})
            }
            Rule::Number { min, max } => json!({"type": "number", "minimum": min, "maximum": max}),
            Rule::Bool => json!({"type": "boolean"}),
            Rule::Id => json!({"type": "integer", "minimum": 1, "maximum": MAX_ID}),
            Rule::OneOf(choices) => {
                let all: Vec<&str> =
                    choices.iter().flat_map(|(name, also)| std::iter::once(name).chain(also.iter())).copied().collect();
                json!({"type": "string", "enum": all})
            }
            Rule::Url => json!({"type": "string", "format": "uri", "maxLength": 2048}),
            Rule::FileUrl => json!({"type": "string", "format": "uri-reference", "maxLength": 2048}),
            Rule::Time => json!({"type": "string", "format": "date-time"}),
            Rule::List { of, max } => json!({"type": "array", "items": of.schema(), "maxItems": max}),
            Rule::Object(form) => form.schema(),
            Rule::Json { .. } => json!({}),
        }
    }
}

/// A number as JSON writes it, whole ones without `.0`. Not by `Display`: its tables are 12 KB more of every WASM.
fn number(x: f64) -> String {
    let mut text = json!(x).to_string();
    if let Some(whole) = text.strip_suffix(".0") {
        text.truncate(whole.len());
    }
    text
}

/// A whole number a JavaScript client can have meant: `20` and `20.0`, not `"20"`, not `1e300`.
fn whole(value: &Value) -> Option<i64> {
    if let Some(n) = value.as_i64() {
        return Some(n);
    }
    let x = value.as_f64()?;
    (x.fract() == 0.0 && x.abs() <= MAX_ID as f64).then_some(x as i64)
}

/// The address in lower case. Deliberately loose (RFC 5321's length limits, one `@`, a dot in the domain): whether
/// an address receives mail only a mail can tell.
fn email(text: &str) -> Option<String> {
    let text = text.trim();
    let (local, domain) = text.rsplit_once('@')?;
    let plain = |part: &str| {
        !part.is_empty() && !part.chars().any(|c| c.is_whitespace() || c.is_control() || "@<>()[],;:\\\"".contains(c))
    };
    let dotted = domain.contains('.') && domain.split('.').all(|label| !label.is_empty());
    (text.len() <= 254 && local.len() <= 64 && plain(local) && plain(domain) && dotted).then(|| text.to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Lang;

    static FORM: Form = Form(&[
        Field::required("name", Rule::Text { min: 1, max: 8 }, ("Name", "名稱")),
        Field::optional("page_size", Rule::Int { min: 8, max: 64, step: 8 }, ("Size", "大小")).or(Need::Int(16)),
        Field::optional("kind", Rule::OneOf(&[("inference", &["推理"])]), ("Kind", "類型")),
        Field::optional("scale", Rule::Number { min: 1.0, max: 20.0 }, ("Scale", "權重")),
        Field::optional("urls", Rule::List { of: &Rule::Url, max: 2 }, ("URLs", "網址")),
        Field::optional("email", Rule::Email, ("E-mail", "電子郵件")),
    ]);

    fn refused(body: Value) -> String {
        let error = FORM.create(&body).unwrap_err();
        format!("{} {}", error.code(), error.field.as_deref().unwrap_or("-"))
    }

    #[test]
    fn canonical_values_and_defaults() {
        let v = FORM.create(&json!({"name": " 貓 ", "pageSize": 24.0, "kind": "推理", "scale": null, "x": 1})).unwrap();
        assert_eq!(v.text("name").as_deref(), Some("貓"));
        assert_eq!(v.int("page_size"), Some(24));
        assert_eq!(v.text("kind").as_deref(), Some("inference"));
        assert!(!v.has("scale"));
        assert_eq!(FORM.create(&json!({"name": "a"})).unwrap().int("page_size"), Some(16));
    }

    #[test]
    fn every_breach_names_its_field() {
        assert_eq!(refused(json!([])), "malformed_json -");
        assert_eq!(refused(json!({})), "missing_parameter name");
        assert_eq!(refused(json!({"name": ""})), "invalid_parameter name");
        assert_eq!(refused(json!({"name": 5})), "invalid_parameter name");
        assert_eq!(refused(json!({"name": "a\u{0}"})), "invalid_parameter name");
        for size in [json!(9), json!(72), json!("16"), json!(1e300), json!(16.5), json!(-8)] {
            assert_eq!(refused(json!({"name": "a", "page_size": size})), "invalid_parameter page_size");
        }
        for url in ["ftp://x", "https://", "https:///x", "http://a b", "javascript:1"] {
            assert_eq!(refused(json!({"name": "a", "urls": [url]})), "invalid_parameter urls");
        }
        for mail in ["a", "a@b", "a@b..c", "a b@c.d", "@c.d", "a@", "<a>@b.c"] {
            assert_eq!(refused(json!({"name": "a", "email": mail})), "invalid_parameter email", "{mail}");
        }
        assert_eq!(refused(json!({"name": "a", "scale": 20.001})), "invalid_parameter scale");
    }

    #[test]
    fn patches_need_something() {
        assert_eq!(FORM.patch(&json!({"other": 1})).unwrap_err().code(), "nothing_to_change");
        assert!(!FORM.patch(&json!({"scale": 2})).unwrap().has("name"));
    }

    #[test]
    fn messages_speak_the_callers_language() {
        let error = FORM.create(&json!({"name": "a", "page_size": 9})).unwrap_err();
        assert_eq!(error.text(Lang::En), "page_size must be a multiple of 8 from 8 to 64.");
        assert_eq!(error.text(Lang::Hant), "page_size 必須是 8 到 64 之間 8 的倍數。");
        let error = FORM.create(&json!({"name": "a", "scale": 0})).unwrap_err();
        assert_eq!(error.text(Lang::En), "scale must be a number from 1 to 20.");
        assert_eq!(number(-0.25), "-0.25");
    }

    #[test]
    fn times_ahead_are_later_than_now() {
        static END: Form = Form(&[Field::optional("end", Rule::Time, ("End", "到期"))]);
        let read = |text: &str| END.create(&json!({"end": text})).and_then(|v| v.future("end", Millis(1000)));
        assert_eq!(read("1970-01-01T00:00:01.001Z"), Ok(Some(Millis(1001))));
        let past = read("1970-01-01T00:00:01Z").unwrap_err();
        assert_eq!(
            (past.field.as_deref(), past.text(Lang::En)),
            (Some("end"), "end must be a time in the future.".into())
        );
        assert_eq!(END.create(&json!({})).and_then(|v| v.future("end", Millis(1000))), Ok(None));
    }

    #[test]
    fn the_schema_says_what_is_checked() {
        let schema = FORM.schema();
        assert_eq!(schema["required"], json!(["name"]));
        assert_eq!(schema["properties"]["page_size"]["default"], json!(16));
        assert_eq!(schema["properties"]["kind"]["enum"], json!(["inference", "推理"]));
    }
}
