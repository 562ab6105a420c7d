//! A real nats-server: its store over a crash, its port over a restart, one owner per folder.

use std::time::Duration;

use posthorn_local_servers::{Error, NatsOptions, NatsServer, SyncInterval};

use crate::{nats_client::NatsClient, tools};

#[tokio::test]
async fn acknowledged_messages_survive_a_kill_and_the_port_stays() {
    let folder = tempfile::tempdir().unwrap();
    let tool = tools().find_nats().await.unwrap();
    let mut server = NatsServer::start(&tool, NatsOptions::new(folder.path()))
        .await
        .unwrap();
    let mut client = NatsClient::connect(server.port()).await;
    client.create_stream().await;
    for number in 0..50 {
        client.publish(&format!("message {number}")).await;
    }

    let (url, first_pid) = (server.url(), server.pid());
    server.kill();
    assert!(!server.is_running() && server.pid().is_none());
    server.restart().await.unwrap();
    assert_eq!(server.url(), url);
    assert_ne!(server.pid(), first_pid);

    let mut client = NatsClient::connect(server.port()).await;
    assert_eq!(client.stored_messages().await, 50);
    server.stop().await.unwrap();
    assert!(!server.is_running());
}

#[tokio::test]
async fn a_folder_is_for_one_server_and_free_again_after_it() {
    let folder = tempfile::tempdir().unwrap();
    let tool = tools().find_nats().await.unwrap();
    let mut options = NatsOptions::new(folder.path());
    options.sync = SyncInterval::Every(Duration::from_secs(1));
    options.monitoring = true;
    let server = NatsServer::start(&tool, options.clone()).await.unwrap();
    assert!(
        server
            .monitoring_url()
            .unwrap()
            .starts_with("http://127.0.0.1:")
    );

    let second = NatsServer::start(&tool, options.clone()).await.unwrap_err();
    assert!(matches!(second, Error::InUse { .. }), "{second}");
    drop(server);
    NatsServer::start(&tool, options).await.unwrap();
}

#[tokio::test]
#[cfg(target_os = "linux")]
async fn a_server_may_run_under_another_program() {
    let folder = tempfile::tempdir().unwrap();
    let tool = tools().find_nats().await.unwrap();
    let mut options = NatsOptions::new(folder.path());
    options.under = vec!["env".to_owned(), "RUN_BY=env".to_owned()];
    let mut server = NatsServer::start(&tool, options).await.unwrap();
    let pid = server.pid().unwrap();
    let environment = std::fs::read_to_string(format!("/proc/{pid}/environ")).unwrap();
    assert!(
        environment.split('\0').any(|one| one == "RUN_BY=env"),
        "{environment}"
    );
    server.stop().await.unwrap();
    assert!(!server.is_running());
}

#[tokio::test]
async fn a_server_that_cannot_start_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let tool = tools().find_nats().await.unwrap();
    let mut options = NatsOptions::new(folder.path());
    options.extra_config = "no_such_setting_at_all: {{{".to_owned();
    let failed = NatsServer::start(&tool, options).await.unwrap_err();
    let Error::EndedEarly { tail, .. } = &failed else {
        panic!("{failed}")
    };
    assert_eq!(tail.matches("Parse error").count(), 1, "{tail}");
}
