//! `posthorn dev`, as `make run` starts it: everything from nothing, twice with the same data.

use std::path::Path;
use std::time::{Duration, Instant};

use posthorn_e2e::binary::{posthorn, workspace};
use posthorn_e2e::{Client, client::text};
use posthorn_harness::Process;
use serde_json::Value;

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
    let asked = Instant::now();
    process.sigint();
    process.wait_exit_code(0, Duration::from_secs(10)).await;
    assert!(asked.elapsed() < Duration::from_secs(10));
    assert!(
        !folder.join("run.json").exists(),
        "run.json was left behind"
    );
}

async fn deliveries(folder: &Path) -> usize {
    let run: Value =
        serde_json::from_slice(&std::fs::read(folder.join("run.json")).unwrap()).unwrap();
    assert!(
        run["pids"]["nats"].is_u64() && run["pids"]["postgres"].is_u64(),
        "{run}"
    );
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
        let shown = process.stdout();
        for part in [r#""type":"file.deleted""#, "svix-signature", "503"] {
            assert!(
                shown.contains(part),
                "{part} is not shown in run {run}:\n{shown}"
            );
        }
        assert!(
            !process.stderr().contains("demo failed"),
            "{}",
            process.log_tail()
        );
        assert_eq!(deliveries(&folder).await, run, "messages in history");
        end(process, &folder).await;
    }
}
