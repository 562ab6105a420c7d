//! How often, and for how many bytes, the pure functions of a delivery's way ask for memory.
//!
//! They are called as the services call them, on messages as they are stored, so a table of them shows
//! what each step allocates beside the network. Counts, unlike times, are the same on every machine.

#![allow(clippy::print_stdout, reason = "printing is what this program is for")]

use std::fs::read;
use std::hint::black_box;

use allocation_counter::measure;
use anyhow::{Context, Result};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::HeaderValue;
use posthorn_event_schema::{
    AttemptHeaders, DeliveryJob, EndpointSnapshot, Event, Outcome, SealedSecret, Timestamp,
};
use posthorn_sender::config::HeaderStyle;
use posthorn_sender::endpoint::{Endpoints, SECRET_COLUMN};
use posthorn_sender::request::{DeliveryRequest, Style, build};
use posthorn_signing::{KeyRing, SealContext, SigningSecret};

/// Sizes of a payload.
const PAYLOADS: [usize; 3] = [256, 1_024, 65_536];
/// Calls of each function; what the first ones set up once is spread over them.
const CALLS: u32 = 1_000;

/// In place of a service: counted in the row above already.
const PART: &str = "  of it";

/// What one call of a function asks for.
struct Row {
    /// Who calls it; `PART` for a function that the one above calls.
    service: &'static str,
    function: &'static str,
    allocations: f64,
    bytes: f64,
}

fn main() -> Result<()> {
    for payload in PAYLOADS {
        let rows = rows(payload)?;
        println!("\nallocations of one delivery, {payload} bytes of payload, {CALLS} calls each\n");
        println!(
            "{:<10} {:<28} {:>11} {:>11}",
            "service", "function", "allocations", "bytes"
        );
        for row in &rows {
            print_row(row.service, row.function, row.allocations, row.bytes);
        }
        let whole = || rows.iter().filter(|row| row.service != PART);
        let sum = |of: fn(&Row) -> f64| whole().map(of).sum::<f64>();
        print_row("all", "", sum(|row| row.allocations), sum(|row| row.bytes));
    }
    Ok(())
}

fn print_row(service: &str, function: &str, allocations: f64, bytes: f64) {
    println!("{service:<10} {function:<28} {allocations:>11.1} {bytes:>11.0}");
}

/// The functions in the order in which a delivery meets them.
fn rows(payload: usize) -> Result<Vec<Row>> {
    let body = Bytes::from(vec![b'x'; payload]);
    let mut event = Event::decode(&fixture("event.v1.frame")?)?;
    event.body = body.clone();
    let stored_event = event.encode();
    let mut job = DeliveryJob::decode(&fixture("job.v1.frame")?)?;
    job.body = body;
    let stored_job = job.encode();
    let verdict: Outcome = Outcome::decode(&fixture("fanout.v1.json")?)?;
    let (endpoints, snapshot) = endpoint()?;
    let now = Timestamp::from_unix_micros(1_764_165_600_000_000);
    let endpoint = endpoints.get(&snapshot, now)?;
    let style = Style {
        headers: HeaderStyle::Svix,
        user_agent: HeaderValue::from_static("Posthorn/0"),
    };
    let request = build(&style, &endpoint, &job, now).map_err(anyhow::Error::msg)?;
    let mut record = Outcome::decode(&fixture("attempt-headers.v1.json")?)?;
    if let Outcome::Attempt(record) = &mut record {
        record.headers = Some((&kept(&request)).into());
    }
    let (stored_verdict, stored_record) = (verdict.encode(), record.encode());
    let sign = || {
        let id = job.meta.event.as_str();
        endpoint
            .signer
            .header_value(id, now.as_unix_seconds(), &job.body)
    };
    Ok(vec![
        count("ingest", "Event::encode", || event.encode()),
        count("ingest", "Event::dedup_id", || event.dedup_id()),
        count("fanout", "Event::decode", || Event::decode(&stored_event)),
        count("fanout", "DeliveryJob::encode", || job.encode()),
        count("fanout", "JobMeta::dedup_id", || job.meta.dedup_id()),
        count("fanout", "Outcome::encode, verdict", || verdict.encode()),
        count("sender", "DeliveryJob::decode", || {
            DeliveryJob::decode(&stored_job)
        }),
        count("sender", "Endpoints::get", || endpoints.get(&snapshot, now)),
        count("sender", "request::build", || {
            build(&style, &endpoint, &job, now)
        }),
        count(PART, "Signer::header_value", sign),
        count("sender", "AttemptHeaders::keep_sent", || kept(&request)),
        count("sender", "Outcome::encode, attempt", || record.encode()),
        count("recorder", "Event::decode", || Event::decode(&stored_event)),
        count("recorder", "Outcome::decode, verdict", || {
            Outcome::decode(&stored_verdict)
        }),
        count("recorder", "Outcome::decode, attempt", || {
            Outcome::decode(&stored_record)
        }),
    ])
}

/// What history keeps of a request's headers.
fn kept(request: &DeliveryRequest) -> AttemptHeaders {
    let headers = request.headers.iter();
    let mut kept = AttemptHeaders::default();
    kept.keep_sent(headers.map(|(name, value)| (name.as_str(), value.as_bytes())));
    kept
}

fn count<T>(service: &'static str, function: &'static str, call: impl Fn() -> T) -> Row {
    let info = measure(|| {
        for _ in 0..CALLS {
            black_box(call());
        }
    });
    let each = |count: u64| f64::from(u32::try_from(count).unwrap_or(u32::MAX)) / f64::from(CALLS);
    Row {
        service,
        function,
        allocations: each(info.count_total),
        bytes: each(info.bytes_total),
    }
}

/// A message as a release wrote it.
fn fixture(name: &str) -> Result<Bytes> {
    let path = format!("{}/../fixtures/wire/{name}", env!("CARGO_MANIFEST_DIR"));
    let read = read(&path).with_context(|| format!("read {path}"));
    Ok(read?.trim_ascii_end().to_vec().into())
}

/// An endpoint with one secret.
fn endpoint() -> Result<(Endpoints, EndpointSnapshot)> {
    let keys = KeyRing::parse(&KeyRing::generate_text()).context("a new key")?;
    let context = SealContext {
        organization: "org_1",
        owner: "ep_1",
        column: SECRET_COLUMN,
    };
    let secret = SigningSecret::generate().to_text();
    let json = r#"{"v":1,"id":"ep_1","application":"app_1","organization":"org_1","version":1,
        "url":"https://example.com/hook","secrets":[]}"#;
    let mut snapshot: EndpointSnapshot = serde_json::from_str(json)?;
    snapshot.secrets.push(SealedSecret {
        sealed: STANDARD.encode(keys.seal(secret.as_bytes(), &context)),
        expires_at: None,
    });
    Ok((Endpoints::new(keys), snapshot))
}
