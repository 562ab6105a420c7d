//! Just enough of a NATS client to use JetStream: this crate depends on no client library.

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufStream},
    net::TcpStream,
};

/// A connection with one inbox.
pub(crate) struct NatsClient {
    stream: BufStream<TcpStream>,
}

impl NatsClient {
    pub(crate) async fn connect(port: u16) -> Self {
        let mut stream = BufStream::new(TcpStream::connect(("127.0.0.1", port)).await.unwrap());
        let mut greeting = String::new();
        stream.read_line(&mut greeting).await.unwrap();
        stream
            .write_all(b"CONNECT {\"verbose\":false}\r\nSUB inbox 1\r\n")
            .await
            .unwrap();
        stream.flush().await.unwrap();
        Self { stream }
    }

    /// Sends a request and returns the reply's body.
    pub(crate) async fn request(&mut self, subject: &str, body: &str) -> String {
        let command = format!("PUB {subject} inbox {}\r\n{body}\r\n", body.len());
        self.stream.write_all(command.as_bytes()).await.unwrap();
        self.stream.flush().await.unwrap();
        loop {
            let mut line = String::new();
            let read = self.stream.read_line(&mut line).await.unwrap();
            assert!(read > 0, "the server closed the connection");
            if line.starts_with("MSG ") {
                let bytes: usize = line.split_whitespace().last().unwrap().parse().unwrap();
                let mut reply = vec![0; bytes + 2];
                self.stream.read_exact(&mut reply).await.unwrap();
                return String::from_utf8_lossy(&reply[..bytes]).into_owned();
            }
            assert!(!line.starts_with("-ERR"), "{line}");
            if line.starts_with("PING") {
                self.stream.write_all(b"PONG\r\n").await.unwrap();
                self.stream.flush().await.unwrap();
            }
        }
    }

    pub(crate) async fn create_stream(&mut self) {
        let stream = r#"{"name":"T","subjects":["t.>"],"storage":"file","retention":"limits"}"#;
        let created = self.request("$JS.API.STREAM.CREATE.T", stream).await;
        assert!(!created.contains("\"error\""), "{created}");
    }

    /// Publishes and waits for the acknowledgement.
    pub(crate) async fn publish(&mut self, body: &str) {
        let acknowledged = self.request("t.x", body).await;
        assert!(acknowledged.contains("\"seq\""), "{acknowledged}");
    }

    pub(crate) async fn stored_messages(&mut self) -> u64 {
        let info = self.request("$JS.API.STREAM.INFO.T", "").await;
        let info: serde_json::Value = serde_json::from_str(&info).unwrap();
        info["state"]["messages"]
            .as_u64()
            .unwrap_or_else(|| panic!("{info}"))
    }
}
