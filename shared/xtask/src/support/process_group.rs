//! Long-running child processes. Each has a process group of its own, so that it ends together with its children.

use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

/// Time between two checks whether a process has ended.
const POLL_INTERVAL: Duration = Duration::from_millis(20);
/// Time that a process has to end after SIGTERM, before SIGKILL.
const GRACE_PERIOD: Duration = Duration::from_secs(5);

/// A running process and its group. Dropping it stops the group and waits for the process.
pub struct ProcessGroup {
    child: Child,
}

impl ProcessGroup {
    pub fn spawn(command: &mut Command) -> Result<Self> {
        let name = command.get_program().to_string_lossy().into_owned();
        let child = command.process_group(0).spawn().with_context(|| format!("{name} does not start"))?;
        Ok(Self { child })
    }

    /// The process id, which is also the id of the group.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Takes the pipe to standard input; none when it was not piped or was taken before.
    pub fn take_stdin(&mut self) -> Option<ChildStdin> {
        self.child.stdin.take()
    }

    /// Takes the pipe from standard output; none when it was not piped or was taken before.
    pub fn take_stdout(&mut self) -> Option<ChildStdout> {
        self.child.stdout.take()
    }

    /// The exit status, or none while the process runs.
    pub fn exit_status(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Ends the group: SIGTERM first, SIGKILL after [`GRACE_PERIOD`].
    pub fn stop(&mut self) {
        if self.exit_status().is_some() {
            return;
        }
        let group = Pid::from_raw(i32::try_from(self.child.id()).unwrap_or(i32::MAX));
        let _ = killpg(group, Signal::SIGTERM);
        let deadline = Instant::now() + GRACE_PERIOD;
        while Instant::now() < deadline {
            if self.exit_status().is_some() {
                return;
            }
            thread::sleep(POLL_INTERVAL);
        }
        let _ = killpg(group, Signal::SIGKILL);
        let _ = self.child.wait();
    }
}

impl Drop for ProcessGroup {
    fn drop(&mut self) {
        self.stop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead, BufReader};
    use std::process::Stdio;

    #[test]
    fn stopping_ends_the_whole_group() {
        // The shell starts another process and prints its id. Both must be gone afterwards.
        let mut shell = Command::new("sh");
        shell.args(["-c", "sleep 600 & echo $!; wait"]).stdout(Stdio::piped());
        let mut group = ProcessGroup::spawn(&mut shell).expect("sh starts");
        let mut line = String::new();
        BufReader::new(group.take_stdout().expect("piped")).read_line(&mut line).expect("a line");
        let inner = Pid::from_raw(line.trim().parse().expect("a process id"));
        group.stop();
        assert!(group.exit_status().is_some());
        let gone = (0..500).any(|_| {
            thread::sleep(POLL_INTERVAL);
            nix::sys::signal::kill(inner, None).is_err() || is_zombie(inner)
        });
        assert!(gone, "the inner process still runs");
    }

    /// Reports whether a process has ended but was not yet waited for by its new parent.
    fn is_zombie(pid: Pid) -> bool {
        std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| stat.contains(") Z "))
    }
}
