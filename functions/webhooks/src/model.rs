//! What may be sent about a webhook.

use domain::{Error, url_policy};
use protocol::webhook::EVENTS;
use serde_json::json;
use web::{FieldType, Input};

const URL: Input = Input::new(FieldType::Url, "Address", "網址");

const EVENT: FieldType = FieldType::OneOf(EVENTS);

const EVENT_LIST: FieldType = FieldType::List { of: &EVENT, max: EVENTS.len() };

web::form! {
    /// A new webhook.
    pub struct NewWebhook {
        pub url: String = URL,
        pub events: Option<Vec<String>> = Input::new(EVENT_LIST, "Events; all if omitted", "事件；未指定則為全部"),
    }
}

web::patch! {
    /// Changes of a webhook.
    pub struct WebhookPatch {
        pub url: String = URL,
        pub events: Vec<String> = Input::new(EVENT_LIST, "Events", "事件"),
        pub active: bool = Input::new(FieldType::Bool, "Active", "啟用"),
    }
}

impl NewWebhook {
    /// Checks the address against `url_policy`, and that there is an event. `exempt` is `Config::fetch_allow`.
    ///
    /// # Errors
    ///
    /// `invalid_parameter`.
    pub fn check(&self, exempt: &[String]) -> Result<(), Error> {
        check(Some(&self.url), self.events.as_deref(), exempt)
    }

    /// The column `events`: those that were sent, otherwise all.
    pub fn events_json(&self) -> String {
        let all = || EVENTS.iter().map(|(name, _)| name.to_string()).collect();
        events_json(self.events.clone().unwrap_or_else(all))
    }
}

impl WebhookPatch {
    /// As `NewWebhook::check`, for the fields that were sent.
    pub fn check(&self, exempt: &[String]) -> Result<(), Error> {
        check(self.url.as_deref(), self.events.as_deref(), exempt)
    }

    /// The column `events`.
    pub fn events_json(&self) -> Option<String> {
        self.events.clone().map(events_json)
    }
}

fn check(url: Option<&str>, events: Option<&[String]>, exempt: &[String]) -> Result<(), Error> {
    if let Some(url) = url {
        url_policy::admit(url, exempt, "url")?;
    }
    match events {
        Some([]) => Err(Error::invalid("events", EVENT.phrase())),
        _ => Ok(()),
    }
}

/// A JSON array that has each event once.
fn events_json(mut events: Vec<String>) -> String {
    events.sort();
    events.dedup();
    json!(events).to_string()
}
