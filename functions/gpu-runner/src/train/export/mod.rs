//! Results as the files that others read.

pub mod file;
