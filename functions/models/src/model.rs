//! What may be sent about a model.

use domain::form::{Field, Form, Need, Rule, Values};
use domain::messages::INVALID_PARAMETER;
use domain::{Error, error::Arg, id};
use serde_json::Value;

const NAME: Field = Field::required("name", Rule::Text { min: 1, max: 200 }, ("Name", "名稱"));
const WORDS: Field = Field::optional("trigger_words", Rule::Text { min: 0, max: 1000 }, ("Trigger words", "觸發詞"));
const PUBLIC: Field = Field::optional("public", Rule::Bool, ("Public", "公開"));

pub const TYPES: &[(&str, &[&str])] = &[("lora", &["LoRA"]), ("ckp", &["checkpoint"]), ("hyper", &[]), ("ti", &[])];

pub const BASES: &[(&str, &[&str])] = &[("SD1.5", &["SD1", "sd15"]), ("SD2", &["SD2.1", "sd2"]), ("SDXL", &["sdxl"])];

pub static PATCH: Form = Form(&[NAME, WORDS, PUBLIC]);

/// An existing file that becomes a model.
pub struct Import {
    pub values: Values,
    pub upload: Upload,
}

/// What names one of the caller's uploads.
pub enum Upload {
    Id(i64),
    /// The address of its file.
    Url(String),
}

impl Import {
    pub const FORM: Form = Form(&[
        NAME,
        Field::required("type", Rule::OneOf(TYPES), ("Type", "類型")),
        Field::required("base_model", Rule::OneOf(BASES), ("Base model", "基礎模型")),
        WORDS,
        // Its id, or the address of its file.
        Field::required("upload", Rule::Json { max: 2050 }, ("Upload: its id or address", "上傳：編號或網址")),
        PUBLIC.or(Need::Bool(false)),
    ]);

    pub fn read(body: &Value) -> Result<Import, Error> {
        let values = Self::FORM.create(body)?;
        let upload = values.get("upload").and_then(upload).ok_or_else(unknown_upload)?;
        Ok(Import { values, upload })
    }
}

fn upload(value: &Value) -> Option<Upload> {
    if let Some(id) = Rule::Id.read(value).and_then(|id| id.as_i64()) {
        return Some(Upload::Id(id));
    }
    let url = value.as_str().filter(|text| id::parse(text).is_none())?;
    Some(Upload::Url(url.trim().to_string()))
}

pub fn unknown_upload() -> Error {
    let [en, hant, hans] = [
        "an upload of yours of type application/octet-stream",
        "您以 application/octet-stream 上傳的檔案",
        "您以 application/octet-stream 上传的文件",
    ]
    .map(String::from);
    INVALID_PARAMETER.on("upload").arg("upload").phrase(Arg::Phrase { en, hant, hans })
}
