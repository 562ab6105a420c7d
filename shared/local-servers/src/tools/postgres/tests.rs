//! The search with programs that only pretend to be PostgreSQL.

use std::path::{Path, PathBuf};

use super::version_folders;
use crate::tools::pretend::program;
use crate::{Error, Origin, Tools, Version};

fn pretend_server(bin: &Path, prints: &str) -> PathBuf {
    std::fs::create_dir_all(bin).unwrap();
    for name in ["initdb", "postgres"] {
        program(&bin.join(name), prints);
    }
    bin.to_owned()
}

fn tools(root: &Path) -> Tools {
    let mut tools = Tools::of_workspace(root)
        .without_system()
        .without_fetching();
    tools.pg_bin = None;
    tools
}

#[tokio::test]
async fn a_named_folder_is_used() {
    let root = tempfile::tempdir().unwrap();
    let bin = pretend_server(&root.path().join("bin"), "postgres (PostgreSQL) 16.4");
    let found = tools(root.path())
        .pg_bin(&bin)
        .find_postgres()
        .await
        .unwrap();
    assert_eq!(
        (found.version, found.origin),
        (Version::new(16, 4), Origin::Named)
    );
    assert_eq!(found.bin, bin);
}

#[tokio::test]
async fn the_error_tells_what_was_refused_and_what_to_do() {
    let root = tempfile::tempdir().unwrap();
    let old = pretend_server(&root.path().join("old"), "postgres (PostgreSQL) 13.9");
    let missing = tools(root.path()).pg_bin(&old).find_postgres().await;
    let Err(error @ Error::PostgresMissing { .. }) = missing else {
        panic!("{missing:?}")
    };
    let text = error.to_string();
    for part in [
        "13.9 is too old",
        "apt install postgresql",
        "POSTHORN_PG_BIN",
    ] {
        assert!(text.contains(part), "{part:?} is not in: {text}");
    }
    let nothing = tools(root.path())
        .pg_bin(root.path())
        .find_postgres()
        .await
        .unwrap_err();
    assert!(nothing.to_string().contains("has no initdb"), "{nothing}");
}

#[test]
fn newer_versions_come_first() {
    let parent = tempfile::tempdir().unwrap();
    for name in ["9.6", "15", "18", "common", "postgresql@14"] {
        std::fs::create_dir(parent.path().join(name)).unwrap();
    }
    let names = |prefix| -> Vec<String> {
        let folders = version_folders(parent.path(), prefix).into_iter();
        folders
            .map(|folder| folder.file_name().unwrap().to_string_lossy().into_owned())
            .collect()
    };
    assert_eq!(names(""), ["18", "15", "9.6"]);
    assert_eq!(names("postgresql"), ["postgresql@14"]);
}
