//! The platform over HTTP, on real workerd, with a real runner: what the native tests of each function cannot see. One
//! module per resource, each test with accounts of its own, so that they run side by side.

mod account;
mod articles;
mod choices;
mod datasets;
mod gateway;
mod hostile;
mod images;
mod keys;
mod models;
mod params;
mod points;
mod points_admin;
mod queues;
mod servers;
mod sessions;
mod tags;
mod tasks;
mod trainings;
mod uploads;
mod users;
mod watch;
mod webhooks;
