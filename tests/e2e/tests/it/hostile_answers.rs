//! Answers that are meant to hurt, by kind.

use std::time::Duration;

use posthorn_harness::Behaviour;

/// A kind of hostile endpoint.
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    pub(crate) behaviour: Behaviour,
    /// How its attempts end: a failure class, or `""` for a success, because status and headers
    /// decide.
    pub(crate) class: &'static str,
}

/// What an answer of a good status begins with.
const OK: &str = "HTTP/1.1 200 OK\r\n";
/// Just short of what is read of a body and of what a head may have, so that all of it is held
/// while nothing follows.
const STALLED_BODY_BYTES: usize = 60 * 1024;
const STALLED_HEAD_BYTES: usize = 30 * 1024;

/// All kinds.
pub(crate) fn all() -> Vec<Kind> {
    let kinds = [bodies(), heads(), silence()];
    kinds.into_iter().flatten().collect()
}

fn bodies() -> Vec<Kind> {
    let filler = "x".repeat(16 * 1024);
    let length = format!("{OK}content-length: 10000000000\r\n\r\n");
    let stalled = format!("{length}{}", "x".repeat(STALLED_BODY_BYTES));
    let chunks = format!("{OK}transfer-encoding: chunked\r\n\r\nno size\r\nx\r\n");
    vec![
        kind("endless body", Behaviour::EndlessBody, ""),
        kind(
            "huge content-length",
            Behaviour::without_end(&length, &filler),
            "",
        ),
        kind(
            "body that stalls",
            Behaviour::RawThenHang(stalled.into()),
            "timeout",
        ),
        kind(
            "slow drip of body",
            Behaviour::SlowDrip(Duration::from_millis(50)),
            "timeout",
        ),
        kind("gzip bomb", gzip_bomb(), ""),
        kind("malformed chunks", Behaviour::Raw(chunks.into()), ""),
    ]
}

fn heads() -> Vec<Kind> {
    let many = "x-flood: 0123456789\r\n".repeat(500);
    let long = "x".repeat(16 * 1024);
    let stalled = format!("{OK}x-long: {}", "x".repeat(STALLED_HEAD_BYTES));
    let hint = "</a.css>; rel=preload, ".repeat(40);
    let interim = format!("HTTP/1.1 103 Early Hints\r\nlink: {hint}\r\n\r\n").repeat(10);
    vec![
        kind(
            "header flood",
            Behaviour::without_end(OK, &many),
            "protocol",
        ),
        kind(
            "endless header",
            Behaviour::without_end(&format!("{OK}x-long: "), &long),
            "protocol",
        ),
        kind(
            "head that stalls",
            Behaviour::RawThenHang(stalled.into()),
            "timeout",
        ),
        kind(
            "slow drip of head",
            Behaviour::SlowHead(Duration::from_millis(100)),
            "timeout",
        ),
        kind(
            "malformed status line",
            Behaviour::Raw("HTTP/1.1 two hundred OK\r\n\r\n".into()),
            "protocol",
        ),
        kind(
            "1xx flood",
            Behaviour::without_end("", &interim),
            "protocol",
        ),
    ]
}

fn silence() -> Vec<Kind> {
    vec![
        kind("no answer", Behaviour::Hang, "timeout"),
        kind("closed at once", Behaviour::Close, "reset"),
    ]
}

fn kind(name: &'static str, behaviour: Behaviour, class: &'static str) -> Kind {
    Kind {
        name,
        behaviour,
        class,
    }
}

/// A body of gzip without end, each byte of which unpacks to some 160 zeros.
///
/// *Source*: RFC 1952 for the head, RFC 1951, section 3.2.6, for the codes: one literal zero, then
/// "258 bytes from 1 byte ago" (code 285, distance code 0) again and again, 13 bits each.
fn gzip_bomb() -> Behaviour {
    const HEAD: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
    const BLOCK_AND_LITERAL: &str = "01000110000";
    const REPEAT: &str = "1100010100000";
    let bits = format!("{BLOCK_AND_LITERAL}{}", REPEAT.repeat(8 * 1_000));
    // The first bit of a stream is the lowest of its byte.
    let byte = |bits: &[u8]| (0..8).fold(0, |byte, n| byte | ((bits[n] - b'0') << n));
    let packed: Vec<u8> = bits.as_bytes().chunks_exact(8).map(byte).collect();
    // From the third byte on, the pattern repeats after 13 bytes.
    let (start, pattern) = packed.split_at(2);
    let head = format!("{OK}content-encoding: gzip\r\n\r\n");
    Behaviour::RawWithoutEnd {
        first: [head.as_bytes(), &HEAD, start].concat().into(),
        again: pattern[..13 * 900].to_vec().into(),
    }
}
