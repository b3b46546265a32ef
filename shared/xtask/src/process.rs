//! Processes that outlive a call: each in a process group of its own, so that it ends with all it started; and the
//! user's wish to stop.

use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

/// How often a process is asked whether it has ended.
const POLL: Duration = Duration::from_millis(20);
/// So long a process may take to end by itself before it is killed.
const GRACE: Duration = Duration::from_secs(5);

/// A running process and its group. Dropping it stops it and waits.
pub struct Group {
    child: Child,
}

impl Group {
    pub fn spawn(command: &mut Command) -> Result<Self> {
        let name = command.get_program().to_string_lossy().into_owned();
        let child = command.process_group(0).spawn().with_context(|| format!("{name} does not start"))?;
        Ok(Self { child })
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn stdin(&mut self) -> Option<ChildStdin> {
        self.child.stdin.take()
    }

    pub fn stdout(&mut self) -> Option<ChildStdout> {
        self.child.stdout.take()
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Asks the group to end, then makes it.
    pub fn stop(&mut self) {
        if self.ended().is_some() {
            return;
        }
        let group = Pid::from_raw(i32::try_from(self.child.id()).unwrap_or(i32::MAX));
        let _ = killpg(group, Signal::SIGTERM);
        let deadline = Instant::now() + GRACE;
        while Instant::now() < deadline {
            if self.ended().is_some() {
                return;
            }
            thread::sleep(POLL);
        }
        let _ = killpg(group, Signal::SIGKILL);
        let _ = self.child.wait();
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Set once by Ctrl-C, SIGTERM or SIGHUP.
#[derive(Clone, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// From here on the signals no longer end this process by themselves: whoever holds this must look.
    pub fn on_signals() -> Result<Self> {
        let stop = Self::default();
        let flag = stop.clone();
        ctrlc::set_handler(move || flag.set())?;
        Ok(stop)
    }

    pub fn set(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }

    /// Waits so long, or until it is set; true when it is.
    pub fn wait(&self, at_most: Duration) -> bool {
        let deadline = Instant::now() + at_most;
        while !self.is_set() && Instant::now() < deadline {
            thread::sleep(POLL);
        }
        self.is_set()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead, BufReader};
    use std::process::Stdio;

    #[test]
    fn stopping_ends_the_whole_group() {
        // The shell starts another process and tells its id; both must be gone afterwards.
        let mut shell = Command::new("sh");
        shell.args(["-c", "sleep 600 & echo $!; wait"]).stdout(Stdio::piped());
        let mut group = Group::spawn(&mut shell).expect("sh starts");
        let mut line = String::new();
        BufReader::new(group.stdout().expect("piped")).read_line(&mut line).expect("a line");
        let inner = Pid::from_raw(line.trim().parse().expect("a process id"));
        group.stop();
        assert!(group.ended().is_some());
        let gone = (0..500).any(|_| {
            thread::sleep(POLL);
            nix::sys::signal::kill(inner, None).is_err() || zombie(inner)
        });
        assert!(gone, "the inner process still runs");
    }

    /// Ended but not yet collected by whoever inherited it.
    fn zombie(pid: Pid) -> bool {
        std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| stat.contains(") Z "))
    }
}
