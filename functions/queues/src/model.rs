//! What may be sent to a queue: requests to pull, to acknowledge and to push, with Cloudflare's limits.

use domain::Error;
use domain::form::{Field, Form, Need, Rule};
use domain::messages::{BODY_TOO_LARGE, INVALID_PARAMETER, MISSING_PARAMETER};
use serde_json::Value;

/// Bytes of one message's body; a KB is 1000 bytes here.
const MESSAGE_BYTES: usize = 128_000;
/// Bytes of all bodies of one push.
const PUSH_BYTES: usize = 256_000;
/// A request of `PUSH_BYTES` in which every byte is escaped, and what stands around them, fits into this.
pub const REQUEST_BYTES: usize = 2 << 20;
/// Seconds a message may be held back.
const DELAY: Rule = Rule::Int { min: 0, max: 43_200, step: 1 };
const LEASE_ID: Field = Field::required("lease_id", Rule::Text { min: 1, max: 128 }, ("Lease", "租約"));

pub static PULL: Form = Form(&[
    Field::optional("batch_size", Rule::Int { min: 1, max: 100, step: 1 }, ("Messages", "訊息數")).or(Need::Int(5)),
    Field::optional(
        "visibility_timeout_ms",
        Rule::Int { min: 0, max: 43_200_000, step: 1 },
        ("Length of the lease in milliseconds", "租約毫秒數"),
    )
    .or(Need::Int(30_000)),
]);

static LEASE: Form = Form(&[LEASE_ID]);
static RETRY: Form =
    Form(&[LEASE_ID, Field::optional("delay_seconds", DELAY, ("Delay in seconds", "延遲秒數")).or(Need::Int(0))]);
pub static ACK: Form = Form(&[
    Field::optional("acks", Rule::List { of: &Rule::Object(&LEASE), max: 100 }, ("Done", "已完成")),
    Field::optional("retries", Rule::List { of: &Rule::Object(&RETRY), max: 100 }, ("Give back", "退回")),
]);

pub static MESSAGE: Form = Form(&[
    Field::required("body", Rule::Json { max: REQUEST_BYTES }, ("Body", "內容")),
    Field::optional("content_type", Rule::OneOf(&[("text", &[]), ("json", &[])]), ("Type", "類型")),
    Field::optional("delay_seconds", DELAY, ("Delay in seconds", "延遲秒數")),
]);
pub static BATCH: Form = Form(&[
    Field::required("messages", Rule::List { of: &Rule::Object(&MESSAGE), max: 100 }, ("Messages", "訊息")),
    Field::optional("delay_seconds", DELAY, ("Delay in seconds", "延遲秒數")).or(Need::Int(0)),
]);

pub struct Pull {
    pub batch_size: i64,
    pub visibility_ms: i64,
}

impl Pull {
    pub fn read(body: &Value) -> Result<Pull, Error> {
        let values = PULL.create(body)?;
        let int = |name| values.int(name).unwrap_or_default();
        Ok(Pull { batch_size: int("batch_size"), visibility_ms: int("visibility_timeout_ms") })
    }
}

/// Leases to end, and leases to give back with a delay in seconds.
pub struct Ack {
    pub acks: Vec<String>,
    pub retries: Vec<(String, i64)>,
}

impl Ack {
    pub fn read(body: &Value) -> Result<Ack, Error> {
        let values = ACK.create(body)?;
        let list = |name| values.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let lease = |item: &Value| item["lease_id"].as_str().unwrap_or_default().to_string();
        let delay = |item: &Value| item["delay_seconds"].as_i64().unwrap_or_default();
        Ok(Ack {
            acks: list("acks").iter().map(lease).collect(),
            retries: list("retries").iter().map(|item| (lease(item), delay(item))).collect(),
        })
    }
}

pub struct Message {
    /// As it is kept: text as it came, JSON as text.
    pub body: String,
    /// `text` or `json`.
    pub content_type: &'static str,
    pub delay_ms: i64,
}

impl Message {
    pub fn read(body: &Value) -> Result<Message, Error> {
        let values = MESSAGE.create(body)?;
        let field = |name| values.get(name).unwrap_or(&Value::Null);
        Message::of(field("body"), field("content_type"), field("delay_seconds"), 0)
    }

    pub fn read_batch(body: &Value) -> Result<Vec<Message>, Error> {
        let values = BATCH.create(body)?;
        let delay = values.int("delay_seconds").unwrap_or_default();
        let list = values.get("messages").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let messages: Vec<Message> = list
            .iter()
            .map(|item| Message::of(&item["body"], &item["content_type"], &item["delay_seconds"], delay))
            .collect::<Result<_, _>>()?;
        if messages.is_empty() {
            return Err(MISSING_PARAMETER.on("messages").arg("messages"));
        }
        if messages.iter().map(|message| message.body.len()).sum::<usize>() > PUSH_BYTES {
            return Err(BODY_TOO_LARGE.on("messages").arg("256 KB"));
        }
        Ok(messages)
    }

    /// A body without a type is what it looks like: a string is text, anything else JSON.
    fn of(body: &Value, content_type: &Value, delay: &Value, standing_delay: i64) -> Result<Message, Error> {
        let (body, content_type) = match (body, content_type.as_str()) {
            (Value::String(text), None | Some("text")) => (text.clone(), "text"),
            (_, Some("text")) => {
                return Err(INVALID_PARAMETER
                    .on("body")
                    .arg("body")
                    .phrase(Rule::Text { min: 0, max: MESSAGE_BYTES }.phrase()));
            }
            (json, _) => (json.to_string(), "json"),
        };
        if body.len() > MESSAGE_BYTES {
            return Err(BODY_TOO_LARGE.on("body").arg("128 KB"));
        }
        Ok(Message { body, content_type, delay_ms: 1000 * delay.as_i64().unwrap_or(standing_delay) })
    }
}
