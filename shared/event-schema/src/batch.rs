//! Several frames in one message of EVENTS or JOBS.
//!
//! A message costs nats-server about the same whether it carries one event or twenty: it is stored,
//! confirmed, handed out to each reader and acked as one. A batch begins with a line of JSON that says how
//! long each frame is and which trace it belongs to; the frames follow as they are. A frame that is alone
//! is the whole message, and its trace stands in the message's headers.

use std::ops::Range;

use bytes::{BufMut, Bytes, BytesMut};
use serde::{Deserialize, Serialize};

use crate::{FrameError, SchemaVersion};

/// What the first line of a batch begins with, and the metadata of no frame: those begin with `{"v":`.
const BEGINNING: &[u8] = br#"{"batch":"#;

/// What the first line takes for each frame at the most, beside the value of its `tracestate`, in bytes.
const ENTRY_BYTES: usize = 128;

/// Where a message belongs to in a trace. *Source*: W3C Trace Context.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TraceHeaders {
    /// The trace and the span that led to the message.
    pub traceparent: Option<String>,
    /// What tracing systems add to it.
    pub tracestate: Option<String>,
}

/// One frame, alone or of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Its trace.
    pub trace: TraceHeaders,
    /// Its bytes, as [`frame`](crate::frame) describes them.
    pub frame: Bytes,
}

impl Part {
    /// What it takes of a batch at the most, in bytes. The length of a `tracestate` is its producer's choice,
    /// and JSON may write each of its characters as two.
    #[must_use]
    pub fn bytes_in_batch(&self) -> usize {
        let tracestate = self.trace.tracestate.as_ref().map_or(0, String::len);
        self.frame.len() + ENTRY_BYTES + 2 * tracestate
    }
}

#[derive(Serialize, Deserialize)]
struct Head<Text> {
    batch: Vec<Entry<Text>>,
    #[serde(rename = "v")]
    version: SchemaVersion,
}

/// Written with borrowed texts, read with owned ones.
#[derive(Serialize, Deserialize)]
struct Entry<Text> {
    /// Bytes of the frame.
    len: usize,
    /// Its [`TraceHeaders`].
    #[serde(skip_serializing_if = "Option::is_none")]
    traceparent: Option<Text>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tracestate: Option<Text>,
}

impl<'a> Entry<&'a str> {
    fn of(part: &'a Part) -> Self {
        Self {
            len: part.frame.len(),
            traceparent: part.trace.traceparent.as_deref(),
            tracestate: part.trace.tracestate.as_deref(),
        }
    }
}

/// Joins frames; several become a batch.
///
/// # Panics
/// Never: the first line has string keys and whole numbers, which JSON can always carry.
#[must_use]
pub fn join(parts: &[Part]) -> Bytes {
    if let [one] = parts {
        return one.frame.clone();
    }
    let head = Head {
        batch: parts.iter().map(Entry::of).collect(),
        version: SchemaVersion,
    };
    let room = parts.iter().map(Part::bytes_in_batch).sum::<usize>() + ENTRY_BYTES;
    let mut message = BytesMut::with_capacity(room).writer();
    serde_json::to_writer(&mut message, &head).expect("lengths are always representable in JSON");
    let mut message = message.into_inner();
    message.put_u8(b'\n');
    for part in parts {
        message.extend_from_slice(&part.frame);
    }
    message.freeze()
}

/// The frames of a message, in the order they were joined in; they share its memory. One that is no batch
/// is a single frame without a trace.
///
/// # Errors
/// [`FrameError`] when it begins like a batch and is none that this build knows.
pub fn split(message: &Bytes) -> Result<Vec<Part>, FrameError> {
    if !message.starts_with(BEGINNING) {
        let frame = message.clone();
        let trace = TraceHeaders::default();
        return Ok(vec![Part { trace, frame }]);
    }
    let line = message.iter().position(|&byte| byte == b'\n');
    let line = line.ok_or(FrameError::NoMetadata)?;
    let head: Head<String> =
        serde_json::from_slice(&message[..line]).map_err(FrameError::Metadata)?;
    let mut next = line + 1;
    let mut parts = Vec::with_capacity(head.batch.len());
    for entry in head.batch {
        let place = place(next, entry.len, message.len()).ok_or(FrameError::Lengths)?;
        next = place.end;
        let frame = message.slice(place);
        let trace = TraceHeaders {
            traceparent: entry.traceparent,
            tracestate: entry.tracestate,
        };
        parts.push(Part { trace, frame });
    }
    if parts.is_empty() || next != message.len() {
        return Err(FrameError::Lengths);
    }
    Ok(parts)
}

/// Where a frame of `len` bytes stands that begins at `from`, if the message reaches as far as `end`.
fn place(from: usize, len: usize, end: usize) -> Option<Range<usize>> {
    let to = from.checked_add(len).filter(|to| *to <= end)?;
    Some(from..to)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn part(trace: Option<&str>, frame: &'static [u8]) -> Part {
        Part {
            trace: TraceHeaders {
                traceparent: trace.map(str::to_owned),
                tracestate: None,
            },
            frame: Bytes::from_static(frame),
        }
    }

    #[test]
    fn what_was_joined_is_split_again() {
        let all = [
            part(Some("00-01-02-01"), b"{\"v\":1}\nline\nline"),
            part(None, b""),
            part(None, b"{\"v\":1}\n{\"batch\":[]}"),
        ];
        for count in 2..=all.len() {
            assert_eq!(split(&join(&all[..count])).unwrap(), all[..count]);
        }
    }

    #[test]
    fn a_frame_that_is_alone_is_the_message() {
        let one = part(Some("00-01-02-01"), b"{\"v\":1}\nbody");
        let message = join(std::slice::from_ref(&one));
        assert_eq!(message, one.frame);
        assert_eq!(split(&message).unwrap(), [part(None, b"{\"v\":1}\nbody")]);
    }

    #[test]
    fn lengths_that_do_not_agree_with_the_message_are_refused() {
        for wrong in [
            r#"{"batch":[{"len":3}],"v":1}"#.to_owned() + "\nab",
            r#"{"batch":[{"len":1}],"v":1}"#.to_owned() + "\nab",
            r#"{"batch":[],"v":1}"#.to_owned() + "\n",
            format!(
                "{{\"batch\":[{{\"len\":1}},{{\"len\":{}}}],\"v\":1}}\nab",
                usize::MAX
            ),
        ] {
            let refused = split(&Bytes::from(wrong.clone()));
            assert!(matches!(refused, Err(FrameError::Lengths)), "{wrong}");
        }
    }

    #[test]
    fn a_batch_of_a_version_that_is_not_known_is_refused() {
        let newer = Bytes::from_static(b"{\"batch\":[{\"len\":1}],\"v\":2}\na");
        assert!(matches!(split(&newer), Err(FrameError::Metadata(_))));
    }

    #[test]
    fn a_batch_is_no_larger_than_its_parts_say() {
        let trace = TraceHeaders {
            traceparent: Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned()),
            tracestate: Some("a=\"\"\"".repeat(1_000)),
        };
        let frame = Bytes::from(vec![b'x'; 100_000]);
        let parts = vec![Part { trace, frame }; 9];
        let said: usize = parts.iter().map(Part::bytes_in_batch).sum();
        assert!(join(&parts).len() <= said + BEGINNING.len());
    }

    proptest! {
        #[test]
        fn any_frames_come_back_unchanged(frames in proptest::collection::vec(any::<Vec<u8>>(), 2..9)) {
            let parts: Vec<Part> = frames
                .into_iter()
                .map(|frame| Part { trace: TraceHeaders::default(), frame: frame.into() })
                .collect();
            prop_assert_eq!(split(&join(&parts)).unwrap(), parts);
        }

        #[test]
        fn any_bytes_are_split_or_refused_without_panic(rest: Vec<u8>) {
            let mut message = BEGINNING.to_vec();
            message.extend(rest);
            let _ignored = split(&Bytes::from(message));
        }
    }
}
