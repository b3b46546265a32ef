//! `--device`, `--dtype`, `--memory`, and what this machine is called.

use anyhow::{Result, anyhow};
use candle_core::DType;
use clap::{Args, ValueEnum};

use crate::device::{self, Choice, Compute};

/// Where to compute, and how precisely
#[derive(Args)]
pub struct Hardware {
    /// cpu, cuda or cuda:N [default: the first GPU where this was built for GPUs and there is one, else cpu]
    #[arg(long)]
    device: Option<Choice>,
    /// Precision of the networks' numbers. Half takes half the memory and is what GPUs are fast in; on a CPU it is
    /// slower [default: f32 on a CPU, f16 on a GPU]
    #[arg(long, value_enum)]
    dtype: Option<Precision>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Precision {
    F32,
    F16,
    Bf16,
}

impl Hardware {
    pub fn open(&self) -> Result<Compute> {
        let device = self.device.unwrap_or_else(Choice::best).open().map_err(|why| anyhow!("--device {why}"))?;
        let dtype = match self.dtype {
            Some(Precision::F32) => DType::F32,
            Some(Precision::F16) => DType::F16,
            Some(Precision::Bf16) => DType::BF16,
            None => device::usual(&device),
        };
        Ok(Compute { device, dtype })
    }
}

/// This machine's name and this process, for who gives none: several runners on one machine do not end each other.
pub fn own_name() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host: String = host.chars().filter(|c| c.is_ascii_alphanumeric() || "-._".contains(*c)).take(40).collect();
    format!("{}-{}", if host.is_empty() { "runner" } else { &host }, std::process::id())
}

/// Of so much memory, what models and pictures may take when nobody says.
pub fn budget(memory: u64) -> Option<u64> {
    Some(memory / 4 * 3).filter(|bytes| *bytes > 0)
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
}
