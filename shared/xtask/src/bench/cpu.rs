//! CPU time of another process, from Linux' /proc.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};

/// The process called `name` (at most 15 characters are known) that was started by process `parent`.
pub fn child(parent: u32, name: &str) -> Result<u32> {
    let processes = fs::read_dir("/proc").context("/proc is not there: this is measured on Linux only")?;
    let ids = processes.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let is_it = |id: &u32| {
        let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        // `12 (workerd) S 11 …`: the name may hold anything, so look from the last parenthesis.
        let of = stat.rsplit_once(") ").and_then(|(_, rest)| rest.split(' ').nth(1)?.parse().ok());
        stat.contains(&format!("({name})")) && of == Some(parent)
    };
    ids.into_iter().find(is_it).with_context(|| format!("{name} is not running"))
}

/// CPU time all threads of `process` have used so far.
pub fn used(process: u32) -> Result<Duration> {
    let mut nanoseconds = 0;
    for thread in fs::read_dir(format!("/proc/{process}/task"))? {
        // A thread may end in between; workerd's do not.
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
    fn a_child_is_found_and_its_work_counted() {
        let mut spin = Command::new("sh");
        spin.args(["-c", "while read line; do :; done"]).stdin(Stdio::piped());
        let mut spin = spin.spawn().expect("sh starts");
        assert_eq!(child(std::process::id(), "sh").expect("found"), spin.id());
        let before = used(spin.id()).expect("it runs");
        let lines = vec![b'\n'; 100_000];
        std::io::Write::write_all(&mut spin.stdin.take().expect("piped"), &lines).expect("read by sh");
        // All but a pipe's worth of lines has been read by now.
        assert!(used(spin.id()).expect("it runs or waits to be collected") > before);
        spin.wait().expect("it ends");
    }
}
