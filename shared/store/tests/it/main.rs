//! The store against a real PostgreSQL.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod disabling;
mod failing;
mod history;
mod left_out;
mod migrate;
mod overview;
mod sample;
