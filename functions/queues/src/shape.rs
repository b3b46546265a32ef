//! The shapes of replies, as Cloudflare Queues has them. The envelope around them is the dialect's.

use store::{Property, Shape};

const METRICS: Shape = Shape::Object(&[
    Property::new("backlog_count", Shape::Int, "Messages that are not acknowledged, leased ones included."),
    Property::new("backlog_bytes", Shape::Int, "Bytes of their bodies."),
    Property::new("oldest_message_timestamp_ms", Shape::Int, "Milliseconds since 1970; 0 for an empty queue."),
]);

const METADATA: Property = Property::new("metadata", Shape::Object(&[Property::new("metrics", METRICS, "")]), "");

const MESSAGE: Shape = Shape::Object(&[
    Property::new("id", Shape::Text, ""),
    Property::new("attempts", Shape::Int, "Deliveries, this one included."),
    Property::new("timestamp_ms", Shape::Int, "When it was pushed, in milliseconds since 1970."),
    Property::new("body", Shape::Text, "The text; the base64 of JSON."),
    Property::new("lease_id", Shape::Text, "Acknowledges this delivery."),
    Property::new(
        "metadata",
        Shape::Object(&[Property::new("CF-Content-Type", Shape::OneOf(&["text", "json"]), "")]),
        "",
    ),
]);

/// The reply to a pull.
pub const PULLED: Shape = Shape::Object(&[
    Property::new("message_backlog_count", Shape::Int, "As `backlog_count`."),
    Property::new("messages", Shape::List(&MESSAGE), "Oldest first."),
    METADATA,
]);

/// The reply to an acknowledgement.
pub const ACKED: Shape = Shape::Object(&[
    Property::new("ackCount", Shape::Int, "Messages removed."),
    Property::new("retryCount", Shape::Int, "Messages returned."),
    Property::new("warnings", Shape::Map(&Shape::Text), "A text for each lease that is not valid."),
]);

/// The reply to a push.
pub const PUSHED: Shape = Shape::Object(&[METADATA]);
