//! HTTP calls to a running edge as its administrator.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use ureq::Body;
use ureq::http::{Response, StatusCode};

use super::dev_secrets;

/// Logs the administrator in and returns the session's token. On an empty database this creates the administrator.
///
/// # Errors
/// The edge does not answer; its data has another administrator.
pub fn log_in(edge_url: &str) -> Result<String> {
    let credentials = json!({"email": dev_secrets::get("ADMIN_EMAIL"), "password": dev_secrets::get("ADMIN_PASSWORD")});
    let (status, text) = read(agent().post(format!("{edge_url}/api/sessions")).send_json(credentials))?;
    ensure!(
        status != 401,
        "this data has another ADMIN_EMAIL or ADMIN_PASSWORD: set those, or pass --fresh to delete the data"
    );
    ensure!(status.is_success(), "the administrator can't log in: {status} {text}");
    let reply: Value = serde_json::from_str(&text)?;
    Ok(reply["token"].as_str().context("the session has no token")?.to_owned())
}

/// Sets the default image size of tasks, and of every model of the points API. `size` is the side of a square in
/// pixels.
pub fn set_default_image_size(edge_url: &str, token: &str, size: u32) -> Result<()> {
    let (url, authorization) = (format!("{edge_url}/api/points-config"), format!("Bearer {token}"));
    let image = agent().patch(format!("{edge_url}/api/params/image")).header("authorization", &authorization);
    let (status, text) = read(image.send_json(json!({"defaults": {"width": size, "height": size}})))?;
    ensure!(status.is_success(), "the defaults of images can't be changed: {status} {text}");
    let list = agent().get(format!("{url}?page_size=100")).header("authorization", &authorization);
    let (status, text) = read(list.call())?;
    ensure!(status.is_success(), "the points configuration can't be read: {status} {text}");
    let page: Value = serde_json::from_str(&text)?;
    for row in page["list"].as_array().into_iter().flatten() {
        let patch = agent().patch(format!("{url}/{}", row["id"])).header("authorization", &authorization);
        let (status, text) = read(patch.send_json(json!({"size": size})))?;
        ensure!(status.is_success(), "the points configuration can't be changed: {status} {text}");
    }
    Ok(())
}

/// An HTTP client that returns replies of any status.
fn agent() -> ureq::Agent {
    ureq::Agent::config_builder().http_status_as_error(false).build().into()
}

/// Reads a reply: its status and its text.
fn read(reply: Result<Response<Body>, ureq::Error>) -> Result<(StatusCode, String)> {
    let mut reply = reply.context("the edge does not answer")?;
    Ok((reply.status(), reply.body_mut().read_to_string().unwrap_or_default()))
}
