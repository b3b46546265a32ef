//! What may be sent to a queue: requests to pull, to acknowledge and to push, with Cloudflare's limits.

use domain::Error;
use domain::messages::BODY_TOO_LARGE;
use serde_json::Value;
use web::{Default, FieldType, FormData, Input};

/// Bytes of one message's body; a KB is 1000 bytes here.
const MESSAGE_BYTES: usize = 128_000;
/// Bytes of all bodies of one push.
const PUSH_BYTES: usize = 256_000;
/// Bytes of a request: enough for `PUSH_BYTES` in which every byte is escaped, and the JSON around them.
pub const REQUEST_BYTES: usize = 2 << 20;

const LEASE_ID: Input = Input::new(FieldType::Text { min: 1, max: 128 }, "Lease", "租約");

const DELAY: Input = Input::new(FieldType::Int { min: 0, max: 43_200, step: 1 }, "Delay in seconds", "延遲秒數");

const VISIBILITY: FieldType = FieldType::Int { min: 0, max: 43_200_000, step: 1 };

web::form! {
    /// A request to lease messages.
    pub struct Pull {
        pub batch_size: i64 =
            Input::new(FieldType::Int { min: 1, max: 100, step: 1 }, "Messages", "訊息數").or(Default::Int(5)),
        pub visibility_timeout_ms: i64 =
            Input::new(VISIBILITY, "Length of the lease in milliseconds", "租約毫秒數").or(Default::Int(30_000)),
    }
}

web::form! {
    /// A lease whose message is done.
    pub struct Done {
        pub lease_id: String = LEASE_ID,
    }
}

web::form! {
    /// A lease whose message is returned for a retry.
    pub struct Retry {
        pub lease_id: String = LEASE_ID,
        pub delay_seconds: i64 = DELAY.or(Default::Int(0)),
    }
}

const DONE: FieldType = FieldType::Object(&Done::FORM);
const RETRY: FieldType = FieldType::Object(&Retry::FORM);

web::form! {
    /// An acknowledgement.
    pub struct Ack {
        pub acks: Vec<Done> = Input::new(FieldType::List { of: &DONE, max: 100 }, "Done", "已完成"),
        pub retries: Vec<Retry> = Input::new(FieldType::List { of: &RETRY, max: 100 }, "Returned", "退回"),
    }
}

impl Ack {
    /// The ids of all its leases.
    pub fn lease_ids(&self) -> impl Iterator<Item = &String> {
        self.acks.iter().map(|done| &done.lease_id).chain(self.retries.iter().map(|retry| &retry.lease_id))
    }
}

const CONTENT_TYPE: FieldType = FieldType::OneOf(&[("text", &[]), ("json", &[])]);

web::form! {
    /// A message to push.
    pub struct NewMessage {
        pub body: Value = Input::new(FieldType::Json { max: REQUEST_BYTES }, "Body", "內容"),
        pub content_type: Option<String> = Input::new(CONTENT_TYPE, "Type", "類型"),
        pub delay_seconds: Option<i64> = DELAY,
    }
}

const MESSAGE: FieldType = FieldType::Object(&NewMessage::FORM);

web::form! {
    /// Messages to push.
    pub struct NewBatch {
        pub messages: Vec<NewMessage> =
            Input::new(FieldType::List { of: &MESSAGE, max: 100 }, "Messages", "訊息").or(Default::Required),
        pub delay_seconds: i64 = DELAY.or(Default::Int(0)),
    }
}

/// A message as it is stored.
pub struct Message {
    /// Text as it came, JSON as text.
    pub body: String,
    /// `text` or `json`.
    pub content_type: &'static str,
    /// Milliseconds until it can be pulled.
    pub delay_ms: i64,
}

impl NewMessage {
    /// The message to store; `delay_seconds` where it has no delay of its own. A body without a type is text when it is
    /// a string, otherwise JSON.
    ///
    /// # Errors
    ///
    /// `invalid_parameter` for text that is no string, `body_too_large`.
    pub fn message(self, delay_seconds: i64) -> Result<Message, Error> {
        let (body, content_type) = match (self.body, self.content_type.as_deref()) {
            (Value::String(text), None | Some("text")) => (text, "text"),
            (_, Some("text")) => {
                return Err(Error::invalid("body", FieldType::Text { min: 0, max: MESSAGE_BYTES }.phrase()));
            }
            (json, _) => (json.to_string(), "json"),
        };
        if body.len() > MESSAGE_BYTES {
            return Err(BODY_TOO_LARGE.on("body").arg("128 KB"));
        }
        Ok(Message { body, content_type, delay_ms: 1000 * self.delay_seconds.unwrap_or(delay_seconds) })
    }
}

impl NewBatch {
    /// The messages to store, at least one.
    ///
    /// # Errors
    ///
    /// `missing_parameter`, `body_too_large`, and those of `NewMessage::message`.
    pub fn messages(self) -> Result<Vec<Message>, Error> {
        let messages = self.messages.into_iter().map(|message| message.message(self.delay_seconds));
        let messages = messages.collect::<Result<Vec<_>, _>>()?;
        if messages.is_empty() {
            return Err(Error::missing("messages"));
        }
        if messages.iter().map(|message| message.body.len()).sum::<usize>() > PUSH_BYTES {
            return Err(BODY_TOO_LARGE.on("messages").arg("256 KB"));
        }
        Ok(messages)
    }
}
