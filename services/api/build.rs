//! Cargo does not see by itself that the dashboard was built after the API.

use std::path::Path;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // A missing path would mean building anew each time.
    let built = "dashboard/dist";
    let watched = if Path::new(built).exists() {
        built
    } else {
        "dashboard"
    };
    println!("cargo::rerun-if-changed={watched}");
}
