//! Shell commands that `cargo xtask dev` prints: they draw one picture over the API.

use crate::support::dev_secrets;

/// Commands for a POSIX shell with curl. They log in, submit a task, wait for its end and download the picture.
pub fn shell_commands(edge_url: &str) -> String {
    // A password from the environment is not printed: the shell fills it in.
    let quoted = |name: &str| {
        dev_secrets::from_environment(name).map_or_else(|| dev_secrets::get(name), |_| format!("'\"${name}\"'"))
    };
    let (email, password) = (quoted("ADMIN_EMAIL"), quoted("ADMIN_PASSWORD"));
    let login = format!(r#"{{"email":"{email}","password":"{password}"}}"#);
    let prompt = "a yellow star at night";
    let task = format!(
        r#"{{"type":"inference","prompt":"{prompt}","width":64,"height":64,"num_inference_steps":20,"seed":7}}"#
    );
    let (url, json) = (edge_url, "content-type: application/json");
    format!(
        r#"
  # Draw a picture:
  TOKEN=$(curl -s {url}/api/sessions -H '{json}' -d '{login}' | grep -o '"token":"[^"]*' | cut -d'"' -f4)
  AUTH="authorization: Bearer $TOKEN"
  TASK=$(curl -s {url}/api/tasks -H "$AUTH" -H '{json}' -d '{task}' | grep -o '"id":[0-9]*' | head -1 | cut -d: -f2)
  until R=$(curl -s {url}/api/tasks/$TASK -H "$AUTH"); echo "$R"; echo "$R" | grep -qE '"status":"(success|error)"'
  do sleep 1; done
  curl -s -o picture.png {url}$(echo "$R" | grep -o '/files/[^"]*' | head -1)
"#
    )
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn the_commands_are_valid_shell() {
        let text = shell_commands("http://127.0.0.1:8787");
        let status = Command::new("sh").args(["-n", "-c", &text]).status().expect("sh starts");
        assert!(status.success(), "{text}");
        assert_eq!(text.matches("http://127.0.0.1:8787").count(), 4);
    }
}
