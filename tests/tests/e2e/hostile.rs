//! Bad input at every address of the OpenAPI document: a 4xx in the envelope of that address, never a 5xx, and nothing
//! changes by it. The table is made from the document, so a new route is in it by itself.

use futures_util::{StreamExt, stream};
use serde_json::{Value, json};
use tests::{Account, Edge, Watch, picture, send_anyway, setting, unique};

/// Ids that name nothing. `%ED%A0%80` is half of a surrogate pair.
const NOTHING: [&str; 8] =
    ["9007199254740991", "99999999999999999999", "0", "-1", "1.5", "%ED%A0%80", "%00", "..%2F..%2Fx"];

/// Bodies that are wrong wherever an object of known fields is meant.
const BROKEN: [&str; 9] = [
    "",
    "{",
    "nonsense",
    "null",
    "[]",
    "1e999",
    "\"text\"",
    r#"{"name":"\ud800","prompt":"\ud800","email":"\ud800"}"#,
    "{\"name\":\"\u{0}\"}",
];

/// Values that fit no field, whatever its type.
fn misfits() -> [Value; 4] {
    let huge: Value = serde_json::from_str("99999999999999999999999999").expect("a number");
    [huge, json!({"a": {"b": []}}), json!(-1.5e300), json!("\u{0}\u{1}")]
}

/// One operation of the document.
struct Operation {
    path: String,
    method: String,
    form: Option<Value>,
    parameters: Vec<Value>,
    /// Its documented methods, and those of the same path.
    siblings: Vec<String>,
}

fn operations(document: &Value) -> Vec<Operation> {
    let mut all = Vec::new();
    for (path, methods) in document["paths"].as_object().expect("paths") {
        let siblings: Vec<String> = methods.as_object().expect("methods").keys().map(|m| m.to_uppercase()).collect();
        for (method, operation) in methods.as_object().expect("methods") {
            all.push(Operation {
                path: path.clone(),
                method: method.to_uppercase(),
                form: operation.pointer("/requestBody/content/application~1json/schema").cloned(),
                parameters: operation["parameters"].as_array().cloned().unwrap_or_default(),
                siblings: siblings.clone(),
            });
        }
    }
    all
}

/// Values a form takes, as far as its schema tells.
fn sample(schema: &Value) -> Value {
    let properties = schema["properties"].as_object().into_iter().flatten();
    properties
        .filter(|(name, _)| schema["required"].as_array().is_some_and(|all| all.contains(&json!(name))))
        .map(|(name, rule)| (name.clone(), sample_of(name, rule)))
        .collect()
}

fn sample_of(name: &str, rule: &Value) -> Value {
    match rule["type"].as_str() {
        _ if rule.get("default").is_some() => rule["default"].clone(),
        _ if rule["enum"].is_array() => rule["enum"][0].clone(),
        Some("integer" | "number") => rule.get("minimum").cloned().unwrap_or(json!(1)),
        Some("boolean") => json!(false),
        Some("array") => json!([]),
        Some("object") => sample(rule),
        _ if name == "email" => json!(format!("{}@example.com", unique("hostile"))),
        _ => json!(unique("hostile")),
    }
}

/// One request of the table.
struct Attack {
    method: String,
    path: String,
    token: Option<String>,
    body: Option<String>,
    /// May be taken for what it is: text to search for, a message of any content.
    harmless: bool,
    why: String,
}

impl Attack {
    async fn strike(self, edge: &Edge) -> Result<(), String> {
        let (status, body) = self.send(edge).await;
        match status {
            200..=299 if self.harmless => Ok(()),
            400..=499 if envelope(&self.path, &body) => Ok(()),
            _ => {
                let start: String = body.chars().take(500).collect();
                Err(format!("{} {} ({}): {status} {start}", self.method, self.path, self.why))
            }
        }
    }

    async fn send(&self, edge: &Edge) -> (u16, String) {
        let token = self.token.as_deref().unwrap_or_default();
        if let Some(body) = self.body.as_ref().filter(|body| body.len() > 100_000) {
            return send_anyway(edge, &self.method, &self.path, token, body).await;
        }
        let mut call = edge.call(&self.method, &self.path);
        if !token.is_empty() {
            call = call.bearer(token);
        }
        if let Some(body) = &self.body {
            call = call.body("application/json", body.clone());
        }
        let answer = call.send().await;
        (answer.status, String::from_utf8_lossy(&answer.bytes).into_owned())
    }
}

/// The error is told as the address tells errors.
fn envelope(path: &str, body: &str) -> bool {
    let Ok(json) = serde_json::from_str::<Value>(body) else { return false };
    if path.starts_with("/client/") && json["errors"].is_array() {
        return json["success"] == false && json["errors"][0]["message"].is_string();
    }
    if path.starts_with("/user/") {
        return json["code"].is_u64() && json["message"].is_string() && json["data"].is_null();
    }
    json["error"]["code"].is_string() && json["error"]["message"].is_string()
}

struct Scene {
    ann: Account,
    bob: Account,
    /// Of things that are each one's: the path they are at, and their ids.
    anns: Vec<(&'static str, String)>,
    bobs: Vec<(&'static str, String)>,
}

impl Scene {
    /// The credential with which a request gets as far as it can.
    fn token(&self, path: &str) -> String {
        match path {
            path if path.starts_with("/client/") => setting("QUEUE_TOKEN"),
            "/api/servers/register" => setting("RUNNER_REGISTRATION_TOKEN"),
            _ => self.ann.token().to_owned(),
        }
    }

    fn against(&self, operation: &Operation) -> Vec<Attack> {
        let Operation { path, method, .. } = operation;
        let mut attacks = Vec::new();
        let mut add = |path: String, body: Option<String>, harmless: bool, why: &str| {
            let token = Some(self.token(&path));
            attacks.push(Attack { method: method.clone(), path, token, body, harmless, why: why.to_owned() });
        };
        let writes = method != "GET";
        // At something of ann's where there is such a thing: what is taken there would change it.
        let own = self.anns.iter().find(|(place, _)| path.starts_with(place) && path.contains("{id}"));
        let here = filled(path, own.map_or("9007199254740991", |(_, id)| id));
        let good = operation.form.as_ref().map(sample);

        if path.contains("{id}") || path.contains("{task") || path.contains("key}") {
            for id in NOTHING {
                add(filled(path, id), good.as_ref().filter(|_| writes).map(Value::to_string), false, "no such id");
            }
        }
        // Whoever sees an image may like and view it, and no body is looked at.
        let reacts = path.ends_with("/like") || path.ends_with("/view");
        let reached = |place: &str| !reacts && path.starts_with(place) && path.contains("{id}");
        for (place, id) in self.bobs.iter().filter(|(place, _)| reached(place)) {
            let open = !writes && ["/api/tags", "/api/users", "/api/images"].contains(place);
            let body = good.as_ref().filter(|_| writes).map(Value::to_string);
            add(path.replace("{id}", id), body, open, "someone else's");
        }
        if writes && method != "DELETE" && operation.form.is_some() {
            for body in BROKEN {
                add(here.clone(), Some(body.to_owned()), false, "a broken body");
            }
            add(here.clone(), Some(format!("{}1{}", "[".repeat(30_000), "]".repeat(30_000))), false, "deep nesting");
        }
        if writes && method != "DELETE" && !reacts {
            // A ticket is asked for without a body: one that is sent is not looked at.
            add(here.clone(), Some("x".repeat(10 << 20)), path == "/api/tickets", "10 MB");
        }
        for (name, _) in operation.form.iter().flat_map(|form| form["properties"].as_object()).flatten() {
            for misfit in misfits() {
                let mut body = good.clone().unwrap_or_else(|| json!({}));
                body[name] = misfit;
                // A message of the queue may say anything.
                let anything = path.starts_with("/client/") && ["body", "messages"].contains(&name.as_str());
                add(here.clone(), Some(body.to_string()), anything, &format!("a value that does not fit {name}"));
            }
        }
        for parameter in operation.parameters.iter().filter(|parameter| parameter["in"] == "query") {
            let name = parameter["name"].as_str().unwrap_or_default();
            for value in ["%ED%A0%80", "99999999999999999999", "-1", "nonsense", "%00", &"9".repeat(5000)] {
                let text = ["search", "tag", "date"].contains(&name);
                add(format!("{here}?{name}={value}"), None, text, "a bad query");
            }
        }
        for wrong in ["GET", "POST", "PUT", "PATCH", "DELETE", "PROPFIND"] {
            if !operation.siblings.iter().any(|known| known == wrong) {
                let (token, why) = (Some(self.token(path)), "no such method".to_owned());
                let (method, path) = (wrong.to_owned(), here.clone());
                attacks.push(Attack { method, path, token, body: None, harmless: false, why });
            }
        }
        attacks
    }

    /// Everything of ann's and bob's, as they see it.
    async fn state(&self) -> Vec<Value> {
        let mut seen = Vec::new();
        for who in [&self.ann, &self.bob] {
            for path in ["/api/account", "/api/sessions", "/api/tasks", "/api/uploads"] {
                let answer = who.get(path).send().await;
                seen.push(if answer.status == 404 { Value::Null } else { answer.json() });
            }
        }
        for (who, things) in [(&self.ann, &self.anns), (&self.bob, &self.bobs)] {
            for (place, id) in things {
                seen.push(who.get(&format!("{place}/{id}")).send().await.expect(200).json());
            }
        }
        seen
    }
}

/// A path with its parameters filled in.
fn filled(path: &str, id: &str) -> String {
    let parts = path.split('/').map(|part| match part {
        "{account}" => "local",
        "{queue}" => "training",
        "{number}" | "{attempt}" => "1",
        "{name}" => "x.png",
        part if part.starts_with('{') => id,
        part => part,
    });
    parts.collect::<Vec<_>>().join("/")
}

/// One of each thing somebody can have, settled before it is looked at.
async fn things(who: &Account) -> Vec<(&'static str, String)> {
    let tag = who.make("/api/tags", &json!({"name": unique("tag")})).await;
    let task = who.submit(&json!({})).await;
    let (frames, code) = Watch::of(who, &format!("/api/tasks/{task}")).await.rest().await;
    assert_eq!(code, 1000);
    let image = &frames.last().expect("a frame")["data"]["images"][0]["id"];
    let upload = who.call("POST", "/api/uploads").body("image/png", picture(8, 8, 1)).send().await.expect(201).json();
    let key = who.make("/api/keys", &json!({"name": "key"})).await;
    let session = who.session["id"].as_str().expect("an id").to_owned();
    vec![
        ("/api/tags", tag.to_string()),
        ("/api/tasks", task.to_string()),
        ("/api/images", image.to_string()),
        ("/api/uploads", upload["id"].to_string()),
        ("/api/sessions", session),
        ("/api/keys", key.to_string()),
        ("/api/users", who.id.to_string()),
    ]
}

#[tokio::test]
async fn bad_input_anywhere_is_refused_and_changes_nothing() {
    let edge = Edge::shared();
    let (ann, bob) = (edge.sign_up("ann").await, edge.sign_up("bob").await);
    let (anns, bobs) = (things(&ann).await, things(&bob).await);
    let scene = Scene { ann, bob, anns, bobs };
    let before = scene.state().await;

    let document = edge.get("/api/openapi.json").send().await.expect(200).json();
    let mut attacks: Vec<Attack> = operations(&document).iter().flat_map(|each| scene.against(each)).collect();
    for operation in operations(&document) {
        if !operation.siblings.is_empty() && operation.path.starts_with("/callbacks") {
            let (method, path) = (operation.method, filled(&operation.path, "1"));
            let body = Some(r#"{"task_id":1,"attempt":1,"lease":"x","seq":1}"#.to_owned());
            attacks.push(Attack { method, path, token: None, body, harmless: false, why: "unsigned".into() });
        }
    }
    assert!(attacks.len() >= 200, "{} requests are few: is the document whole?", attacks.len());
    let number = attacks.len();
    let outcomes = stream::iter(attacks).map(|attack| attack.strike(&edge)).buffer_unordered(4);
    let failures: Vec<String> = outcomes.filter_map(async |outcome| outcome.err()).collect().await;
    assert!(failures.is_empty(), "{} of {number}:\n{}", failures.len(), failures.join("\n"));
    assert_eq!(scene.state().await, before);
}
