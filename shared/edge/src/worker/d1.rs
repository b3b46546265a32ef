//! D1, through its JavaScript interface directly: values cross as numbers and strings, without a serde layer between.

use async_trait::async_trait;
use js_sys::{Array, JsString, Object, Reflect};
use ports::{Rows, Source, Sql, SqlError, Stmt, Value};
use serde_json::Value as Json;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use worker::send::{IntoSendFuture, SendWrapper};

use super::js;

pub struct D1(SendWrapper<JsValue>);

impl D1 {
    pub fn bound(env: &worker::Env) -> Option<D1> {
        let binding = Reflect::get(env, &JsValue::from_str("DB")).ok().filter(JsValue::is_object)?;
        Some(D1(SendWrapper::new(binding)))
    }

    async fn batch(&self, batch: Vec<Stmt>) -> Result<Vec<Rows>, SqlError> {
        let failed = |error: JsValue| SqlError::classify(super::message(&error));
        let promise = js::batch(&self.0, &statements(&batch)?).map_err(failed)?;
        let results = JsFuture::from(promise).await.map_err(failed)?;
        let key = JsValue::from(JsString::from("results"));
        Ok(Array::from(&results)
            .iter()
            .map(|result| Reflect::get(&result, &key).map(|rows| to_rows(&Array::from(&rows))).unwrap_or_default())
            .collect())
    }
}

#[async_trait]
impl Sql for D1 {
    async fn run(&self, batch: Vec<Stmt>) -> Result<Vec<Rows>, SqlError> {
        if batch.is_empty() {
            return Ok(Vec::new());
        }
        self.batch(batch).into_send().await
    }
}

/// As JSON. D1 takes numbers as doubles; `ports::Value` promises that whole ones fit.
fn statements(batch: &[Stmt]) -> Result<String, SqlError> {
    let argument = |value: &Value| match value {
        Value::Null => Json::Null,
        Value::Int(n) => (*n).into(),
        Value::Real(x) => (*x).into(),
        Value::Text(text) => text.as_str().into(),
    };
    let list = batch.iter().map(|stmt| (&*stmt.sql, stmt.args.iter().map(argument).collect::<Vec<_>>()));
    serde_json::to_string(&list.collect::<Vec<_>>()).map_err(|e| SqlError::Other(Source::new(e)))
}

fn to_rows(rows: &Array) -> Rows {
    let Some(first) = rows.iter().next() else { return Rows::default() };
    let columns = Object::keys(&Object::from(first)).iter().filter_map(|k| k.as_string()).collect();
    let values = rows.iter().map(|row| Object::values(&Object::from(row)).iter().map(|v| from_js(&v)).collect());
    Rows { columns, values: values.collect() }
}

fn from_js(value: &JsValue) -> Value {
    if let Some(x) = value.as_f64() {
        if x.fract() == 0.0 && x.abs() <= domain::MAX_ID as f64 { Value::Int(x as i64) } else { Value::Real(x) }
    } else {
        value.as_string().map_or(Value::Null, Value::Text)
    }
}
