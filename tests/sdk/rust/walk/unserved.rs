//! Operations that this version of Posthorn does not serve, as operations.json says.
//!
//! Each has to be answered with a 501 that the SDK understands as an error of the API.

use serde_json::json;
use svix::api::Svix;

use crate::World;
use crate::harness::{fails, made, now, step};
use crate::sdk::{set_headers, upsert};

const CODE: &str = "function handler(webhook) { return webhook }";

/// Calls, and expects a 501.
macro_rules! unserved {
    ($($operation:literal => $call:expr;)+) => {
        $(step($operation, "501: this version does not serve it", async || {
            fails(501, "not_implemented", $call.await)?;
            Ok(())
        })
        .await;)+
    };
}

fn s(text: &str) -> String {
    text.to_owned()
}

pub async fn walk(w: &World) {
    // A 501 is no reason to try again.
    let svix = crate::client(&w.server_url, &w.token, Some(0));
    let app = w.text("uid").unwrap_or_default();
    of_applications(&svix, &app).await;
    #[cfg(feature = "v2")]
    of_destinations(&svix, &app).await;
    of_organisations(&svix).await;
    of_ingest(&svix).await;
    of_streams(&svix).await;
    of_sinks(&svix).await;
    of_stream_access(&svix).await;
}

async fn of_applications(svix: &Svix, app: &str) {
    let (integration, message) = (svix.integration(), svix.message());
    let poller = message.poller();
    let new = || json!({"name": "Walk"});
    unserved! {
        "v1.integration.list" => integration.list(s(app), None);
        "v1.integration.create" => integration.create(s(app), made(new()), None);
        "v1.integration.get" => integration.get(s(app), s("integ_1"));
        "v1.integration.update" => integration.update(s(app), s("integ_1"), made(new()));
        "v1.integration.delete" => integration.delete(s(app), s("integ_1"));
        "v1.integration.rotate-key" => integration.rotate_key(s(app), s("integ_1"), None);
        "v1.message.poller.poll" => poller.poll(s(app), s("poll_1"), None);
        "v1.message.poller.consumer-poll" => poller.consumer_poll(s(app), s("poll_1"), s("one"), None);
        "v1.message.poller.consumer-seek" =>
            poller.consumer_seek(s(app), s("poll_1"), s("one"), made(json!({"after": now()})), None);
        "v1.message.events" => message.events(svix::api::V1MessageEventsParams {
            app_id: s(app),
            limit: None,
            iterator: None,
            event_types: None,
            channels: None,
            after: None,
        });
        "v1.message.events-subscription" => message.events_subscription(svix::api::V1MessageEventsSubscriptionParams {
            app_id: s(app),
            subscription_id: s("sub_1"),
            limit: None,
            iterator: None,
            event_types: None,
            channels: None,
            after: None,
        });
    }
    #[cfg(feature = "v1")]
    unserved! {
        "v1.integration.get-key" => {
            #[expect(deprecated, reason = "users of the first generation may still call it")]
            integration.get_key(s(app), s("integ_1"))
        };
    }
}

#[cfg(feature = "v2")]
async fn of_destinations(svix: &Svix, app: &str) {
    let (destination, auto) = (svix.destination(), svix.autoconfig_subscription());
    let polling = || json!({"type": "pollingEndpoint"});
    unserved! {
        "v1.destination.list" => destination.list(s(app), None);
        "v1.destination.create" => destination.create(s(app), made(polling()), None);
        "v1.destination.get" => destination.get(s(app), s("dest_1"));
        "v1.destination.upsert" => destination.upsert(s(app), s("dest_1"), made(polling()));
        "v1.destination.patch" => destination.patch(s(app), s("dest_1"), made(polling()));
        "v1.destination.delete" => destination.delete(s(app), s("dest_1"));
        "v1.destination.rotate-secret" => destination.rotate_secret(s(app), s("dest_1"), made(json!({})), None);
        "v1.destination.transformation.get" => destination.transformation().get(s(app), s("dest_1"));
        "v1.destination.transformation.patch" =>
            destination.transformation().patch(s(app), s("dest_1"), made(json!({"code": CODE})));
        "v1.autoconfig-subscription.create" => auto.create(s(app), made(json!({})), None);
        "v1.autoconfig-subscription.rotate" => auto.rotate(s(app), s("auto_1"), made(json!({})), None);
        "v1.autoconfig-subscription.delete" => auto.delete(s(app), s("auto_1"));
    }
}

async fn of_organisations(svix: &Svix) {
    let (connector, environment) = (svix.connector(), svix.environment());
    let new = || json!({"name": "Walk", "transformation": CODE});
    unserved! {
        "v1.connector.list" => connector.list(None);
        "v1.connector.create" => connector.create(made(new()), None);
        "v1.connector.get" => connector.get(s("trtmpl_1"));
        "v1.connector.update" => upsert!(connector, s("trtmpl_1"), made(json!({"transformation": CODE})));
        "v1.connector.patch" => connector.patch(s("trtmpl_1"), made(json!({"description": "Walk"})));
        "v1.connector.delete" => connector.delete(s("trtmpl_1"));
        "v1.environment.export" => environment.export(None);
        "v1.environment.import" => environment.import(made(json!({})), None);
    }
}

async fn of_ingest(svix: &Svix) {
    let ingest = svix.ingest();
    let (source, endpoint) = (ingest.source(), ingest.endpoint());
    let new = || json!({"name": "Walk", "type": "generic-webhook"});
    let url = || json!({"url": "https://example.com"});
    let (src, ep) = ("src_1", "ep_1");
    let headers = || json!({"headers": {"X-Walk": "yes"}});
    unserved! {
        "v1.ingest.source.list" => source.list(None);
        "v1.ingest.source.create" => source.create(made(new()), None);
        "v1.ingest.source.get" => source.get(s(src));
        "v1.ingest.source.update" => upsert!(source, s(src), made(new()));
        "v1.ingest.source.delete" => source.delete(s(src));
        "v1.ingest.source.rotate-token" => source.rotate_token(s(src), None);
        "v1.ingest.endpoint.list" => endpoint.list(s(src), None);
        "v1.ingest.endpoint.create" => endpoint.create(s(src), made(url()), None);
        "v1.ingest.endpoint.get" => endpoint.get(s(src), s(ep));
        "v1.ingest.endpoint.update" => upsert!(endpoint, s(src), s(ep), made(url()));
        "v1.ingest.endpoint.delete" => endpoint.delete(s(src), s(ep));
        "v1.ingest.endpoint.get-secret" => endpoint.get_secret(s(src), s(ep));
        "v1.ingest.endpoint.rotate-secret" => endpoint.rotate_secret(s(src), s(ep), made(json!({})), None);
        "v1.ingest.endpoint.get-headers" => endpoint.get_headers(s(src), s(ep));
        "v1.ingest.endpoint.update-headers" => set_headers!(endpoint, s(src), s(ep), made(headers()));
    }
    #[cfg(feature = "v2")]
    unserved! {
        "v1.ingest.dashboard" => ingest.authentication().consumer_portal_access(s(src), made(json!({})), None);
        "v1.ingest.endpoint.get-transformation" => endpoint.transformation().get(s(src), s(ep));
        "v1.ingest.endpoint.set-transformation" => endpoint.transformation().patch(s(src), s(ep), made(json!({})));
    }
    #[cfg(feature = "v1")]
    unserved! {
        "v1.ingest.dashboard" => ingest.dashboard(s(src), made(json!({})), None);
        "v1.ingest.endpoint.get-transformation" => endpoint.get_transformation(s(src), s(ep));
        "v1.ingest.endpoint.set-transformation" => endpoint.set_transformation(s(src), s(ep), made(json!({})));
    }
}

async fn of_streams(svix: &Svix) {
    let streaming = svix.streaming();
    let (stream, event_type, events) = (
        streaming.stream(),
        streaming.event_type(),
        streaming.events(),
    );
    let id = "strm_1";
    let new = || json!({"name": "walk"});
    let made_events = || json!({"events": [{"eventType": "walk", "payload": "{}"}]});
    unserved! {
        "v1.streaming.stream.list" => stream.list(None);
        "v1.streaming.stream.create" => stream.create(made(new()), None);
        "v1.streaming.stream.get" => stream.get(s(id));
        "v1.streaming.stream.update" => upsert!(stream, s(id), made(new()));
        "v1.streaming.stream.patch" => stream.patch(s(id), made(json!({"description": "Walk"})));
        "v1.streaming.stream.delete" => stream.delete(s(id));
        "v1.streaming.event-type.list" => event_type.list(None);
        "v1.streaming.event-type.create" => event_type.create(made(new()), None);
        "v1.streaming.event-type.get" => event_type.get(s("walk"));
        "v1.streaming.event-type.update" => upsert!(event_type, s("walk"), made(new()));
        "v1.streaming.event-type.patch" => event_type.patch(s("walk"), made(json!({"archived": true})));
        "v1.streaming.event-type.delete" => event_type.delete(s("walk"), None);
        "v1.streaming.events.get" => events.get(s(id), s("sink_1"), None);
        "v1.streaming.events.create" => events.create(s(id), made(made_events()), None);
    }
}

async fn of_sinks(svix: &Svix) {
    let streaming = svix.streaming();
    let sink = streaming.sink();
    let (stream, id) = ("strm_1", "sink_1");
    let new = || json!({"type": "poller"});
    let headers = || json!({"headers": {"X-Walk": "yes"}});
    let code = || json!({"code": CODE});
    unserved! {
        "v1.streaming.sink.list" => sink.list(s(stream), None);
        "v1.streaming.sink.create" => sink.create(s(stream), made(new()), None);
        "v1.streaming.sink.get" => sink.get(s(stream), s(id));
        "v1.streaming.sink.update" => upsert!(sink, s(stream), s(id), made(new()));
        "v1.streaming.sink.patch" => sink.patch(s(stream), s(id), made(new()));
        "v1.streaming.sink.delete" => sink.delete(s(stream), s(id));
        "v1.streaming.sink.get-secret" => sink.get_secret(s(stream), s(id));
        "v1.streaming.sink.rotate-secret" => sink.rotate_secret(s(stream), s(id), made(json!({})), None);
        "v1.streaming.sink-headers-get" => streaming.sink_headers_get(s(stream), s(id));
        "v1.streaming.sink-headers-patch" => streaming.sink_headers_patch(s(stream), s(id), made(headers()));
    }
    #[cfg(feature = "v2")]
    unserved! {
        "v1.streaming.sink-transformation-get" => sink.transformation().get(s(stream), s(id));
        "v1.streaming.sink.transformation-partial-update" =>
            sink.transformation().patch(s(stream), s(id), made(code()));
    }
    #[cfg(feature = "v1")]
    unserved! {
        "v1.streaming.sink-transformation-get" => streaming.sink_transformation_get(s(stream), s(id));
        "v1.streaming.sink.transformation-partial-update" =>
            sink.transformation_partial_update(s(stream), s(id), made(code()));
    }
}

async fn of_stream_access(svix: &Svix) {
    let api = svix.authentication();
    let (stream, sink) = ("strm_1", "sink_1");
    unserved! {
        "v1.authentication.stream-portal-access" => api.stream_portal_access(s(stream), made(json!({})), None);
        "v1.authentication.stream-expire-all" => api.stream_expire_all(s(stream), made(json!({})), None);
        "v1.authentication.stream-logout" => api.stream_logout(None);
        "v1.authentication.get-stream-poller-token" => api.get_stream_poller_token(s(stream), s(sink));
        "v1.authentication.rotate-stream-poller-token" =>
            api.rotate_stream_poller_token(s(stream), s(sink), made(json!({})), None);
    }
}
