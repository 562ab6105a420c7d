//! Migrations.

use posthorn_harness::TestDatabase;
use posthorn_store::StoreConfig;
use posthorn_store::migrate::migrate;

#[tokio::test]
async fn two_processes_may_migrate_at_once() {
    let database = TestDatabase::empty().await;
    let config = StoreConfig::from_url(database.url()).unwrap();

    let (one, other, third) = tokio::join!(migrate(&config), migrate(&config), migrate(&config));

    let mut applied = [one.unwrap(), other.unwrap(), third.unwrap()];
    applied.sort_unstable();
    assert!(applied[..2] == [0, 0] && applied[2] > 0, "{applied:?}");
    assert_eq!(migrate(&config).await.unwrap(), 0);
}
