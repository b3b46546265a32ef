//! How a runner makes itself known: registration, heartbeats, and the hints it pulls from the queue.

use domain::Id;
use serde::{Deserialize, Serialize};

/// The body of a queue message: only a hint, the database row is the truth.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hint {
    /// A task that waited when the hint was sent.
    pub task_id: Id,
}

/// `POST /api/servers/register`, with the deployment's registration token as bearer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Register {
    /// Unique; registering a name again ends its earlier registration.
    pub name: String,
    /// `inference` or `training`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The device's name, for people.
    pub gpu: String,
    /// Bytes of memory that models may use.
    pub memory: i64,
    /// Version of the runner program.
    pub version: String,
    /// Names of the models the runner can draw with.
    pub models: Vec<String>,
}

/// The reply to `Register`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Registered {
    /// The server's id.
    pub id: Id,
    /// `runner_id(id, epoch)`, sent as `x-runner-id` on signed callbacks. It holds the epoch so that the edge can
    /// derive the secret before it asks the database.
    pub runner_id: String,
    /// Bearer for `/api/servers/{id}/heartbeat`: a JWT of the runners' audience.
    pub token: String,
    /// Signs the callbacks: `whsec_…`.
    pub secret: String,
}

/// `POST /api/servers/{id}/heartbeat`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Heartbeat {
    /// One of `starting`, `idle`, `working`, `stopping`.
    pub status: String,
    /// Names of the models the runner can draw with, as in `Register`.
    pub models: Vec<String>,
    /// Models in its memory now: its own, and the edge's.
    #[serde(default)]
    pub loaded: Vec<LoadedModel>,
}

/// A model in a runner's memory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadedModel {
    /// Its name, as in `Register` for the runner's own.
    pub name: String,
    /// Bytes of its weights.
    pub memory: u64,
    /// The edge's id of the model, if it is one of the edge's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model_id: Option<Id>,
}

/// The value of `RUNNER_HEADER`: `{server}.{epoch}`.
pub fn runner_id(server: Id, epoch: i64) -> String {
    format!("{server}.{epoch}")
}

/// The server and epoch of a `runner_id`.
pub fn parse_runner_id(text: &str) -> Option<(Id, i64)> {
    let (server, epoch) = text.split_once('.')?;
    Some((domain::id::parse(server)?, domain::id::parse(epoch)?))
}

/// The purpose a runner's secret is derived for. It holds the epoch: registering again ends the earlier secret.
pub fn secret_purpose(server: Id, epoch: i64) -> String {
    format!("callback:{server}:{epoch}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runner_ids_round_trip() {
        assert_eq!(parse_runner_id(&runner_id(7, 3)), Some((7, 3)));
        for bad in ["7", "7.", ".3", "7.0", "x.1", "7.3.1"] {
            assert_eq!(parse_runner_id(bad), None, "{bad}");
        }
    }
}
