//! A test's own nats-server.

use posthorn_harness::TestNats;
use tokio::{io::AsyncReadExt, net::TcpStream};

async fn greeting(port: u16) -> std::io::Result<String> {
    let mut greeting = [0; 2048];
    let read = TcpStream::connect(("127.0.0.1", port))
        .await?
        .read(&mut greeting)
        .await?;
    Ok(String::from_utf8_lossy(&greeting[..read]).into_owned())
}

#[tokio::test]
async fn each_test_has_its_own_server_and_may_crash_it() {
    let (mut mine, other) = tokio::join!(TestNats::start(), TestNats::start());
    assert_ne!(mine.url(), other.url());
    mine.kill();
    assert!(greeting(mine.port()).await.is_err());
    assert!(
        greeting(other.port())
            .await
            .unwrap()
            .contains("\"jetstream\":true")
    );
    let url = mine.url();
    mine.restart().await;
    assert_eq!(mine.url(), url);
    assert!(
        greeting(mine.port())
            .await
            .unwrap()
            .contains("\"jetstream\":true")
    );
    assert!(mine.log_tail().contains("Server is ready"));
}

#[tokio::test]
async fn options_can_be_adjusted() {
    let server = TestNats::start_with(|options| options.monitoring = true).await;
    let monitoring = server.monitoring_url().unwrap();
    let port = monitoring.rsplit(':').next().unwrap().parse().unwrap();
    TcpStream::connect(("127.0.0.1", port))
        .await
        .map(drop)
        .unwrap();
}
