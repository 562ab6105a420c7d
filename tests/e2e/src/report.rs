//! Figures that a test measures, for whoever reads the output of `make test`.

use std::io::Write;

/// Shows a line also when the test passes: cargo hides only what goes through `println!`.
///
/// # Panics
/// When nobody takes the output.
pub fn report(line: &str) {
    let whole = format!("\n[measured] {line}\n");
    let mut stdout = std::io::stdout().lock();
    stdout
        .write_all(whole.as_bytes())
        .and_then(|()| stdout.flush())
        .expect("standard output can be written to");
}
