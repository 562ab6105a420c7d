//! Databases for tests.

use std::sync::atomic::{AtomicU32, Ordering};

use posthorn_harness::{DedicatedPostgres, TestDatabase};
use tokio_postgres::NoTls;

/// Runs statements and returns the first column of the last row.
async fn query(url: &str, statements: &str) -> Result<String, tokio_postgres::Error> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    let answer = async move {
        let messages = client.simple_query(statements).await?;
        let row = messages
            .into_iter()
            .rev()
            .find_map(|message| match message {
                tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
                _ => None,
            });
        Ok(row.unwrap_or_default())
    };
    let (answer, _closed) = tokio::join!(answer, connection);
    answer
}

/// How often the template below was prepared.
static MIGRATIONS: AtomicU32 = AtomicU32::new(0);

async fn migrated() -> TestDatabase {
    TestDatabase::migrated("numbers", async |url: String| {
        MIGRATIONS.fetch_add(1, Ordering::SeqCst);
        query(&url, "CREATE TABLE n (n int); INSERT INTO n VALUES (1)")
            .await
            .unwrap();
    })
    .await
}

#[tokio::test]
async fn databases_are_copies_of_a_template_that_is_migrated_once() {
    let (mine, other) = tokio::join!(migrated(), migrated());
    query(mine.url(), "INSERT INTO n VALUES (2)").await.unwrap();
    assert_eq!(
        query(mine.url(), "SELECT count(*) FROM n").await.unwrap(),
        "2"
    );
    assert_eq!(
        query(other.url(), "SELECT count(*) FROM n").await.unwrap(),
        "1"
    );
    assert_eq!(MIGRATIONS.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn an_ended_tests_database_is_deleted_with_its_connections() {
    let ended = TestDatabase::empty().await;
    let (name, url) = (ended.name().to_owned(), ended.url().to_owned());
    let (_client, connection) = tokio_postgres::connect(&url, NoTls).await.unwrap();
    drop(ended);
    let next = TestDatabase::empty().await;
    let exists = format!("SELECT count(*) FROM pg_database WHERE datname = '{name}'");
    // Another test may be the one that is deleting it at this moment.
    let gone = async || match query(next.url(), &exists).await.unwrap().as_str() {
        "0" => Ok(()),
        _ => Err("still there".to_owned()),
    };
    posthorn_harness::eventually(crate::SOON, "the database is gone", gone).await;
    assert!(connection.await.is_err());
}

#[tokio::test]
async fn a_dedicated_server_can_be_stopped_and_crashed() {
    let mut server = DedicatedPostgres::start().await;
    query(
        &server.url(),
        "CREATE TABLE n (n int); INSERT INTO n VALUES (7)",
    )
    .await
    .unwrap();
    server.stop().await;
    assert!(query(&server.url(), "SELECT 1").await.is_err());
    server.restart().await;
    assert_eq!(query(&server.url(), "SELECT n FROM n").await.unwrap(), "7");
    server.kill();
    assert!(query(&server.url(), "SELECT 1").await.is_err());
    server.restart().await;
    assert_eq!(query(&server.url(), "SELECT n FROM n").await.unwrap(), "7");
    assert!(server.log_tail().contains("ready to accept connections"));
}
