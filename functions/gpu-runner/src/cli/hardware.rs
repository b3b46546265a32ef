//! What this runner draws on, as the list of servers shows it.

use candle_core::Device;

/// A name, and bytes of memory; 0 where they can't be told.
pub fn describe(device: &Device) -> (String, i64) {
    match device {
        Device::Cpu => {
            let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
            let memory = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
            (cpu(&info).unwrap_or("CPU").to_owned(), total(&memory).unwrap_or(0))
        }
        other => (format!("{:?}", other.location()), 0),
    }
}

/// From Linux's /proc/cpuinfo.
fn cpu(info: &str) -> Option<&str> {
    let (_, name) = info.lines().find(|line| line.starts_with("model name"))?.split_once(':')?;
    Some(name.trim()).filter(|name| !name.is_empty())
}

/// From Linux's /proc/meminfo, which counts KiB.
fn total(info: &str) -> Option<i64> {
    let line = info.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<i64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn linux_tells() {
        assert_eq!(cpu("processor\t: 0\nmodel name\t: Some CPU @ 2 GHz\n"), Some("Some CPU @ 2 GHz"));
        assert_eq!(cpu("model name\t:\n"), None);
        assert_eq!(total("MemFree: 1 kB\nMemTotal:       16316412 kB\n"), Some(16_316_412 * 1024));
        assert_eq!(total("MemTotal: lots"), None);
    }
}
