//! Query parameters as the OpenAPI document describes them.
//!
//! They are read by `paging` and `routes::filter`, which take every spelling that
//! Svix's SDKs use; here stands what a caller needs to know.

use utoipa::IntoParams;

/// Which page of a list.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "only the description is used")]
pub struct PageQuery {
    /// Items at most.
    #[param(minimum = 1, maximum = 250, default = 50)]
    limit: Option<u16>,
    /// The `iterator` or `prevIterator` of another page.
    iterator: Option<String>,
}

/// Which endpoints a message is explained for.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "only the description is used")]
pub struct ExplainQuery {
    /// `true`: only those that the message went to, or is to go to; `false`: only the others.
    receivers: Option<bool>,
}

/// The order of a list.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "only the description is used")]
pub struct OrderQuery {
    /// `ascending` or `descending`.
    #[param(pattern = "^(ascending|descending)$")]
    order: Option<String>,
}

/// Which endpoints to list.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "only the description is used")]
pub struct EndpointListQuery {
    /// With this in their URL, description, uid or id, in whatever case; at most 256 characters.
    search: Option<String>,
    /// `true`: those that receive nothing for now; `false`: all others.
    disabled: Option<bool>,
}

/// Whether an application that exists already is an answer.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "only the description is used")]
pub struct GetIfExistsQuery {
    /// Answer with the application that has this uid already, instead of 409.
    #[param(default = false)]
    get_if_exists: Option<bool>,
}

/// Which event types to list.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "only the description is used")]
pub struct EventTypeQuery {
    /// Archived types, too.
    #[param(default = false)]
    include_archived: Option<bool>,
    /// With their schemas.
    #[param(default = false)]
    with_content: Option<bool>,
}

/// How to delete an event type.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "only the description is used")]
pub struct ExpungeQuery {
    /// Delete it for good instead of archiving it.
    #[param(default = false)]
    expunge: Option<bool>,
}

/// Which messages, or attempts of which messages.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "only the description is used")]
pub struct WindowQuery {
    /// Of these types, separated by commas or repeated.
    event_types: Option<Vec<String>>,
    /// With this channel.
    channel: Option<String>,
    /// With this tag.
    tag: Option<String>,
    /// Earlier than this.
    #[param(format = DateTime)]
    before: Option<String>,
    /// Later than this.
    #[param(format = DateTime)]
    after: Option<String>,
}

/// Whether payloads and responses are part of the answer.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "only the description is used")]
pub struct ContentQuery {
    /// With payloads or responses.
    #[param(default = true)]
    with_content: Option<bool>,
}

/// Whether a message's trace is part of the answer; without it the answer is that of its creation.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "only the description is used")]
pub struct TraceQuery {
    /// With the id of its trace.
    #[param(default = false)]
    with_trace: Option<bool>,
}

/// In which status.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "only the description is used")]
pub struct StatusQuery {
    /// 0 success, 1 pending, 2 fail, 3 sending, 4 canceled.
    #[param(minimum = 0, maximum = 4)]
    status: Option<u8>,
    /// The caller knows the status `canceled`.
    #[param(default = false)]
    expanded_statuses: Option<bool>,
}

/// With which class of HTTP status.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "only the description is used")]
pub struct StatusClassQuery {
    /// 100, 200, 300, 400 or 500; 0 = no HTTP answer came.
    status_code_class: Option<u16>,
}

/// At which endpoint.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "only the description is used")]
pub struct EndpointQuery {
    /// The endpoint's id or uid.
    endpoint_id: Option<String>,
}

/// Whether attempts come with their messages.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "only the description is used")]
pub struct WithMessageQuery {
    /// Each attempt with its message.
    #[param(default = false)]
    with_msg: Option<bool>,
}

/// Which background tasks to list.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "only the description is used")]
pub struct TaskQuery {
    /// `running`, `finished` or `failed`.
    status: Option<String>,
    /// What they do, such as `endpoint.recover`.
    task: Option<String>,
}

/// Of which span of time.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "only the description is used")]
pub struct SpanQuery {
    /// From this moment on; 28 days before `until`, when absent.
    #[param(format = DateTime)]
    since: Option<String>,
    /// Before this moment; now, when absent.
    #[param(format = DateTime)]
    until: Option<String>,
}

/// Of which types of events.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "only the description is used")]
pub struct TypesQuery {
    /// Of these types, separated by commas or repeated.
    event_types: Option<Vec<String>>,
}

/// Which applications to leave out.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "only the description is used")]
pub struct ExcludeQuery {
    /// Those without endpoints.
    #[param(default = false)]
    exclude_apps_with_no_endpoints: Option<bool>,
    /// Those with a disabled endpoint.
    #[param(default = false)]
    exclude_apps_with_disabled_endpoints: Option<bool>,
}

/// How to import.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "only the description is used")]
pub struct ImportQuery {
    /// Change nothing, and answer with what would become of the object.
    #[param(default = false)]
    dry_run: Option<bool>,
    /// The source wins also where a field was changed here.
    #[param(default = false)]
    overwrite: Option<bool>,
}

/// Which span of time an overview shows.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "only the description is used")]
pub struct RangeQuery {
    /// `1h`, `24h` or `7d`.
    #[param(default = "24h")]
    range: Option<String>,
}

/// What a live stream tells of, and from where on.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "only the description is used")]
pub struct LiveQuery {
    /// Of `message`, `attempt` and `canceled`, separated by commas or repeated; all when absent.
    kinds: Option<Vec<String>>,
    /// Attempts with this status: 0 success, 2 fail; deliveries with 4, canceled.
    status: Option<u8>,
    /// As the header `Last-Event-ID`, which goes before it.
    last_event_id: Option<String>,
}

/// Which refused input to list.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "only the description is used")]
pub struct RejectedQuery {
    /// `nats_publish`, `nats_request`, `fanout`, `sender` or `recorder`.
    door: Option<String>,
    /// The application as its producer named it.
    application: Option<String>,
}
