//! Ending a test with everything that helps to understand why.

use std::{error::Error, fmt::Write};

/// The value, or a panic with the whole chain of causes, at the caller's caller.
pub(crate) trait OrFail<T> {
    /// Returns the value, or fails the test, saying `what` was attempted.
    fn or_fail(self, what: &str) -> T;
}

impl<T, E: Error> OrFail<T> for Result<T, E> {
    #[track_caller]
    fn or_fail(self, what: &str) -> T {
        match self {
            Ok(value) => value,
            Err(error) => panic!("cannot {what}: {}", chain(&error)),
        }
    }
}

/// An error and all its causes on one line.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(deeper) = cause {
        write!(text, ": {deeper}").expect("writing to a string cannot fail");
        cause = deeper.source();
    }
    text
}
