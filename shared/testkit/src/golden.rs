//! Golden replies: what a resource answers in both API versions, compared with a committed file. A field cannot appear,
//! vanish or change its name or form unnoticed. `UPDATE_GOLDEN=1` writes the files.
//!
//! A file is `golden/{name}.json` of the function: version → address → reply, and under `WS …` the first frame of a
//! watcher. Ids, times and keys are those of `Kit`, whose clock and random bytes are the same in every run.

use domain::room::Audience;
use serde_json::{Map, Value as Json};

use crate::kit::{Account, Kit};

const VERSIONS: [&str; 2] = ["v0", "v1"];

/// Reads each address as this account, and compares the replies with `golden/{name}.json` below `manifest_dir`.
pub async fn check(kit: &Kit, manifest_dir: &str, name: &str, by: &Account, paths: &[&str]) {
    let mut versions = Map::new();
    for version in VERSIONS {
        let mut replies = Map::new();
        for path in paths {
            let call = || kit.get(path).header("x-api-profile", version).by(by);
            let reply = call().send().await;
            assert_eq!(reply.status, 200, "{path}: {}", reply.text());
            replies.insert((*path).to_string(), reply.json());
            if let Some(frame) = first_frame(call().header("upgrade", "websocket").send().await, version) {
                replies.insert(format!("WS {path}"), frame);
            }
        }
        versions.insert(version.to_string(), replies.into());
    }
    compare(&format!("{manifest_dir}/golden/{name}.json"), &versions.into());
}

/// The first frame of a watcher; None for an address that cannot be watched, such as a list's.
fn first_frame(reply: crate::Reply, version: &str) -> Option<Json> {
    let (audience, event) = reply.join?.admit.unwrap_or_else(|code| panic!("a watcher is closed with {code}"));
    assert_eq!(audience, Audience::Owner, "whoever reads for the golden file owns what they read");
    let frame = event.frame(audience).and_then(|frame| frame.text(version)).unwrap_or_else(|| panic!("no {version}"));
    Some(serde_json::from_str(frame).unwrap_or_else(|error| panic!("{error}: {frame}")))
}

fn compare(path: &str, replies: &Json) {
    let fresh = format!("{replies:#}\n");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        let folder = path.rsplit_once('/').map_or(".", |(folder, _)| folder);
        std::fs::create_dir_all(folder).unwrap_or_else(|error| panic!("{folder}: {error}"));
        std::fs::write(path, &fresh).unwrap_or_else(|error| panic!("{path}: {error}"));
    }
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    let differs = committed.lines().zip(fresh.lines()).enumerate().find(|(_, (old, new))| old != new);
    assert!(
        committed == fresh,
        "{path} differs, first at {differs:?} (line from 0, committed, now). Where this is intended: UPDATE_GOLDEN=1"
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn compared(committed: &Json, now: &Json) -> bool {
        let path = std::env::temp_dir().join(format!("golden-{}-{}.json", std::process::id(), committed["id"]));
        std::fs::write(&path, format!("{committed:#}\n")).unwrap();
        let path = path.to_str().unwrap().to_string();
        let same = std::panic::catch_unwind(|| compare(&path, now)).is_ok();
        std::fs::remove_file(&path).unwrap();
        same
    }

    #[test]
    fn a_new_a_missing_and_a_renamed_field_are_noticed() {
        assert!(compared(&json!({"id": 1, "name": "a"}), &json!({"id": 1, "name": "a"})));
        assert!(!compared(&json!({"id": 2, "name": "a"}), &json!({"id": 2, "name": "a", "info": null})));
        assert!(!compared(&json!({"id": 3, "name": "a"}), &json!({"id": 3})));
        assert!(!compared(&json!({"id": 4, "name": "a"}), &json!({"id": 4, "title": "a"})));
        assert!(!compared(&json!({"id": 5, "count": 1}), &json!({"id": 5, "count": "1"})));
    }
}
