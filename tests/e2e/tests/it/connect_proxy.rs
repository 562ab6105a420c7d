//! A proxy as operators have it: CONNECT, and nothing else.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

#[derive(Default)]
struct State {
    /// What is answered instead of a connection.
    refusal: Option<String>,
    /// The heads of all requests.
    heads: Vec<String>,
}

/// A proxy that takes every name for this machine.
pub(crate) struct ConnectProxy {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    server: JoinSet<()>,
}

impl ConnectProxy {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let mut proxy = Self {
            address: listener.local_addr().unwrap(),
            state: Arc::default(),
            server: JoinSet::new(),
        };
        proxy
            .server
            .spawn(accept(listener, Arc::clone(&proxy.state)));
        proxy
    }

    /// Its URL, with a user name and a password.
    pub(crate) fn url(&self) -> String {
        format!("http://me:s3cret@{}", self.address)
    }

    /// From now on answers like this instead of connecting; `None` = it connects.
    pub(crate) fn refuse(&self, head: Option<&str>) {
        self.state.lock().unwrap().refusal = head.map(str::to_owned);
    }

    /// What it was asked so far.
    pub(crate) fn heads(&self) -> Vec<String> {
        self.state.lock().unwrap().heads.clone()
    }

    /// Closes its port and all connections.
    pub(crate) async fn close(&mut self) {
        self.server.shutdown().await;
    }

    /// Opens its port again.
    pub(crate) async fn reopen(&mut self) {
        let listener = TcpListener::bind(self.address).await.unwrap();
        self.server.spawn(accept(listener, Arc::clone(&self.state)));
    }
}

async fn accept(listener: TcpListener, state: Arc<Mutex<State>>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        connections.spawn(serve(stream, Arc::clone(&state)));
    }
}

async fn serve(mut stream: TcpStream, state: Arc<Mutex<State>>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    let head = String::from_utf8(head).unwrap();
    let refusal = {
        let mut state = state.lock().unwrap();
        state.heads.push(head.clone());
        state.refusal.clone()
    };
    if let Some(refusal) = refusal {
        stream.write_all(refusal.as_bytes()).await.ok();
        return;
    }
    let place = head
        .strip_prefix("CONNECT ")
        .and_then(|rest| rest.split(' ').next());
    let port = place.and_then(|place| place.rsplit(':').next());
    let port: u16 = port.unwrap().parse().unwrap();
    let mut behind = TcpStream::connect((Ipv4Addr::LOCALHOST, port))
        .await
        .unwrap();
    let established = b"HTTP/1.1 200 Connection established\r\n\r\n";
    stream.write_all(established).await.ok();
    copy_bidirectional(&mut stream, &mut behind).await.ok();
}
