//! Accepting connections, and the life of one: a request, its answer, the next request.

use std::{io, sync::Arc, time::Duration};

use bytes::BytesMut;
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

use super::{answer, request, state::State};

/// Out of file descriptors, most likely: some will be closed.
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);

/// Accepts until it is aborted, which closes every connection.
pub(super) async fn accept(listener: TcpListener, state: Arc<State>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(serve(stream, Arc::clone(&state)));
                }
                Err(_exhausted) => tokio::time::sleep(ACCEPT_PAUSE).await,
            },
            Some(_ended) = connections.join_next() => {}
        }
    }
}

async fn serve(stream: TcpStream, state: Arc<State>) {
    // Errors are those of clients that went away or spoke no HTTP: tests look at what was received.
    requests(stream, &state).await.unwrap_or_default();
}

async fn requests(mut stream: TcpStream, state: &Arc<State>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let number = state.next_connection();
    let mut buffer = BytesMut::with_capacity(4096);
    while let Some(received) = request::read(&mut stream, &mut buffer, number).await? {
        let (behaviour, being_answered) = state.record(received);
        if answer::write(&mut stream, behaviour, being_answered).await? == answer::Then::Close {
            break;
        }
    }
    Ok(())
}
