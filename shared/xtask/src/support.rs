//! Code that several commands share. Nothing here reads the command line or knows a command.

pub mod admin_api;
pub mod bindings;
pub mod build_profile;
pub mod bundle;
pub mod command;
pub mod dev_secrets;
pub mod edge_process;
pub mod function;
pub mod functions_build;
pub mod launcher;
pub mod process_group;
pub mod runner;
pub mod scratch_dir;
pub mod setup;
pub mod shim;
pub mod shutdown;
pub mod size_table;
pub mod spin_host;
pub mod tools;
pub mod workspace;
