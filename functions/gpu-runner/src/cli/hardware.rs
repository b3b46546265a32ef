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

/// This machine's name and this process, for who gives none: several runners on one machine do not end each other.
pub fn own_name() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host: String = host.chars().filter(|c| c.is_ascii_alphanumeric() || "-._".contains(*c)).take(48).collect();
    format!("{}-{}", if host.is_empty() { "runner" } else { &host }, std::process::id())
}

/// What models and pictures may take when nobody says.
pub fn budget(device: &Device) -> Option<u64> {
    let (_, memory) = describe(device);
    u64::try_from(memory / 4 * 3).ok().filter(|bytes| *bytes > 0)
}

/// `8G`, `512M` or bytes; at most 2^53 − 1, which is what the edge can show.
pub fn bytes(text: &str) -> Result<u64, String> {
    let (digits, unit) = match text.char_indices().last() {
        Some((at, 'K' | 'k')) => (&text[..at], 1 << 10),
        Some((at, 'M' | 'm')) => (&text[..at], 1 << 20),
        Some((at, 'G' | 'g')) => (&text[..at], 1 << 30),
        _ => (text, 1),
    };
    let bytes = digits.parse::<u64>().ok().and_then(|n| n.checked_mul(unit)).filter(|n| *n <= domain::MAX_ID as u64);
    bytes.ok_or_else(|| "bytes, or a number with K, M or G behind it".to_owned())
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
    fn sizes_have_units() {
        assert_eq!(["7", "2K", "512M", "8G"].map(bytes), [Ok(7), Ok(2048), Ok(512 << 20), Ok(8 << 30)]);
        for text in ["", "G", "-1", "1T", "1.5G", "18014398509481984G", "貓"] {
            assert!(bytes(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_name_fits_the_edge() {
        let name = own_name();
        assert!((3..=64).contains(&name.len()) && name.ends_with(&format!("-{}", std::process::id())), "{name}");
    }

    #[test]
    fn linux_tells() {
        assert_eq!(cpu("processor\t: 0\nmodel name\t: Some CPU @ 2 GHz\n"), Some("Some CPU @ 2 GHz"));
        assert_eq!(cpu("model name\t:\n"), None);
        assert_eq!(total("MemFree: 1 kB\nMemTotal:       16316412 kB\n"), Some(16_316_412 * 1024));
        assert_eq!(total("MemTotal: lots"), None);
    }
}
