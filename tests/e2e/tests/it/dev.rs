//! `posthorn dev`, as `make run` starts it: everything from nothing, twice with the same data.

use std::path::Path;
use std::time::Duration;

use posthorn_e2e::binary::{posthorn, workspace};
use posthorn_e2e::{Client, client::text};
use posthorn_harness::Process;
use serde_json::Value;

use crate::SOON;

/// The first start may have to fetch servers.
const START: Duration = Duration::from_secs(180);

fn start(folder: &Path) -> Process {
    Process::builder(posthorn())
        .args(["dev", "--demo"])
        .current_dir(workspace())
        .env("POSTHORN_DEV_FOLDER", folder)
        .env("POSTHORN_PORT", "0")
        .env("POSTHORN_NATS_PORT", "0")
        .env("POSTHORN_POSTGRES_PORT", "0")
        .env("POSTHORN_RETRY_SCHEDULE", "1s,1s,5s")
        .start()
}

async fn end(mut process: Process, folder: &Path) {
    let run = run_file(folder);
    let pids = ["nats", "postgres"].map(|name| run["pids"][name].as_u64().unwrap());
    assert!(pids.iter().all(|pid| runs(*pid)), "{run}");
    process.sigint();
    process.wait_exit_code(0, SOON).await;
    assert!(
        !folder.join("run.json").exists(),
        "run.json was left behind"
    );
    assert!(
        !pids.iter().any(|pid| runs(*pid)),
        "a server was left: {run}"
    );
}

fn run_file(folder: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(folder.join("run.json")).unwrap()).unwrap()
}

/// Whether a process exists, and is not merely waiting for its parent to look at it.
fn runs(pid: u64) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
    !state.is_empty() && !state.starts_with('Z')
}

/// The demo's output is the product's first impression: each step is there, in its order.
fn assert_shows_the_main_job(shown: &str) {
    let steps = [
        "published on NATS subject posthorn.events.demo.file.deleted, stored as message",
        "POST /recovering received, answered 503",
        "POST /recovering received, answered 503",
        "POST /recovering received, answered 200",
        "read from the REST API:",
    ];
    let mut rest = shown;
    for step in steps {
        rest = match rest.split_once(step) {
            Some((_, rest)) => rest,
            None => panic!("{step:?} is missing, or too early, in:\n{shown}"),
        };
    }
    let announced = "the history says: next attempt at the recovering endpoint 20";
    assert_eq!(shown.matches(announced).count(), 2, "{shown}");
    assert!(
        shown.contains("POST /healthy received, answered 200"),
        "{shown}"
    );
    let deliveries: Vec<_> = shown.split("[demo] POST /").skip(1).collect();
    assert!(deliveries.len() >= 4, "{shown}");
    for delivery in deliveries {
        for part in [
            "\n  svix-id: event_",
            "\n  svix-signature: v1,",
            "\n  signature verified by the standardwebhooks library\n",
        ] {
            assert!(delivery.contains(part), "{part:?} is missing in {delivery}");
        }
        assert_is_event_object(delivery);
    }
}

/// The body is the event object, byte for byte: its four keys in their order, and nothing else.
fn assert_is_event_object(delivery: &str) {
    let (_, body) = delivery.split_once(" bytes:\n  ").unwrap();
    let body = body.lines().next().unwrap();
    let object: Value = serde_json::from_str(body).unwrap();
    let data = body
        .strip_prefix("{\"data\":")
        .and_then(|rest| rest.split_once(",\"id\":\""))
        .map(|(data, _)| data)
        .unwrap();
    let expected = format!(
        r#"{{"data":{data},"id":"{}","timestamp":"{}","type":"file.deleted"}}"#,
        text(&object["id"]),
        text(&object["timestamp"])
    );
    assert_eq!(body, expected);
    let count = format!("body, {} bytes:", body.len());
    assert!(
        delivery.contains(&count),
        "{count} is missing in {delivery}"
    );
    assert_eq!(
        text(&object["timestamp"]).len(),
        "2025-04-12T15:55:19.000Z".len()
    );
}

async fn deliveries(folder: &Path) -> usize {
    let run = run_file(folder);
    let client = Client::new(&text(&run["api_url"]), &text(&run["token"]));
    let messages = client.get("/app/demo/msg").await;
    messages.body["data"]
        .as_array()
        .unwrap_or_else(|| panic!("{messages:?}"))
        .len()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_shows_the_main_job_and_a_second_run_goes_on_with_its_data() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("dev");
    for run in 1..=2 {
        let mut process = start(&folder);
        process
            .wait_for_line("The fleet goes on until Ctrl-C.", START)
            .await;
        assert_shows_the_main_job(&process.stdout());
        assert!(
            !process.stderr().contains("demo failed"),
            "{}",
            process.log_tail()
        );
        assert_eq!(deliveries(&folder).await, run, "messages in history");
        end(process, &folder).await;
    }
}
