//! Acks of a work queue, the last of them a moment late.

use std::path::Path;

use posthorn_bus::topology::{Reader, Stream};
use posthorn_bus::{Bus, LastAck, Role};
use posthorn_chassis::Shutdown;
use posthorn_harness::{TestNats, eventually};

use crate::SOON;

const MESSAGES: usize = 100;

async fn messages_in_inbox(bus: &Bus) -> u64 {
    let states = bus.stream_states().await.unwrap();
    let inbox = states.iter().find(|state| state.stream == Stream::Inbox);
    inbox.unwrap().messages
}

async fn is_empty(bus: &Bus) -> Result<(), String> {
    match messages_in_inbox(bus).await {
        0 => Ok(()),
        left => Err(format!("{left} messages")),
    }
}

/// The number of the file that the server writes INBOX into now: one more for each that it made.
fn file(store: &Path) -> usize {
    let folder = store.join("jetstream/$G/streams/INBOX/msgs");
    let files = std::fs::read_dir(folder).unwrap();
    let numbers = files.filter_map(|file| {
        let name = file.unwrap().file_name();
        name.to_str()?.strip_suffix(".blk")?.parse().ok()
    });
    numbers.max().unwrap()
}

#[tokio::test]
async fn messages_that_come_one_by_one_go_into_one_file() {
    let mut store = None;
    let nats = TestNats::start_with(|options| store = Some(options.folder.join("store"))).await;
    let (bus, store) = (crate::connect(&nats).await, store.unwrap());
    bus.ensure(&Role::ALL).await.unwrap();
    let mut messages = bus.messages(Reader::Ingest, 10).await.unwrap();
    let last_ack = LastAck::new(&Shutdown::new());
    let mut files = [file(&store), 0, 0];
    for (round, held) in [(1, false), (2, true)] {
        for number in 0..MESSAGES {
            let key = format!("{round}.{number}");
            bus.offer("acme", "a", &key, "{}").await.unwrap();
            let message = messages.next().await;
            if held {
                last_ack.ack(message.receipt()).await;
            } else {
                message.ack().await;
                eventually(SOON, "the ack", async || is_empty(&bus).await).await;
            }
        }
        files[round] = file(&store);
    }
    eventually(SOON, "the last ack", async || is_empty(&bus).await).await;
    let made = [files[1] - files[0], files[2] - files[1]];
    assert!(made[0] >= MESSAGES, "acked at once: {made:?} files");
    assert!(
        made[1] < MESSAGES / 10,
        "the last one later: {made:?} files"
    );
}
