//! How metadata and body share one NATS message: a line of JSON, a newline, the body's bytes.
//!
//! JSON never contains a raw newline, so the first newline ends the metadata; everything after it
//! is the body, byte for byte, and reading it copies nothing.
//! The metadata stays readable in any NATS tool.

use bytes::{BufMut, Bytes, BytesMut};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Why bytes are not a frame of the expected kind.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// There is no newline between metadata and body.
    #[error("the message has no metadata line")]
    NoMetadata,
    /// The metadata is not what this build expects, or of an unknown schema version.
    #[error("the metadata cannot be read")]
    Metadata(#[source] serde_json::Error),
    /// A batch does not have the bytes that its frames should have.
    #[error("the lengths of a batch do not agree with its bytes")]
    Lengths,
}

/// Writes one frame.
///
/// # Panics
/// Never for the types of this crate: their metadata has string keys and finite numbers, which
/// JSON can always carry.
pub fn encode(meta: &impl Serialize, body: &[u8]) -> Bytes {
    let mut frame = BytesMut::with_capacity(512 + body.len()).writer();
    serde_json::to_writer(&mut frame, meta).expect("wire metadata is always representable in JSON");
    let mut frame = frame.into_inner();
    frame.put_u8(b'\n');
    frame.extend_from_slice(body);
    frame.freeze()
}

/// Reads one frame; the body shares the message's memory.
///
/// # Errors
/// [`FrameError`], on any input that [`encode`] did not write.
pub fn decode<M: DeserializeOwned>(message: &Bytes) -> Result<(M, Bytes), FrameError> {
    let end = message
        .iter()
        .position(|&b| b == b'\n')
        .ok_or(FrameError::NoMetadata)?;
    let meta = serde_json::from_slice(&message[..end]).map_err(FrameError::Metadata)?;
    Ok((meta, message.slice(end + 1..)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_metadata_and_body_come_back_unchanged(meta: String, body: Vec<u8>) {
            let frame = encode(&meta, &body);
            let (read, rest) = decode::<String>(&frame).unwrap();
            prop_assert_eq!(read, meta);
            prop_assert_eq!(rest.as_ref(), body.as_slice());
        }

        #[test]
        fn any_bytes_are_read_or_refused_without_panic(bytes: Vec<u8>) {
            let _ignored = decode::<crate::EventMeta>(&Bytes::from(bytes));
        }
    }

    #[test]
    fn a_message_without_a_newline_is_refused() {
        let error = decode::<String>(&Bytes::from_static(b"{}")).unwrap_err();
        assert!(matches!(error, FrameError::NoMetadata));
    }
}
