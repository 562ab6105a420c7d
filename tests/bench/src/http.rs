//! A producer's HTTP connection, kept open, as cheap as can be: what is measured is the server.

use anyhow::{Context, ensure};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// One connection; requests go over it one after the other.
pub(crate) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    host: String,
    token: String,
    /// Reads and writes; ends with us.
    _driver: JoinSet<hyper::Result<()>>,
}

impl Connection {
    /// Connects to `http://host:port`.
    ///
    /// # Errors
    /// When nobody answers there.
    pub(crate) async fn open(base: &str, token: &str) -> anyhow::Result<Self> {
        let host = base.trim_start_matches("http://").to_owned();
        let stream = TcpStream::connect(&host)
            .await
            .with_context(|| format!("connect to {host}"))?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        let mut driver = JoinSet::new();
        driver.spawn(connection);
        Ok(Self {
            sender,
            host,
            token: format!("Bearer {token}"),
            _driver: driver,
        })
    }

    /// Posts JSON and waits for the whole answer.
    ///
    /// # Errors
    /// When the answer is not the expected one.
    pub(crate) async fn post(
        &mut self,
        path: &str,
        key: Option<&str>,
        body: Bytes,
        expected: u16,
    ) -> anyhow::Result<Bytes> {
        let mut request = http::Request::post(path)
            .header("host", &self.host)
            .header("authorization", &self.token)
            .header("content-type", "application/json");
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        self.send(request.body(Full::new(body))?, expected).await
    }

    /// Gets and waits for the whole answer.
    ///
    /// # Errors
    /// When the answer is not 200.
    pub(crate) async fn get(&mut self, path: &str) -> anyhow::Result<()> {
        let request = http::Request::get(path).header("host", &self.host);
        self.send(request.body(Full::default())?, 200).await?;
        Ok(())
    }

    async fn send(
        &mut self,
        request: http::Request<Full<Bytes>>,
        expected: u16,
    ) -> anyhow::Result<Bytes> {
        self.sender.ready().await?;
        let answer = self.sender.send_request(request).await?;
        let status = answer.status();
        let body = answer.into_body().collect().await?.to_bytes();
        ensure!(status == expected, "answered {status}: {body:?}");
        Ok(body)
    }
}
