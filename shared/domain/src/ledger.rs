//! Limits of points. The rules of the ledger are kept by the database (`shared/migrations/0003_ledger.sql`); their
//! executable specification is `testkit::spec::ledger`.

/// The most points of one grant. Sums of millions of grants stay below 2^53.
pub const MAX_POINTS: i64 = 1_000_000_000;
