//! The processor and its memory, as Linux tells them.

/// Name and bytes; "CPU" and 0 where they can't be told.
pub fn describe() -> (String, u64) {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let memory = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    (name(&info).unwrap_or("CPU").to_owned(), total(&memory).unwrap_or(0))
}

/// From /proc/cpuinfo.
fn name(info: &str) -> Option<&str> {
    let (_, name) = info.lines().find(|line| line.starts_with("model name"))?.split_once(':')?;
    Some(name.trim()).filter(|name| !name.is_empty())
}

/// From /proc/meminfo, which counts KiB.
fn total(info: &str) -> Option<u64> {
    let line = info.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn linux_tells() {
        assert_eq!(name("processor\t: 0\nmodel name\t: Some CPU @ 2 GHz\n"), Some("Some CPU @ 2 GHz"));
        assert_eq!(name("model name\t:\n"), None);
        assert_eq!(total("MemFree: 1 kB\nMemTotal:       16316412 kB\n"), Some(16_316_412 * 1024));
        assert_eq!(total("MemTotal: lots"), None);
    }
}
