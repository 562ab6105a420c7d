//! A real PostgreSQL: initialised once, its data over a crash, its password, one owner per folder.

use posthorn_local_servers::{Error, PostgresOptions, PostgresServer};
use tokio_postgres::NoTls;

use crate::tools;

/// Runs one statement and returns the first column of its first row, as text.
async fn query(url: &str, statement: &str) -> Result<Option<String>, tokio_postgres::Error> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    let answer = async move {
        let messages = client.simple_query(statement).await?;
        Ok(messages.into_iter().find_map(|message| match message {
            tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
            _ => None,
        }))
    };
    tokio::pin!(connection);
    tokio::select! {
        biased;
        answer = answer => answer,
        ended = &mut connection => { ended?; panic!("the connection ended before the answer") }
    }
}

#[tokio::test]
async fn committed_rows_survive_a_crash_and_a_new_owner() {
    let folder = tempfile::tempdir().unwrap();
    let tool = tools().find_postgres().await.unwrap();
    let options = PostgresOptions::new(folder.path());
    let mut server = PostgresServer::start(&tool, options.clone()).await.unwrap();
    assert!(server.url().ends_with("/posthorn"), "{}", server.url());
    query(
        &server.url(),
        "CREATE TABLE t (n int); INSERT INTO t VALUES (7)",
    )
    .await
    .unwrap();

    let url = server.url();
    server.kill();
    assert!(!server.is_running());
    server.restart().await.unwrap();
    assert_eq!(server.url(), url);
    assert_eq!(
        query(&url, "SELECT n FROM t").await.unwrap().as_deref(),
        Some("7")
    );
    server.stop().await.unwrap();
    server.restart().await.unwrap();
    drop(server);

    let server = PostgresServer::start(&tool, options).await.unwrap();
    assert_eq!(
        query(&server.url(), "SELECT n FROM t")
            .await
            .unwrap()
            .as_deref(),
        Some("7")
    );
    assert_eq!(
        query(&server.url(), "SHOW fsync").await.unwrap().as_deref(),
        Some("on")
    );
}

#[tokio::test]
async fn a_development_server_wants_its_password() {
    let folder = tempfile::tempdir().unwrap();
    let tool = tools().find_postgres().await.unwrap();
    let server = PostgresServer::start(&tool, PostgresOptions::new(folder.path()))
        .await
        .unwrap();
    query(&server.url(), "SELECT 1").await.unwrap();
    let without = format!(
        "postgres://posthorn:wrong@127.0.0.1:{}/posthorn",
        server.port()
    );
    assert!(query(&without, "SELECT 1").await.is_err());

    let second = PostgresServer::start(&tool, PostgresOptions::new(folder.path())).await;
    assert!(matches!(second, Err(Error::InUse { .. })), "{second:?}");
}

#[tokio::test]
async fn data_of_another_version_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut tool = tools().find_postgres().await.unwrap();
    let options = PostgresOptions::for_tests(folder.path());
    drop(PostgresServer::start(&tool, options.clone()).await.unwrap());
    tool.version.major += 1;
    let refused = PostgresServer::start(&tool, options).await.unwrap_err();
    assert!(matches!(refused, Error::DataVersion { .. }), "{refused}");
}
