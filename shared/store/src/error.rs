//! What can go wrong with PostgreSQL, sorted by what the caller should do about it.
//!
//! The sorting reads SQLSTATE codes and causes by type, never texts.
//! The rule of the unknown: whatever is not recognised as the data's own fault is
//! [`StoreError::Other`], so that no message is ever thrown away for a fault of ours.

use std::error::Error;
use std::io;

use deadpool_postgres::PoolError;
use tokio_postgres::error::SqlState;

/// Why an operation on the store failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// PostgreSQL cannot be reached or cannot work right now: try again later.
    #[error("PostgreSQL is not available")]
    Unavailable(#[source] Cause),
    /// PostgreSQL did not answer in time: try again later.
    #[error("PostgreSQL did not answer in time")]
    TimedOut,
    /// A unique constraint refused the row.
    #[error("the row already exists (constraint `{constraint}`)")]
    Conflict {
        /// The constraint's name.
        constraint: String,
    },
    /// PostgreSQL refuses the row for what is in it, and always will.
    #[error("PostgreSQL refuses the row's data")]
    Data(#[source] Cause),
    /// A time outside what history keeps: such a row could only come from a broken clock.
    #[error("the day {0} is outside the range that history keeps")]
    DayOutOfRange(time::Date),
    /// A row's day has no partition: retention dropped it at this very moment.
    #[error("the row's day has no partition")]
    NoPartition,
    /// A stored row that this build cannot read.
    #[error("column `{column}` holds what this build cannot read")]
    Corrupt {
        /// The column's name.
        column: &'static str,
    },
    /// The page was asked for relative to an item that does not exist.
    #[error("the iterator names no item of the list")]
    UnknownIterator,
    /// Anything else, such as a schema that does not fit this build.
    #[error("PostgreSQL failed")]
    Other(#[source] Cause),
}

/// The underlying error.
pub type Cause = Box<dyn Error + Send + Sync>;

impl StoreError {
    /// Whether the rows themselves are at fault, so that repeating the operation is pointless.
    #[must_use]
    pub fn is_data(&self) -> bool {
        matches!(self, Self::Data(_) | Self::DayOutOfRange(_))
    }

    /// Whether PostgreSQL could not be reached or could not work, so that the operation may
    /// succeed later.
    #[must_use]
    pub fn is_unavailable(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::TimedOut)
    }
}

impl From<tokio_postgres::Error> for StoreError {
    fn from(error: tokio_postgres::Error) -> Self {
        let Some(database) = error.as_db_error() else {
            return if error.is_closed() || has_io_cause(&error) {
                Self::Unavailable(error.into())
            } else {
                Self::Other(error.into())
            };
        };
        let code = database.code();
        if *code == SqlState::UNIQUE_VIOLATION {
            let constraint = database.constraint().unwrap_or_default().to_owned();
            return Self::Conflict { constraint };
        }
        if *code == SqlState::CHECK_VIOLATION && database.constraint().is_none() {
            // This is how PostgreSQL says that no partition takes the row.
            return Self::NoPartition;
        }
        if is_data(code) {
            Self::Data(error.into())
        } else if is_temporary(code) {
            Self::Unavailable(error.into())
        } else {
            Self::Other(error.into())
        }
    }
}

impl From<PoolError> for StoreError {
    fn from(error: PoolError) -> Self {
        match error {
            PoolError::Timeout(_) => Self::TimedOut,
            other @ (PoolError::Backend(_)
            | PoolError::Closed
            | PoolError::NoRuntimeSpecified
            | PoolError::PostCreateHook(_)) => Self::Unavailable(other.into()),
        }
    }
}

/// Data exceptions, a broken constraint other than uniqueness, a row past PostgreSQL's limits.
fn is_data(code: &SqlState) -> bool {
    code.code().starts_with("22")
        || *code == SqlState::NOT_NULL_VIOLATION
        || *code == SqlState::CHECK_VIOLATION
        || *code == SqlState::PROGRAM_LIMIT_EXCEEDED
}

/// Lost connections, lack of resources, shutdown, lost races, a server that is a replica.
fn is_temporary(code: &SqlState) -> bool {
    ["08", "40", "53", "55", "57", "58"]
        .iter()
        .any(|class| code.code().starts_with(class))
        || *code == SqlState::READ_ONLY_SQL_TRANSACTION
}

fn has_io_cause(error: &tokio_postgres::Error) -> bool {
    let mut cause = error.source();
    while let Some(current) = cause {
        if current.is::<io::Error>() {
            return true;
        }
        cause = current.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_row_itself_causes_counts_as_data() {
        for code in ["22021", "22003", "23502", "23514", "54000"] {
            assert!(is_data(&SqlState::from_code(code)), "{code}");
        }
        for code in [
            "42P01", "53100", "57014", "40P01", "28P01", "XX000", "25006",
        ] {
            assert!(!is_data(&SqlState::from_code(code)), "{code}");
        }
    }

    #[test]
    fn a_full_disk_a_shutdown_and_a_deadlock_pass() {
        for code in [
            "53100", "57P01", "40P01", "08006", "55P03", "25006", "57014",
        ] {
            assert!(is_temporary(&SqlState::from_code(code)), "{code}");
        }
        for code in ["42P01", "23505", "22021"] {
            assert!(!is_temporary(&SqlState::from_code(code)), "{code}");
        }
    }
}
