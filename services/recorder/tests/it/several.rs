//! Several outcomes in one message: what is wrong with one harms none of the others.

use posthorn_bus::topology::Stream;
use posthorn_event_schema::{
    EndpointId, EndpointVerdict, FanoutVerdict, Outcome, SchemaVersion, Timestamp, Verdict,
    outcome_lines,
};
use posthorn_harness::eventually;
use posthorn_store::Page;
use posthorn_store::history::{Content, EventFilter};

use crate::{Event, LONG, Stack, application, event, now};

/// The decision that one endpoint receives an event.
fn matched(event: &Event) -> Outcome {
    Outcome::Fanout(FanoutVerdict {
        version: SchemaVersion,
        event: event.meta.id.clone(),
        organization: event.meta.organization.clone(),
        application: event.meta.application.clone(),
        event_type: event.meta.event_type.clone(),
        accepted_at: event.meta.accepted_at,
        decided_at: event.meta.accepted_at,
        part: 0,
        endpoints: vec![EndpointVerdict {
            endpoint: EndpointId::parse("ep_1").unwrap(),
            verdict: Verdict::Matched,
        }],
        left_out: None,
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_poisonous_outcome_does_not_stop_the_others_of_its_message() {
    let stack = Stack::start().await;
    let events: Vec<_> = (1..=3).map(|number| event(now(), number)).collect();
    let mut lines: Vec<_> = events.iter().map(|event| matched(event).encode()).collect();
    // A moment that no clock had: its row can never be written.
    let never = event(Timestamp::from_unix_micros(0), 4);
    lines.insert(1, matched(&never).encode());
    lines.insert(3, "no outcome".into());
    let message = outcome_lines::join(&lines);
    let text = std::str::from_utf8(&message).unwrap();
    stack.publish_raw("outcomes.records", text).await;

    for event in &events {
        stack.bus.publish_event(event).await.unwrap();
    }
    stack.events_become(events.len()).await;
    let (app, filter, page) = (application(), EventFilter::default(), Page::first(10));
    let list = stack.store.list_events(&app, &filter, Content::Skip, &page);
    for event in list.await.unwrap().items {
        let (place, page) = (event.place(), Page::first(10));
        eventually(LONG, "a delivery in history", async || {
            let found = stack.store.deliveries_of_event(&place, &page).await;
            match found.map_err(|error| error.to_string())?.items.len() {
                1 => Ok(()),
                count => Err(format!("{count} deliveries")),
            }
        })
        .await;
    }
    let refused = eventually(LONG, "two refusals and no message left", async || {
        let rejected = stack.bus.list_rejected(None, 10, |_meta| true).await;
        let rejected = rejected.map_err(|error| error.to_string())?;
        let states = stack.bus.stream_states().await;
        let states = states.map_err(|error| error.to_string())?;
        let outcomes = states.iter().find(|state| state.stream == Stream::Outcomes);
        match (rejected.items.len(), outcomes.map(|state| state.messages)) {
            (2, Some(0)) => Ok(rejected.items),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
    let mut codes: Vec<_> = refused
        .iter()
        .map(|input| input.meta.code.as_str())
        .collect();
    codes.sort_unstable();
    assert_eq!(codes, ["refused_by_database", "unreadable"]);
    for input in refused {
        let kept = stack
            .bus
            .rejected_at(input.sequence)
            .await
            .unwrap()
            .unwrap();
        assert!(lines.contains(&kept.input), "the line alone is kept");
    }
    stack.stop().await;
}
