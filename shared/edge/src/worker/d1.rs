//! D1, through its JavaScript interface directly: values cross as numbers and strings, without a serde layer between.

use async_trait::async_trait;
use js_sys::{Array, JsString, Object, Promise, Reflect};
use ports::{Rows, Sql, SqlError, Stmt, Value};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use worker::send::{IntoSendFuture, SendWrapper};

#[wasm_bindgen]
extern "C" {
    type Database;
    #[wasm_bindgen(method)]
    fn prepare(this: &Database, sql: &str) -> Prepared;
    #[wasm_bindgen(method, catch)]
    fn batch(this: &Database, statements: &Array) -> Result<Promise, JsValue>;

    type Prepared;
    #[wasm_bindgen(method, variadic, catch)]
    fn bind(this: &Prepared, values: &Array) -> Result<Prepared, JsValue>;
}

pub struct D1(SendWrapper<Database>);

impl D1 {
    pub fn bound(env: &worker::Env) -> Option<D1> {
        let binding = Reflect::get(env, &JsValue::from_str("DB")).ok().filter(JsValue::is_object)?;
        Some(D1(SendWrapper::new(binding.unchecked_into())))
    }

    async fn batch(&self, batch: Vec<Stmt>) -> Result<Vec<Rows>, SqlError> {
        let failed = |error: JsValue| SqlError::of_message(&super::words(&error));
        let statements = Array::new();
        for stmt in &batch {
            let values: Array = stmt.args.iter().map(to_js).collect();
            let bound = self.0.prepare(&stmt.sql).bind(&values).map_err(failed)?;
            statements.push(&bound.into());
        }
        let promise = self.0.batch(&statements).map_err(failed)?;
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

/// D1 takes numbers as doubles; `ports::Value` promises that whole ones fit.
fn to_js(value: &Value) -> JsValue {
    match value {
        Value::Null => JsValue::NULL,
        Value::Int(n) => JsValue::from_f64(*n as f64),
        Value::Real(x) => JsValue::from_f64(*x),
        Value::Text(text) => JsValue::from_str(text),
    }
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
