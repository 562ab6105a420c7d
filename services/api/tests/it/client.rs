//! A caller: HTTP/1.1 by hand, so that no client library smooths anything over.

use std::net::SocketAddr;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A caller with a token.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    address: SocketAddr,
    token: String,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// The head, in lower case.
    pub(crate) head: String,
    raw_head: String,
    pub(crate) text: String,
}

impl Answer {
    /// The body as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    /// The body of an answer that must have this status.
    #[track_caller]
    pub(crate) fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{self:?}");
        if self.text.is_empty() {
            Value::Null
        } else {
            self.json()
        }
    }

    /// The cookie that it sets, as name and value.
    #[track_caller]
    pub(crate) fn cookie(&self) -> String {
        let line = self.raw_head.lines().find_map(|line| {
            let (name, value) = line.split_once(": ")?;
            name.eq_ignore_ascii_case("set-cookie").then_some(value)
        });
        let pair = line.and_then(|line| line.split(';').next());
        pair.unwrap_or_else(|| panic!("no cookie: {self:?}"))
            .to_owned()
    }

    /// A member of each item of a list.
    #[track_caller]
    pub(crate) fn column(&self, name: &str) -> Vec<String> {
        let list = self.expect(200);
        let items = list["data"].as_array().unwrap();
        items
            .iter()
            .map(|item| item[name].as_str().unwrap().to_owned())
            .collect()
    }
}

impl Client {
    pub(crate) fn new(address: SocketAddr, token: &str) -> Self {
        Self {
            address,
            token: token.to_owned(),
        }
    }

    /// The same caller at another process.
    pub(crate) fn at(&self, other: &Self) -> Self {
        Self::new(other.address, &self.token)
    }

    /// A caller without a token.
    pub(crate) fn anonymous(&self) -> Self {
        Self::new(self.address, "")
    }

    /// Sends a GET below `/api/v1` whose answer does not end, and returns the connection.
    pub(crate) async fn open(&self, path: &str, headers: &str) -> TcpStream {
        let token = &self.token;
        let request = format!(
            "GET /api/v1{path} HTTP/1.1\r\nhost: test\r\nauthorization: Bearer {token}\r\n\
             {headers}\r\n"
        );
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        stream
    }

    /// Asks below `/api/v1`.
    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.call("GET", path, None).await
    }

    /// Sends JSON below `/api/v1`.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.call("POST", path, Some(body)).await
    }

    /// Sends a request below `/api/v1`.
    pub(crate) async fn call(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        let body = body.map(Value::to_string).unwrap_or_default();
        self.raw(method, &format!("/api/v1{path}"), "", &body).await
    }

    /// Sends a request with further header lines; `path` is the whole path.
    pub(crate) async fn raw(&self, method: &str, path: &str, headers: &str, body: &str) -> Answer {
        let length = body.len();
        let token = match &self.token {
            token if token.is_empty() => String::new(),
            token => format!("authorization: Bearer {token}\r\n"),
        };
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\
             {token}content-length: {length}\r\n{headers}\r\n{body}"
        );
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let (head, text) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Answer {
            status,
            head: head.to_lowercase(),
            raw_head: head.to_owned(),
            text: text.to_owned(),
        }
    }
}
