//! The list of metrics: name, unit and meaning, each written once.
//!
//! Names follow OpenTelemetry; Prometheus shows `.` as `_`, adds the unit, and adds `_total` to
//! counters. The meaning is both the variant's documentation and the `# HELP` line.

/// Name, unit and meaning of a metric.
///
/// Units are UCUM; those in braces are annotations and not shown by Prometheus.
pub(super) type Definition = (&'static str, &'static str, &'static str);

macro_rules! metrics {
    (
        $(#[$enum_docs:meta])*
        $name:ident { $($variant:ident = $metric:literal, $unit:literal, $meaning:literal;)* }
    ) => {
        $(#[$enum_docs])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name {
            $(
                #[doc = concat!("`", $metric, "`: ", $meaning)]
                $variant,
            )*
        }

        impl $name {
            /// Every variant in the order of declaration, which is the order of the instruments.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            pub(super) fn definition(self) -> Definition {
                match self {
                    $(Self::$variant => ($metric, $unit, $meaning),)*
                }
            }
        }
    };
}

metrics! {
    /// Something that only grows.
    Counter {
        EventsIngested = "posthorn.events.ingested", "{event}",
            "Events that a producer has offered, by source (http, nats) and result.";
        EventsRejected = "posthorn.events.rejected", "{event}",
            "Events that were not accepted, by door and error code.";
        IngestGivenUp = "posthorn.ingest.given_up", "{event}",
            "Events with a key of which a late repetition may be delivered once more, by step (publish, mark).";
        FanoutPutOff = "posthorn.fanout.put_off", "{event}",
            "Events put off until the time that their producer chose.";
        FanoutDeliveries = "posthorn.fanout.deliveries", "{delivery}",
            "Deliveries that events were fanned out into.";
        Attempts = "posthorn.attempts", "{attempt}",
            "Attempts that ended, by outcome (delivered, retry, exhausted, rejected), status_class and error_type.";
        LimitReached = "posthorn.limit.reached", "{time}",
            "How often a limit was reached, by limit.";
        SenderParkedJobs = "posthorn.sender.parked_jobs", "{delivery}",
            "Deliveries that were moved to the waiting room because their endpoint was busy.";
        SenderBreakersOpened = "posthorn.sender.breakers_opened", "{breaker}",
            "Circuit breakers that opened: nothing goes to their endpoints for a while.";
        ConfigMistakes = "posthorn.config.mistakes", "{entry}",
            "Entries of the configuration snapshot that could not be used, by kind.";
        TaskPanics = "posthorn.task.panics", "{panic}",
            "Tasks that panicked, by task; each of them is a defect.";
        TraceExportFailures = "posthorn.trace.export_failures", "{batch}",
            "Batches of spans that the collector did not take.";
        MessagesSent = "messaging.client.sent.messages", "{message}",
            "Messages that were published, by destination.";
        MessagesConsumed = "messaging.client.consumed.messages", "{message}",
            "Messages that were received, by destination.";
    }
}

metrics! {
    /// Something whose distribution matters.
    Histogram {
        DeliveryLatencySeconds = "posthorn.delivery.latency", "s",
            "Time from the acceptance of an event to its 2xx, by attempt_bucket (1, 2-3, 4+).";
        HttpClientRequestDurationSeconds = "http.client.request.duration", "s",
            "Duration of the requests to endpoints, by status_class.";
        HttpServerRequestDurationSeconds = "http.server.request.duration", "s",
            "Duration of the requests to the public doors, by method and status_class.";
        MessageParts = "posthorn.message.parts", "{part}",
            "Events, jobs or outcomes that travelled in one message, by stream.";
        RecorderBatchSize = "posthorn.recorder.batch_size", "{row}",
            "Rows that the recorder wrote in one transaction.";
        RecorderFlushDurationSeconds = "posthorn.recorder.flush.duration", "s",
            "Duration of the recorder's transactions.";
        PoolWaitSeconds = "posthorn.pool.wait", "s",
            "Time until a database connection was free.";
        MessagingProcessDurationSeconds = "messaging.process.duration", "s",
            "Time that one message took to be processed, by destination.";
    }
}

metrics! {
    /// Something that goes up and down.
    Gauge {
        DeliveryBacklog = "posthorn.delivery.backlog", "{message}",
            "Messages that wait for a service or are in its hands, by stage; of the whole fleet, so the same from each process.";
        Waiting = "posthorn.delivery.waiting", "{delivery}",
            "Messages that wait for a time to come (waiting: deliveries, scheduled: events), by stage.";
        BacklogOldestAgeSeconds = "posthorn.backlog.oldest_age", "s",
            "Age of the oldest message of the backlog, by stage.";
        Endpoints = "posthorn.endpoints", "{endpoint}",
            "Endpoints, by state (active, failing, paused, disabled).";
        RecorderLagSeconds = "posthorn.recorder.lag", "s",
            "Age of the last record that was written, at the time of writing.";
        SenderInFlight = "posthorn.sender.in_flight", "{request}",
            "Requests that are under way.";
        SenderQueued = "posthorn.sender.queued", "{delivery}",
            "Deliveries that wait in memory for their endpoint to be free.";
        SenderPartitions = "posthorn.sender.partitions", "{partition}",
            "Partitions that this process owns.";
        LiveStreams = "posthorn.api.live_streams", "{stream}",
            "Live streams that are open.";
        PoolInUse = "posthorn.pool.in_use", "{connection}",
            "Database connections that are in use.";
        BuildInfo = "posthorn.build_info", "",
            "Always 1; the build is in the labels version and git_sha.";
    }
}

/// From a fast receiver to one that answers after a day of retries.
const LATENCY_SECONDS: &[f64] = &[
    0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0, 7200.0,
    28_800.0, 86_400.0,
];

/// The semantic conventions' buckets for HTTP durations, and three for slow receivers.
///
/// Source: <https://opentelemetry.io/docs/specs/semconv/http/http-metrics/>.
const REQUEST_SECONDS: &[f64] = &[
    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, 15.0, 30.0,
    60.0,
];

/// Work inside the fleet: a transaction, a wait for a connection, one message.
const INTERNAL_SECONDS: &[f64] = &[
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
];

/// Rows per transaction, and parts per message.
const COUNTS: &[f64] = &[
    1.0, 2.0, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1000.0, 2500.0, 5000.0,
];

impl Histogram {
    /// The upper bounds of the buckets, in the histogram's unit.
    pub(super) fn boundaries(self) -> &'static [f64] {
        match self {
            Self::DeliveryLatencySeconds => LATENCY_SECONDS,
            Self::HttpClientRequestDurationSeconds | Self::HttpServerRequestDurationSeconds => {
                REQUEST_SECONDS
            }
            Self::MessageParts | Self::RecorderBatchSize => COUNTS,
            Self::RecorderFlushDurationSeconds
            | Self::PoolWaitSeconds
            | Self::MessagingProcessDurationSeconds => INTERNAL_SECONDS,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn instruments_are_found_by_their_position() {
        for (position, counter) in Counter::ALL.iter().enumerate() {
            assert_eq!(*counter as usize, position);
        }
        for (position, histogram) in Histogram::ALL.iter().enumerate() {
            assert_eq!(*histogram as usize, position);
        }
        for (position, gauge) in Gauge::ALL.iter().enumerate() {
            assert_eq!(*gauge as usize, position);
        }
    }

    #[test]
    fn every_metric_has_a_name_of_its_own_and_a_meaning() {
        let counters = Counter::ALL.iter().map(|metric| metric.definition());
        let histograms = Histogram::ALL.iter().map(|metric| metric.definition());
        let gauges = Gauge::ALL.iter().map(|metric| metric.definition());

        let mut names = BTreeSet::new();
        for (name, _unit, meaning) in counters.chain(histograms).chain(gauges) {
            assert!(names.insert(name), "{name} is used twice");
            assert!(meaning.ends_with('.'), "{name}: {meaning}");
        }
    }

    #[test]
    fn the_bounds_of_buckets_rise() {
        for histogram in Histogram::ALL {
            assert!(
                histogram.boundaries().is_sorted_by(|low, high| low < high),
                "{histogram:?}"
            );
        }
    }
}
