//! Runs a command to its end and checks that it succeeds. Long-running processes are in `process_group`.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

use super::workspace::Workspace;

/// Maximum lines that are shown of a failed command's output.
const MAX_LINES: usize = 30;

/// Cargo in the workspace root, with the environment of a call by hand.
///
/// `cargo run` sets variables that describe this crate. With them, build scripts such as ring's would run again and all
/// crates that depend on them would be compiled again.
pub fn cargo(workspace: &Workspace) -> Command {
    let mut cargo = Command::new("cargo");
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            cargo.env_remove(&name);
        }
    }
    cargo.current_dir(&workspace.root);
    cargo
}

/// Runs a command that must succeed and returns its standard output.
pub fn output(command: &mut Command) -> Result<String> {
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("{} does not start", program_name(command)))?;
    ensure!(output.status.success(), "{} ended with {}", program_name(command), output.status);
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Runs a command that must succeed. Shows its output only when it fails.
pub fn run_quietly(command: &mut Command) -> Result<()> {
    let output =
        command.stdin(Stdio::null()).output().with_context(|| format!("{} does not start", program_name(command)))?;
    if output.status.success() {
        return Ok(());
    }
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    for line in lines.iter().skip(lines.len().saturating_sub(MAX_LINES)) {
        eprintln!("  {line}");
    }
    bail!("{} ended with {}", program_name(command), output.status)
}

/// Runs a command that must succeed, with its output on this process's output.
pub fn run_visibly(command: &mut Command) -> Result<()> {
    let status =
        command.stdin(Stdio::null()).status().with_context(|| format!("{} does not start", program_name(command)))?;
    ensure!(status.success(), "{} ended with {status}", program_name(command));
    Ok(())
}

fn program_name(command: &Command) -> String {
    Path::new(command.get_program()).file_name().unwrap_or_default().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn failures_name_the_program_and_its_status() {
        assert_eq!(output(&mut shell("echo text")).expect("it succeeds"), "text\n");
        assert!(run_quietly(&mut shell("true")).is_ok() && run_visibly(&mut shell("true")).is_ok());
        for result in [
            output(&mut shell("exit 3")).map(drop),
            run_quietly(&mut shell("exit 3")),
            run_visibly(&mut shell("exit 3")),
        ] {
            assert_eq!(result.expect_err("it fails").to_string(), "sh ended with exit status: 3");
        }
        let missing = run_visibly(&mut Command::new("/nowhere/no-such-program")).expect_err("it does not exist");
        assert_eq!(missing.to_string(), "no-such-program does not start");
    }
}
