//! What a receiver remembers, and its proper answers.

use std::time::{Duration, Instant};

use posthorn_harness::{Behaviour, Receiver};

use crate::{SOON, http_client::Client};

#[tokio::test]
async fn a_request_is_remembered_as_it_was_written() {
    let receiver = Receiver::start().await;
    let mut client = Client::connect(receiver.address()).await;
    let request = "POST /hook?a=1 HTTP/1.1\r\nHost: x\r\nsvix-ID: msg_1\r\nX-Twice: a\r\nx-twice: b\r\n\
                   Content-Length: 7\r\n\r\n{\"a\":1}";
    client.send(request).await;
    assert!(client.head().await.unwrap().starts_with("HTTP/1.1 200 "));

    let received = receiver.wait_for("/hook", 1, SOON).await.remove(0);
    assert_eq!(
        (received.method.as_str(), received.query.as_deref()),
        ("POST", Some("a=1"))
    );
    assert_eq!(received.text(), "{\"a\":1}");
    let names: Vec<&str> = received
        .headers
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    assert_eq!(
        names,
        ["Host", "svix-ID", "X-Twice", "x-twice", "Content-Length"]
    );
    assert_eq!(received.header("Svix-Id"), Some("msg_1"));
    assert_eq!(
        received.header_values("x-twice").collect::<Vec<_>>(),
        ["a", "b"]
    );
    assert_eq!(received.connection, 1);
}

#[tokio::test]
async fn chunked_bodies_and_kept_connections_are_understood() {
    let receiver = Receiver::start().await;
    let mut client = Client::connect(receiver.address()).await;
    let chunked =
        "POST /a HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2;x\r\nde\r\n0\r\n\r\n";
    client.send(chunked).await;
    client.head().await.unwrap();
    assert_eq!(client.post_for_status("/a").await, 200);
    assert_eq!(
        Client::connect(receiver.address())
            .await
            .post_for_status("/a")
            .await,
        200
    );

    let received = receiver.received("/a");
    assert_eq!(received[0].text(), "abcde");
    let connections: Vec<u64> = received.iter().map(|request| request.connection).collect();
    assert_eq!(connections, [1, 1, 2]);
    assert_eq!(
        (
            receiver.connections(),
            receiver.total(),
            receiver.count("/a")
        ),
        (2, 3, 3)
    );
    receiver.clear();
    assert_eq!((receiver.total(), receiver.received("/a").len()), (0, 0));
}

#[tokio::test]
async fn answers_follow_the_script_and_can_be_changed() {
    let receiver = Receiver::start().await;
    let mut client = Client::connect(receiver.address()).await;
    receiver.set(
        "/a",
        Behaviour::FailThenOk {
            failures: 2,
            status: 503,
        },
    );
    for expected in [503, 503, 200] {
        assert_eq!(client.post_for_status("/a").await, expected);
    }
    receiver.set("/a", Behaviour::Status(410));
    assert_eq!(client.post_for_status("/a").await, 410);
    assert_eq!(client.post_for_status("/other").await, 200);
    receiver.set_default(Behaviour::Status(204));
    assert_eq!(client.post_for_status("/other").await, 204);

    receiver.set("/a", Behaviour::Redirect("http://127.0.0.1:1/x".to_owned()));
    client.post("/a", "").await;
    let head = client.head().await.unwrap();
    assert!(
        head.contains(" 302 ") && head.contains("location: http://127.0.0.1:1/x\r\n"),
        "{head}"
    );

    receiver.set("/a", Behaviour::with_headers(429, &[("Retry-After", "7")]));
    client.post("/a", "").await;
    assert!(client.head().await.unwrap().contains("Retry-After: 7\r\n"));
}

#[tokio::test]
async fn requests_at_once_are_counted_while_they_are_answered() {
    let receiver = Receiver::start().await;
    receiver.set(
        "/slow",
        Behaviour::Status(200).after(Duration::from_millis(100)),
    );
    let ask = || async {
        Client::connect(receiver.address())
            .await
            .post_for_status("/slow")
            .await;
    };
    tokio::join!(ask(), ask(), ask());
    assert_eq!(receiver.most_at_once("/slow"), 3);
    receiver.clear();
    for _ in 0..3 {
        ask().await;
    }
    assert_eq!(receiver.most_at_once("/slow"), 1);
}

#[tokio::test]
#[should_panic(expected = "2 requests to /b; came: {\"/a\": 1} over 1 connections")]
async fn waiting_in_vain_tells_what_came() {
    let receiver = Receiver::start().await;
    Client::connect(receiver.address())
        .await
        .post_for_status("/a")
        .await;
    receiver.wait_for("/b", 2, Duration::from_millis(50)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thousands_of_requests_a_second_are_cheap() {
    let receiver = Receiver::start().await;
    let started = Instant::now();
    let one_client = || async {
        let mut client = Client::connect(receiver.address()).await;
        for _ in 0..250 {
            client.post("/load", "{\"some\":\"body\"}").await;
            client.head().await.unwrap();
        }
    };
    futures::future::join_all((0..40).map(|_| one_client())).await;
    assert_eq!(receiver.wait_for("/load", 10_000, SOON).await.len(), 10_000);
    let per_second = 10_000.0 / started.elapsed().as_secs_f64();
    println!("{per_second:.0} requests per second, this client included");
    assert!(
        per_second > 1_000.0,
        "only {per_second:.0} requests per second"
    );
}
