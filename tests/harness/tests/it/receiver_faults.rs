//! The answers that only a broken endpoint gives, seen from the client's side of the connection.

use std::{
    io::ErrorKind,
    time::{Duration, Instant},
};

use posthorn_harness::{Behaviour, Receiver, eventually};
use tokio::{io::AsyncReadExt, net::TcpStream, time::timeout};

use crate::{SOON, http_client::Client};

/// A receiver with this behaviour, and a client that has posted to it.
async fn posted(behaviour: Behaviour) -> (Receiver, Client) {
    let receiver = Receiver::start().await;
    receiver.set("/", behaviour);
    let mut client = Client::connect(receiver.address()).await;
    client.post("/", "{}").await;
    (receiver, client)
}

async fn read_to_end(client: &mut Client) -> std::io::Result<usize> {
    timeout(SOON, client.stream.read_to_end(&mut Vec::new()))
        .await
        .unwrap()
}

#[tokio::test]
async fn a_reset_is_a_reset_and_a_close_is_a_close() {
    let (_receiver, mut client) = posted(Behaviour::Reset).await;
    let reset = read_to_end(&mut client).await.unwrap_err();
    assert_eq!(reset.kind(), ErrorKind::ConnectionReset);

    let (_receiver, mut client) = posted(Behaviour::Close).await;
    assert_eq!(read_to_end(&mut client).await.unwrap(), 0);
}

#[tokio::test]
async fn a_body_may_be_cut_short() {
    let (_receiver, mut client) = posted(Behaviour::CloseMidBody).await;
    assert!(
        client
            .head()
            .await
            .unwrap()
            .contains("content-length: 1000")
    );
    assert_eq!(read_to_end(&mut client).await.unwrap(), "only this".len());
}

#[tokio::test]
async fn a_hanging_answer_does_not_come_and_ends_with_the_client() {
    let (receiver, mut client) = posted(Behaviour::Hang).await;
    receiver.wait_for("/", 1, SOON).await;
    assert!(
        timeout(Duration::from_millis(200), client.head())
            .await
            .is_err()
    );
    drop(client);
    receiver.set("/", Behaviour::Status(200));
    let mut next = Client::connect(receiver.address()).await;
    eventually(SOON, "the hanging request is over", async || {
        receiver.clear();
        next.post_for_status("/").await;
        match receiver.most_at_once("/") {
            1 => Ok(()),
            more => Err(format!("{more} at once")),
        }
    })
    .await;
}

#[tokio::test]
async fn a_delayed_answer_comes_late() {
    let wait = Duration::from_millis(150);
    let started = Instant::now();
    let (_receiver, mut client) = posted(Behaviour::Status(201).after(wait)).await;
    assert!(client.head().await.unwrap().contains(" 201 "));
    assert!(started.elapsed() >= wait);
}

#[tokio::test]
async fn bodies_without_end_are_fast_or_slow() {
    let (_receiver, mut client) = posted(Behaviour::EndlessBody).await;
    client.head().await.unwrap();
    let mut megabytes = vec![0; 5 * 1024 * 1024];
    timeout(SOON, client.stream.read_exact(&mut megabytes))
        .await
        .unwrap()
        .unwrap();

    let pause = Duration::from_millis(20);
    let (_receiver, mut client) = posted(Behaviour::SlowDrip(pause)).await;
    client.head().await.unwrap();
    let started = Instant::now();
    // Three chunks of one byte, each `1 CR LF . CR LF`.
    timeout(SOON, client.stream.read_exact(&mut [0; 18]))
        .await
        .unwrap()
        .unwrap();
    assert!(started.elapsed() >= pause);
}

#[tokio::test]
async fn heads_may_be_slow_or_no_http() {
    let (_receiver, mut client) = posted(Behaviour::SlowHead(Duration::from_millis(5))).await;
    let started = Instant::now();
    assert!(client.head().await.unwrap().starts_with("HTTP/1.1 200 OK"));
    assert!(started.elapsed() >= Duration::from_millis(100));

    let (_receiver, mut client) = posted(Behaviour::Garbage).await;
    assert!(!client.head().await.unwrap().starts_with("HTTP"));
}

#[tokio::test]
async fn a_closed_receiver_refuses_and_comes_back_on_its_port() {
    let (mut receiver, mut client) = posted(Behaviour::Hang).await;
    receiver.wait_for("/", 1, SOON).await;
    receiver.close().await;
    assert_eq!(read_to_end(&mut client).await.unwrap_or_default(), 0);
    let refused = TcpStream::connect(receiver.address()).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);

    receiver.reopen().await;
    receiver.set("/", Behaviour::Status(200));
    assert_eq!(
        Client::connect(receiver.address())
            .await
            .post_for_status("/")
            .await,
        200
    );
    assert_eq!(receiver.count("/"), 2);
}

#[tokio::test]
async fn bytes_come_as_they_are() {
    let bytes = "HTTP/1.1 two hundred OK\r\n\r\n";
    let (_receiver, mut client) = posted(Behaviour::Raw(bytes.into())).await;
    assert_eq!(read_to_end(&mut client).await.unwrap(), bytes.len());

    let (_receiver, mut client) = posted(Behaviour::RawThenHang(bytes.into())).await;
    client.stream.read_exact(&mut [0; 27]).await.unwrap();
    let more = timeout(Duration::from_millis(100), client.stream.read_u8());
    assert!(more.await.is_err());

    let (_receiver, mut client) = posted(Behaviour::without_end("first", "again")).await;
    let mut read = [0; 15];
    client.stream.read_exact(&mut read).await.unwrap();
    assert_eq!(&read, b"firstagainagain");
}
