//! A raw HTTP client, which shows what really comes over the connection.

use std::{io, net::SocketAddr};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// One connection.
pub(crate) struct Client {
    pub(crate) stream: TcpStream,
}

impl Client {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        Self {
            stream: TcpStream::connect(address).await.unwrap(),
        }
    }

    pub(crate) async fn send(&mut self, text: &str) {
        self.stream.write_all(text.as_bytes()).await.unwrap();
    }

    pub(crate) async fn post(&mut self, path: &str, body: &str) {
        let length = body.len();
        let head = format!("POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n");
        self.send(&(head + body)).await;
    }

    /// Reads until the head is complete; the rest of an answer may follow it.
    pub(crate) async fn head(&mut self) -> io::Result<String> {
        let mut head = Vec::new();
        while !head.windows(4).any(|four| four == b"\r\n\r\n") {
            head.push(self.stream.read_u8().await?);
        }
        Ok(String::from_utf8_lossy(&head).into_owned())
    }

    /// Posts and returns the status.
    pub(crate) async fn post_for_status(&mut self, path: &str) -> u16 {
        self.post(path, "{}").await;
        let head = self.head().await.unwrap();
        head.split(' ').nth(1).unwrap().parse().unwrap()
    }
}
