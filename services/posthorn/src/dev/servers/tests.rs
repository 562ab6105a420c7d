use std::path::Path;

use posthorn_chassis::Env;

use super::*;

/// Settings that ask for free ports and for the programs of this workspace.
fn settings<const COUNT: usize>(pairs: [(&str, &str); COUNT]) -> DevSettings {
    let ports = [("POSTHORN_NATS_PORT", "0"), ("POSTHORN_POSTGRES_PORT", "0")];
    let all = ports.into_iter().chain(pairs);
    DevSettings::from_env(&mut Env::from_pairs(all))
}

async fn start(folder: &DevFolder, settings: &DevSettings) -> Servers {
    // Not through `tools`: a test runs in this crate's folder, and would fetch into it.
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let tools = Tools::of_workspace(here.ancestors().nth(2).unwrap());
    let nats = super::nats(&tools, folder, settings).await.unwrap();
    let postgres = super::postgres(&tools, folder, settings).await.unwrap();
    Servers { nats, postgres }
}

/// A folder that PostgreSQL's own user can reach, too.
fn open_folder() -> (tempfile::TempDir, DevFolder) {
    let parent = tempfile::tempdir().unwrap();
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(parent.path(), open).unwrap();
    let folder = DevFolder::open(&parent.path().join(".posthorn")).unwrap();
    (parent, folder)
}

#[tokio::test]
async fn a_second_start_goes_on_with_the_data_of_the_first() {
    let (_parent, folder) = open_folder();
    let mut first = start(&folder, &settings([])).await;
    assert_eq!(
        first.pids().keys().collect::<Vec<_>>(),
        [&"nats", &"postgres"]
    );
    let password = first.database_url().split('@').next().unwrap().to_owned();
    assert!(
        !first.describe().concat().contains(&password),
        "a password is shown"
    );
    tokio::time::timeout(LOOK_INTERVAL, first.failed())
        .await
        .unwrap_err();
    first.stop().await.unwrap();

    let second = start(&folder, &settings([])).await;
    assert!(
        second.database_url().starts_with(&password),
        "a new data folder"
    );
    assert!(second.nats_url().starts_with("nats://127.0.0.1:"));
    second.stop().await.unwrap();
}

#[tokio::test]
async fn given_servers_are_used_and_none_is_started() {
    let (_parent, folder) = open_folder();
    let given = settings([
        ("POSTHORN_NATS_URL", "nats://n:4222"),
        ("POSTHORN_DATABASE_URL", "postgres://u:secret@db/p"),
    ]);
    let servers = Servers::start(&folder, &given).await.unwrap();
    assert_eq!(servers.nats_url(), "nats://n:4222");
    assert_eq!(servers.database_url(), "postgres://u:secret@db/p");
    assert!(servers.pids().is_empty());
    assert!(!servers.describe().concat().contains("secret"));
    servers.stop().await.unwrap();
}

#[tokio::test]
async fn a_server_that_ends_by_itself_is_noticed() {
    let (_parent, folder) = open_folder();
    let given = settings([("POSTHORN_DATABASE_URL", "postgres://u@db/p")]);
    let mut servers = start(&folder, &given).await;
    servers.nats.started.as_mut().unwrap().kill();
    assert!(servers.failed().await.starts_with("nats-server, log /"));
}

#[test]
fn a_usual_port_is_taken_only_when_it_is_free() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    assert_eq!(wanted_port(Port::Usual(port)), None);
    assert_eq!(wanted_port(Port::Fixed(port)), Some(port));
    assert_ne!(api_port(Port::Usual(port)).unwrap(), port);
    drop(listener);
    assert_eq!(wanted_port(Port::Usual(port)), Some(port));
    assert_eq!(wanted_port(Port::Free), None);
}
