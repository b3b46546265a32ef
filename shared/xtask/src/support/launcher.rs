//! The first message of a launcher script (`edge.mjs`, `tests/spin/host.mjs`): its address when ready, or an error.

use std::io::{BufRead, BufReader};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use super::process_group::ProcessGroup;
use super::shutdown::ShutdownSignal;

/// One line of JSON on the launcher's standard output: `{"ready": url}` or `{"error": text}`.
#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum LauncherMessage {
    Ready(String),
    Error(String),
}

/// Waits until the launcher is ready and returns its URL. All other output goes to standard error.
///
/// # Errors
/// The launcher reports an error or ends; `shutdown` is set first.
pub fn wait_until_ready(launcher: &mut ProcessGroup, shutdown: &ShutdownSignal) -> Result<String> {
    let output = launcher.take_stdout().context("the launcher's standard output is not piped")?;
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            match serde_json::from_str::<LauncherMessage>(&line) {
                Ok(message) => drop(sender.send(message)),
                Err(_) => eprintln!("{line}"),
            }
        }
    });
    loop {
        match receiver.recv_timeout(Duration::from_millis(50)) {
            Ok(LauncherMessage::Ready(url)) => return Ok(url),
            Ok(LauncherMessage::Error(text)) => bail!("it does not start: {text}"),
            Err(RecvTimeoutError::Timeout) if shutdown.is_set() => bail!("stopped before it was ready"),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => bail!("it ended before it was ready"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    fn first_message_of(script: &str) -> Result<String> {
        let mut shell = Command::new("sh");
        shell.args(["-c", script]).stdout(Stdio::piped());
        wait_until_ready(&mut ProcessGroup::spawn(&mut shell)?, &ShutdownSignal::default())
    }

    #[test]
    fn the_first_message_is_the_result() {
        let ready = first_message_of(r#"echo log line; echo '{"ready":"http://127.0.0.1:1"}'; sleep 600"#);
        assert_eq!(ready.expect("ready"), "http://127.0.0.1:1");
        let failed = first_message_of(r#"echo '{"error":"no migrations"}'"#).expect_err("an error");
        assert_eq!(failed.to_string(), "it does not start: no migrations");
        let ended = first_message_of("echo log line").expect_err("it ended");
        assert_eq!(ended.to_string(), "it ended before it was ready");
    }

    #[test]
    fn a_shutdown_ends_the_wait() {
        let mut shell = Command::new("sh");
        shell.args(["-c", "sleep 600"]).stdout(Stdio::piped());
        let mut group = ProcessGroup::spawn(&mut shell).expect("sh starts");
        let shutdown = ShutdownSignal::default();
        shutdown.set();
        let stopped = wait_until_ready(&mut group, &shutdown).expect_err("stopped");
        assert_eq!(stopped.to_string(), "stopped before it was ready");
    }
}
