//! What may be sent about a server: by its runner, and by administrators.

use domain::task::KINDS;
use domain::{Choices, MAX_ID};
use web::{Default, FieldType, FormData, Input};

const NAME: Input = Input::new(FieldType::Word { max: 64 }, "Name", "名稱");

const BYTES: FieldType = FieldType::Int { min: 0, max: MAX_ID, step: 1 };

const MEMORY: Input = Input::new(BYTES, "Memory in bytes", "記憶體（位元組）");

const MODEL_NAME: FieldType = FieldType::Text { min: 1, max: 200 };

/// A list that must be sent, though it may be empty.
const MODELS: Input = Input::new(FieldType::List { of: &MODEL_NAME, max: 200 }, "Models", "模型").or(Default::Required);

/// The statuses that a runner reports.
const STATUSES: Choices = &[
    ("starting", &["初始化"]),
    ("idle", &["閒置", "闲置"]),
    ("working", &["工作中"]),
    ("stopping", &["關閉中", "关闭中"]),
];

web::form! {
    /// `protocol::runner::Register`.
    pub struct Registration {
        pub name: String = NAME,
        pub kind: String = Input::new(FieldType::OneOf(KINDS), "Type", "類型").named("type"),
        pub gpu: String = Input::new(FieldType::Text { min: 0, max: 200 }, "GPU", "顯示卡"),
        pub memory: i64 = MEMORY,
        pub version: String = Input::new(FieldType::Text { min: 0, max: 64 }, "Version", "版本"),
        pub models: Vec<String> = MODELS,
    }
}

web::form! {
    /// `protocol::runner::LoadedModel`.
    pub struct NewLoadedModel {
        pub name: String = Input::new(MODEL_NAME, "Name", "名稱"),
        pub memory: i64 = MEMORY,
        pub model_id: Option<i64> = Input::new(FieldType::Id, "Model", "模型"),
    }
}

const LOADED_MODEL: FieldType = FieldType::Object(&NewLoadedModel::FORM);

web::form! {
    /// `protocol::runner::Heartbeat`.
    pub struct NewHeartbeat {
        pub status: String = Input::new(FieldType::OneOf(STATUSES), "Status", "狀態"),
        pub models: Vec<String> = MODELS,
        pub loaded: Vec<NewLoadedModel> =
            Input::new(FieldType::List { of: &LOADED_MODEL, max: 200 }, "Loaded models", "已載入的模型"),
    }
}

web::patch! {
    /// The columns that only people know. There is no password: no column could hold one.
    pub struct ServerPatch {
        pub name: String = NAME,
        pub port: i64 = Input::new(FieldType::Int { min: 0, max: 65_535, step: 1 }, "Port", "連接埠"),
        pub username: String = Input::new(FieldType::Text { min: 0, max: 64 }, "User name", "使用者名稱"),
    }
}
