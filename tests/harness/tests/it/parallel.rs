//! Many tests at once: each gets its own servers, soon.

use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

use futures::future::join_all;
use posthorn_harness::{TestDatabase, TestNats};

const TESTS: u32 = 12;

/// What a test may wait for its server, on two busy cores.
const START_LIMIT: Duration = Duration::from_secs(5);

#[tokio::test]
async fn nats_servers_of_many_tests_start_soon() {
    let started = Instant::now();
    let servers = join_all((0..TESTS).map(|_| TestNats::start())).await;
    let each = started.elapsed() / TESTS;
    let ports: HashSet<u16> = servers.iter().map(TestNats::port).collect();
    assert_eq!(ports.len(), servers.len());
    println!("{TESTS} servers, {each:?} each");
    assert!(each < START_LIMIT, "{each:?} each");
}

#[tokio::test]
async fn databases_of_many_tests_are_different_ones() {
    // The first one pays for the start of the shared server.
    let first = TestDatabase::empty().await;
    let started = Instant::now();
    let databases = join_all((0..TESTS).map(|_| TestDatabase::empty())).await;
    let each = started.elapsed() / TESTS;
    let names: HashSet<&str> = databases.iter().map(TestDatabase::name).collect();
    assert_eq!(names.len(), databases.len());
    assert!(!names.contains(first.name()));
    println!("{TESTS} databases, {each:?} each");
    assert!(each < START_LIMIT, "{each:?} each");
}
