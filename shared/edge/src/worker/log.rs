//! Log records to the console, where the platform collects them.

use log::{Level, LevelFilter, Log, Metadata, Record};
use worker::{console_error, console_log, console_warn};

struct Console;

impl Log for Console {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= Level::Info
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        match record.level() {
            Level::Error => console_error!("{}", record.args()),
            Level::Warn => console_warn!("{}", record.args()),
            _ => console_log!("{}", record.args()),
        }
    }

    fn flush(&self) {}
}

/// Once per isolate; later calls find it installed.
pub fn install() {
    if log::set_logger(&Console).is_ok() {
        log::set_max_level(LevelFilter::Info);
    }
}
