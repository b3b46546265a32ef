//! What may be sent about a server: by its runner, and by administrators.

use domain::form::{Field, Form, Rule, Values};
use domain::runner::{Heartbeat, Loaded, Register};
use domain::task::KINDS;
use domain::{Error, MAX_ID};
use serde_json::Value;

const NAME: Rule = Rule::Word { max: 64 };

const MODEL: Rule = Rule::Text { min: 1, max: 200 };

/// The most models a runner can name.
const MODELS: Rule = Rule::List { of: &MODEL, max: 200 };

static LOADED: Form = Form(&[
    Field::required("name", MODEL, ("Name", "名稱")),
    Field::required("memory", Rule::Int { min: 0, max: MAX_ID, step: 1 }, ("Memory in bytes", "記憶體（位元組）")),
    Field::optional("model_id", Rule::Id, ("Model", "模型")),
]);

/// What a runner says of itself, and how administrators see it.
pub const STATUSES: &[(&str, &[&str])] = &[
    ("starting", &["初始化"]),
    ("idle", &["閒置", "闲置"]),
    ("working", &["工作中"]),
    ("stopping", &["關閉中", "关闭中"]),
];

pub static REGISTER: Form = Form(&[
    Field::required("name", NAME, ("Name", "名稱")),
    Field::required("type", Rule::OneOf(KINDS), ("Type", "類型")),
    Field::required("gpu", Rule::Text { min: 0, max: 200 }, ("GPU", "顯示卡")),
    Field::required("memory", Rule::Int { min: 0, max: MAX_ID, step: 1 }, ("Memory in bytes", "記憶體（位元組）")),
    Field::required("version", Rule::Text { min: 0, max: 64 }, ("Version", "版本")),
    Field::required("models", MODELS, ("Models", "模型")),
]);

pub static HEARTBEAT: Form = Form(&[
    Field::required("status", Rule::OneOf(STATUSES), ("Status", "狀態")),
    Field::required("models", MODELS, ("Models", "模型")),
    Field::optional("loaded", Rule::List { of: &Rule::Object(&LOADED), max: 200 }, ("Loaded models", "已載入的模型")),
]);

pub fn register(body: &Value) -> Result<Register, Error> {
    let values = REGISTER.create(body)?;
    Ok(Register {
        name: text(&values, "name"),
        kind: text(&values, "type"),
        gpu: text(&values, "gpu"),
        memory: values.int("memory").unwrap_or_default(),
        version: text(&values, "version"),
        models: values.texts("models").unwrap_or_default(),
    })
}

pub fn heartbeat(body: &Value) -> Result<Heartbeat, Error> {
    let values = HEARTBEAT.create(body)?;
    let loaded = values.get("loaded").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    Ok(Heartbeat {
        status: text(&values, "status"),
        models: values.texts("models").unwrap_or_default(),
        loaded: loaded.iter().filter_map(|model| serde_json::from_value::<Loaded>(model.clone()).ok()).collect(),
    })
}

fn text(values: &Values, name: &str) -> String {
    values.text(name).unwrap_or_default()
}

/// What only people know of a machine. No password is ever taken: there is nowhere to keep one.
pub struct ServerPatch {
    pub name: Option<String>,
    pub port: Option<i64>,
    pub username: Option<String>,
}

impl ServerPatch {
    pub const FORM: Form = Form(&[
        Field::optional("name", NAME, ("Name", "名稱")),
        Field::optional("port", Rule::Int { min: 0, max: 65_535, step: 1 }, ("Port", "連接埠")),
        Field::optional("username", Rule::Text { min: 0, max: 64 }, ("User name", "使用者名稱")),
    ]);

    pub fn read(body: &Value) -> Result<ServerPatch, Error> {
        let values = Self::FORM.patch(body)?;
        Ok(ServerPatch { name: values.text("name"), port: values.int("port"), username: values.text("username") })
    }
}
