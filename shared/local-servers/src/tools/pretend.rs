//! Programs of tests that only pretend to be a server.

use std::path::Path;
use std::process::Command;

/// Makes a program that prints a line.
///
/// A shell writes it, not this process: one that another test starts meanwhile would inherit the file
/// while it is open for writing, and such a file cannot be run (`ETXTBSY`, execve(2)).
pub(super) fn program(path: &Path, prints: &str) {
    let write = "printf '#!/bin/sh\\necho \"%s\"\\n' \"$2\" >\"$1\" && chmod 755 \"$1\"";
    let path = path.as_os_str();
    let mut shell = Command::new("/bin/sh");
    let shell = shell.args(["-c", write, "sh"]).arg(path).arg(prints);
    assert!(shell.status().unwrap().success());
}
