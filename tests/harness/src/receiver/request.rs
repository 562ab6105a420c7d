//! Reading one HTTP/1.1 request from a connection, exactly as it was written.

use std::{
    io,
    time::{Instant, SystemTime},
};

use bytes::{Buf, Bytes, BytesMut};
use tokio::{io::AsyncReadExt, net::TcpStream};

/// More than any client of ours sends; a request beyond is an error of the test.
const MAX_HEAD_BYTES: usize = 256 * 1024;
const MAX_HEADERS: usize = 256;
const MAX_BODY_BYTES: usize = 256 * 1024 * 1024;

/// One request as it arrived.
#[derive(Debug, Clone)]
pub struct Received {
    /// The method: `POST`.
    pub method: String,
    /// The path without the query string.
    pub path: String,
    /// What follows the question mark, if there is one.
    pub query: Option<String>,
    /// The headers in their order, names as they were spelled.
    pub headers: Vec<(String, String)>,
    /// The body, without any transfer encoding.
    pub body: Bytes,
    /// When the head was complete.
    pub arrived: Instant,
    /// The same moment by the clock.
    pub arrived_at: SystemTime,
    /// Which connection it came on, numbered from 1.
    pub connection: u64,
}

impl Received {
    /// The first value of a header; the case of its name does not matter.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.header_values(name).next()
    }

    /// Every value of a header in their order; the case of its name does not matter.
    pub fn header_values<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        let same = move |header: &&(String, String)| header.0.eq_ignore_ascii_case(name);
        self.headers
            .iter()
            .filter(same)
            .map(|(_, value)| value.as_str())
    }

    /// The body as text.
    ///
    /// # Panics
    /// When it is not UTF-8.
    #[must_use]
    pub fn text(&self) -> &str {
        match std::str::from_utf8(&self.body) {
            Ok(text) => text,
            Err(invalid) => panic!("the body is not UTF-8: {invalid}"),
        }
    }
}

/// Reads the next request; `None` when the client has closed the connection after the last one.
pub(super) async fn read(
    stream: &mut TcpStream,
    buffer: &mut BytesMut,
    connection: u64,
) -> io::Result<Option<Received>> {
    let head_bytes = loop {
        if let Some(end) = end_of_head(buffer) {
            break end;
        }
        if buffer.len() > MAX_HEAD_BYTES {
            return Err(invalid("the head is too large"));
        }
        if stream.read_buf(buffer).await? == 0 {
            return if buffer.is_empty() {
                Ok(None)
            } else {
                Err(closed_early())
            };
        }
    };
    let (arrived, arrived_at) = (Instant::now(), SystemTime::now());
    let head = buffer.split_to(head_bytes);
    let mut received = parse_head(&head, arrived, arrived_at, connection)?;
    received.body = if received.header("transfer-encoding").is_some() {
        read_chunks(stream, buffer).await?
    } else {
        let length = received
            .header("content-length")
            .map(str::parse)
            .transpose();
        let length = length.map_err(no_number)?;
        read_exactly(stream, buffer, length.unwrap_or(0)).await?
    };
    Ok(Some(received))
}

fn end_of_head(buffer: &[u8]) -> Option<usize> {
    buffer
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .map(|start| start + 4)
}

fn parse_head(
    head: &[u8],
    arrived: Instant,
    arrived_at: SystemTime,
    connection: u64,
) -> io::Result<Received> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut parsed = httparse::Request::new(&mut headers);
    parsed
        .parse(head)
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
    let target = parsed.path.unwrap_or_default();
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(query.to_owned())),
        None => (target, None),
    };
    let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
    let headers = parsed.headers.iter();
    Ok(Received {
        method: parsed.method.unwrap_or_default().to_owned(),
        path: path.to_owned(),
        query,
        headers: headers
            .map(|header| (header.name.to_owned(), text(header.value)))
            .collect(),
        body: Bytes::new(),
        arrived,
        arrived_at,
        connection,
    })
}

async fn read_exactly(
    stream: &mut TcpStream,
    buffer: &mut BytesMut,
    length: usize,
) -> io::Result<Bytes> {
    if length > MAX_BODY_BYTES {
        return Err(invalid("the body is too large"));
    }
    while buffer.len() < length {
        if stream.read_buf(buffer).await? == 0 {
            return Err(closed_early());
        }
    }
    Ok(buffer.split_to(length).freeze())
}

/// *Source*: RFC 9112, section 7.1; trailers are read and dropped.
async fn read_chunks(stream: &mut TcpStream, buffer: &mut BytesMut) -> io::Result<Bytes> {
    let mut body = BytesMut::new();
    loop {
        let line = read_line(stream, buffer).await?;
        let digits = line.split(';').next().unwrap_or_default().trim();
        let length = usize::from_str_radix(digits, 16).map_err(no_number)?;
        if length == 0 {
            break;
        }
        body.extend_from_slice(&read_exactly(stream, buffer, length).await?);
        read_line(stream, buffer).await?;
        if body.len() > MAX_BODY_BYTES {
            return Err(invalid("the body is too large"));
        }
    }
    while !read_line(stream, buffer).await?.is_empty() {}
    Ok(body.freeze())
}

async fn read_line(stream: &mut TcpStream, buffer: &mut BytesMut) -> io::Result<String> {
    loop {
        if let Some(end) = buffer.windows(2).position(|two| two == b"\r\n") {
            let line = buffer.split_to(end);
            buffer.advance(2);
            return Ok(String::from_utf8_lossy(&line).into_owned());
        }
        if stream.read_buf(buffer).await? == 0 {
            return Err(closed_early());
        }
    }
}

fn invalid(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

fn no_number(error: std::num::ParseIntError) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

fn closed_early() -> io::Error {
    io::ErrorKind::UnexpectedEof.into()
}
