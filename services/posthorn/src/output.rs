//! What the command line says to people; logs go elsewhere.

use std::io::Write;

/// Prints a line to stdout. A closed pipe is the reader's decision.
pub(crate) fn line(text: impl AsRef<str>) {
    drop(writeln!(std::io::stdout().lock(), "{}", text.as_ref()));
}

/// Prints a line to stderr: how far it is.
pub(crate) fn note(text: impl AsRef<str>) {
    complain(text);
}

/// Prints a line to stderr: what went wrong.
pub(crate) fn complain(text: impl AsRef<str>) {
    // Without stderr there is nobody left to tell.
    drop(writeln!(std::io::stderr().lock(), "{}", text.as_ref()));
}
