//! What may be sent about a webhook.

use domain::form::{Field, Form, Rule, Values};
use domain::messages::INVALID_PARAMETER;
use domain::webhook::EVENTS;
use domain::{Error, outbound};
use serde_json::{Value, json};

const KIND: Rule = Rule::OneOf(EVENTS);

const LIST: Rule = Rule::List { of: &KIND, max: EVENTS.len() };

pub struct NewWebhook {
    pub url: String,
    /// A JSON array.
    pub events: String,
}

impl NewWebhook {
    pub const FORM: Form = Form(&[
        Field::required("url", Rule::Url, ("Address", "網址")),
        Field::optional("events", LIST, ("Events; all if not said", "事件；未指定則為全部")),
    ]);

    /// `exempt` as in `outbound::check`.
    pub fn read(body: &Value, exempt: &[String]) -> Result<NewWebhook, Error> {
        let values = Self::FORM.create(body)?;
        let url = values.text("url").unwrap_or_default();
        outbound::admit(&url, exempt, "url")?;
        let all = || json!(EVENTS.iter().map(|(name, _)| *name).collect::<Vec<_>>()).to_string();
        Ok(NewWebhook { url, events: events(&values)?.unwrap_or_else(all) })
    }
}

#[derive(Debug)]
pub struct WebhookPatch {
    pub url: Option<String>,
    pub events: Option<String>,
    pub active: Option<bool>,
}

impl WebhookPatch {
    pub const FORM: Form = Form(&[
        Field::optional("url", Rule::Url, ("Address", "網址")),
        Field::optional("events", LIST, ("Events", "事件")),
        Field::optional("active", Rule::Bool, ("Active", "啟用")),
    ]);

    pub fn read(body: &Value, exempt: &[String]) -> Result<WebhookPatch, Error> {
        let values = Self::FORM.patch(body)?;
        let url = values.text("url");
        url.iter().try_for_each(|url| outbound::admit(url, exempt, "url"))?;
        Ok(WebhookPatch { url, events: events(&values)?, active: values.bool("active") })
    }
}

/// Each once, and at least one, as a JSON array.
fn events(values: &Values) -> Result<Option<String>, Error> {
    let Some(mut events) = values.texts("events") else { return Ok(None) };
    events.sort();
    events.dedup();
    if events.is_empty() {
        return Err(INVALID_PARAMETER.on("events").arg("events").phrase(KIND.phrase()));
    }
    Ok(Some(json!(events).to_string()))
}
