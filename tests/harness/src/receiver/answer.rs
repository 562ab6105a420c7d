//! Writing one answer: proper ones, and those that only a broken endpoint gives.

use std::{fmt::Write, io, time::Duration};

use tokio::{io::AsyncWriteExt, net::TcpStream};

use super::{Behaviour, state::BeingAnswered};

/// One chunk of an endless body.
const CHUNK_BYTES: usize = 16 * 1024;

/// What becomes of the connection after an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Then {
    /// It waits for the next request.
    KeepOpen,
    /// It is closed.
    Close,
}

/// Answers a request. Errors are those of a client that went away.
pub(super) async fn write(
    stream: &mut TcpStream,
    behaviour: Behaviour,
    being_answered: BeingAnswered,
) -> io::Result<Then> {
    let mut behaviour = behaviour;
    while let Behaviour::Delay { wait, then } = behaviour {
        if while_connected(stream, tokio::time::sleep(wait))
            .await
            .is_none()
        {
            return Ok(Then::Close);
        }
        behaviour = *then;
    }
    // Over before the client can see the answer: else its next request, on another connection,
    // might be counted together with this one.
    let _being_answered = behaviour.takes_long().then_some(being_answered);
    match behaviour {
        Behaviour::Status(status) => plain(stream, status, &[], &[]).await,
        Behaviour::StatusWithHeaders {
            status,
            headers,
            body,
        } => plain(stream, status, &headers, &body).await,
        Behaviour::Redirect(to) => plain(stream, 302, &[("location".to_owned(), to)], &[]).await,
        Behaviour::Hang => {
            while_connected(stream, std::future::pending::<()>()).await;
            Ok(Then::Close)
        }
        Behaviour::Reset => {
            stream.set_zero_linger()?;
            Ok(Then::Close)
        }
        Behaviour::Close => Ok(Then::Close),
        Behaviour::CloseMidBody => {
            stream
                .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nonly this")
                .await?;
            Ok(Then::Close)
        }
        Behaviour::EndlessBody => endless(stream, CHUNK_BYTES, Duration::ZERO).await,
        Behaviour::SlowDrip(pause) => endless(stream, 1, pause).await,
        Behaviour::SlowHead(pause) => slow_head(stream, pause).await,
        Behaviour::Garbage => {
            stream
                .write_all(b"\x16\x03\x01 this is no HTTP\r\n\r\n")
                .await?;
            Ok(Then::Close)
        }
        Behaviour::Raw(bytes) => {
            stream.write_all(&bytes).await?;
            Ok(Then::Close)
        }
        Behaviour::RawThenHang(bytes) => {
            stream.write_all(&bytes).await?;
            while_connected(stream, std::future::pending::<()>()).await;
            Ok(Then::Close)
        }
        Behaviour::RawWithoutEnd { first, again } => {
            stream.write_all(&first).await?;
            loop {
                stream.write_all(&again).await?;
            }
        }
        Behaviour::Delay { .. } | Behaviour::Sequence(_) | Behaviour::FailThenOk { .. } => {
            unreachable!("the script was resolved to a single answer")
        }
    }
}

async fn plain(
    stream: &mut TcpStream,
    status: u16,
    headers: &[(String, String)],
    body: &[u8],
) -> io::Result<Then> {
    let mut answer = format!("HTTP/1.1 {status} Scripted\r\n");
    for (name, value) in headers {
        write!(answer, "{name}: {value}\r\n").map_err(io::Error::other)?;
    }
    // A 204 or 304 has no length, by RFC 9110, section 8.6.
    if !matches!(status, 204 | 304) {
        write!(answer, "content-length: {}\r\n", body.len()).map_err(io::Error::other)?;
    }
    answer.push_str("\r\n");
    let mut bytes = answer.into_bytes();
    bytes.extend_from_slice(body);
    stream.write_all(&bytes).await?;
    Ok(Then::KeepOpen)
}

async fn endless(stream: &mut TcpStream, chunk: usize, pause: Duration) -> io::Result<Then> {
    stream
        .write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        .await?;
    let mut bytes = format!("{chunk:x}\r\n").into_bytes();
    bytes.resize(bytes.len() + chunk, b'.');
    bytes.extend_from_slice(b"\r\n");
    loop {
        stream.write_all(&bytes).await?;
        if !pause.is_zero()
            && while_connected(stream, tokio::time::sleep(pause))
                .await
                .is_none()
        {
            return Ok(Then::Close);
        }
    }
}

async fn slow_head(stream: &mut TcpStream, pause: Duration) -> io::Result<Then> {
    for byte in b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n" {
        stream.write_all(&[*byte]).await?;
        if while_connected(stream, tokio::time::sleep(pause))
            .await
            .is_none()
        {
            return Ok(Then::Close);
        }
    }
    Ok(Then::KeepOpen)
}

/// The result of `work`, or `None` as soon as the client has gone.
async fn while_connected<T>(stream: &TcpStream, work: impl Future<Output = T>) -> Option<T> {
    let gone = async {
        // A client that sends more has not gone; its next request is read afterwards.
        if matches!(stream.peek(&mut [0]).await, Ok(1..)) {
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        done = work => Some(done),
        () = gone => None,
    }
}
