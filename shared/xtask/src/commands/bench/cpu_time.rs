//! CPU time of another process, read from Linux's `/proc`.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};

/// Returns the id of the child of process `parent` with this name. Linux keeps only the first 15 characters of a name.
pub fn child_process(parent: u32, name: &str) -> Result<u32> {
    let processes = fs::read_dir("/proc").context("/proc does not exist: this benchmark needs Linux")?;
    let ids = processes.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let matches = |id: &u32| {
        let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        // The format is `12 (workerd) S 11 …`. The name may contain parentheses, so search from the end.
        let parent_id = stat.rsplit_once(") ").and_then(|(_, rest)| rest.split(' ').nth(1)?.parse().ok());
        stat.contains(&format!("({name})")) && parent_id == Some(parent)
    };
    ids.into_iter().find(matches).with_context(|| format!("{name} is not running"))
}

/// CPU time that all threads of a process have used so far.
pub fn used_by(process: u32) -> Result<Duration> {
    let mut nanoseconds = 0;
    for thread in fs::read_dir(format!("/proc/{process}/task"))? {
        // The time of an ended thread is missing from the sum; workerd's threads do not end.
        let text = fs::read_to_string(thread?.path().join("schedstat")).unwrap_or_default();
        nanoseconds += text.split(' ').next().and_then(|field| field.parse::<u64>().ok()).unwrap_or(0);
    }
    Ok(Duration::from_nanos(nanoseconds))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    #[test]
    fn the_cpu_time_of_a_child_grows_with_its_work() {
        let mut shell = Command::new("sh");
        shell.args(["-c", "while read line; do :; done"]).stdin(Stdio::piped());
        let mut shell = shell.spawn().expect("sh starts");
        assert_eq!(child_process(std::process::id(), "sh").expect("found"), shell.id());
        let before = used_by(shell.id()).expect("it runs");
        let lines = vec![b'\n'; 100_000];
        std::io::Write::write_all(&mut shell.stdin.take().expect("piped"), &lines).expect("read by sh");
        // By now the shell has read all lines except those in the pipe's buffer.
        assert!(used_by(shell.id()).expect("it runs or is not yet waited for") > before);
        shell.wait().expect("it ends");
    }
}
