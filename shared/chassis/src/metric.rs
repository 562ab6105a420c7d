//! Every number that Posthorn measures, by name.
//!
//! The names are the variants of [`Counter`], [`Histogram`] and [`Gauge`], so that a misspelt
//! metric does not compile and the list can be read in one place. Labels are static: an
//! application or endpoint id, whose number has no bound, does not fit the type.
//!
//! The numbers live in one registry per process, made at first use: measuring works in a test
//! that has set nothing up, and `/metrics` shows what any part of the process has measured.

mod catalogue;

use std::{array, sync::OnceLock};

use opentelemetry::{KeyValue, metrics as otel, metrics::MeterProvider};
use opentelemetry_sdk::{Resource, metrics::SdkMeterProvider};
use prometheus::{Registry, TextEncoder};

pub use catalogue::{Counter, Gauge, Histogram};

/// The most labels that one measurement can carry; what comes after them is left out.
pub const MAX_LABELS: usize = 4;

/// The name and the value of a label; both are fixed when the program is built.
pub type Label = (&'static str, &'static str);

/// A whole or real number that a gauge can show.
///
/// Gauges keep 64-bit floats, which are exact for whole numbers up to 2^53.
pub trait GaugeValue: sealed::Sealed {
    /// The number as a gauge keeps it.
    fn to_gauge(self) -> f64;
}

mod sealed {
    /// Keeps the list of number types closed.
    pub trait Sealed {}
}

macro_rules! gauge_values {
    ($($number:ty),*) => {$(
        impl sealed::Sealed for $number {}
        impl GaugeValue for $number {
            #[expect(
                clippy::allow_attributes,
                reason = "not every number type triggers the lint below"
            )]
            #[allow(clippy::cast_lossless, reason = "the same line serves all number types")]
            fn to_gauge(self) -> f64 {
                self as f64
            }
        }
    )*};
}

gauge_values!(i32, i64, u32, u64, usize, f64);

impl Counter {
    /// Adds to the counter.
    pub fn add(self, count: u64, labels: &[Label]) {
        let instrument = &instruments().counters[self as usize];
        with_attributes(labels, |attributes| instrument.add(count, attributes));
    }
}

impl Histogram {
    /// Records one measurement, in the unit that the variant names.
    pub fn record(self, value: f64, labels: &[Label]) {
        let instrument = &instruments().histograms[self as usize];
        with_attributes(labels, |attributes| instrument.record(value, attributes));
    }
}

impl Gauge {
    /// Shows this value until the next one is set for the same labels.
    pub fn set(self, value: impl GaugeValue, labels: &[Label]) {
        let instrument = &instruments().gauges[self as usize];
        let value = value.to_gauge();
        with_attributes(labels, |attributes| instrument.record(value, attributes));
    }
}

/// Prints every metric in Prometheus' text format, version 0.0.4.
///
/// # Errors
///
/// When the registry holds something that the format cannot express.
pub fn render() -> Result<String, RenderError> {
    let families = instruments().registry.gather();
    TextEncoder::new()
        .encode_to_string(&families)
        .map_err(RenderError)
}

/// The metrics could not be printed.
#[derive(Debug, thiserror::Error)]
#[error("cannot print the metrics")]
pub struct RenderError(#[source] prometheus::Error);

/// The registry and the instruments that write to it, in the order of the enums.
struct Instruments {
    registry: Registry,
    counters: Vec<otel::Counter<u64>>,
    histograms: Vec<otel::Histogram<f64>>,
    gauges: Vec<otel::Gauge<f64>>,
    /// The instruments stop measuring when it is dropped.
    _provider: SdkMeterProvider,
}

fn instruments() -> &'static Instruments {
    static INSTRUMENTS: OnceLock<Instruments> = OnceLock::new();
    INSTRUMENTS.get_or_init(Instruments::new)
}

impl Instruments {
    fn new() -> Self {
        let registry = Registry::new();
        let exporter = opentelemetry_prometheus::exporter()
            .with_registry(registry.clone())
            .without_target_info()
            .scope_info_enabled(false)
            .build()
            .expect("a new registry holds nothing that could collide");
        let provider = SdkMeterProvider::builder()
            .with_resource(Resource::builder_empty().build())
            .with_reader(exporter)
            .build();
        let meter = provider.meter("posthorn");
        let counter = |counter: &Counter| {
            let (name, unit, meaning) = counter.definition();
            meter
                .u64_counter(name)
                .with_unit(unit)
                .with_description(meaning)
                .build()
        };
        let histogram = |histogram: &Histogram| {
            let (name, unit, meaning) = histogram.definition();
            let builder = meter
                .f64_histogram(name)
                .with_unit(unit)
                .with_description(meaning);
            builder
                .with_boundaries(histogram.boundaries().to_vec())
                .build()
        };
        let gauge = |gauge: &Gauge| {
            let (name, unit, meaning) = gauge.definition();
            meter
                .f64_gauge(name)
                .with_unit(unit)
                .with_description(meaning)
                .build()
        };
        Self {
            registry,
            counters: Counter::ALL.iter().map(counter).collect(),
            histograms: Histogram::ALL.iter().map(histogram).collect(),
            gauges: Gauge::ALL.iter().map(gauge).collect(),
            _provider: provider,
        }
    }
}

/// Hands the labels over as attributes that live on the stack.
fn with_attributes(labels: &[Label], measure: impl FnOnce(&[KeyValue])) {
    debug_assert!(
        labels.len() <= MAX_LABELS,
        "more labels than MAX_LABELS: {labels:?}"
    );
    let attributes: [KeyValue; MAX_LABELS] = array::from_fn(|index| {
        let (name, value) = labels.get(index).copied().unwrap_or_default();
        KeyValue::new(name, value)
    });
    measure(&attributes[..labels.len().min(MAX_LABELS)]);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The registry is one per process, so each test looks only for its own labels.
    fn line_with(part: &str) -> String {
        let text = render().unwrap();
        let line = text.lines().find(|line| line.contains(part));
        line.unwrap_or_else(|| panic!("no {part} in\n{text}"))
            .to_owned()
    }

    #[test]
    fn a_counter_counts_per_label() {
        let labels = [("outcome", "counted-in-a-test"), ("status_class", "2xx")];

        Counter::Attempts.add(1, &labels);
        Counter::Attempts.add(2, &labels);

        let line = line_with("counted-in-a-test");
        let expected =
            r#"posthorn_attempts_total{outcome="counted-in-a-test",status_class="2xx"} 3"#;
        assert_eq!(line, expected);
    }

    #[test]
    fn a_histogram_has_the_unit_in_its_name_and_sensible_buckets() {
        Histogram::DeliveryLatencySeconds.record(0.3, &[("attempt_bucket", "measured-in-a-test")]);

        let line =
            line_with(r#"latency_seconds_bucket{attempt_bucket="measured-in-a-test",le="0.5"}"#);

        assert!(line.starts_with("posthorn_delivery_"), "{line}");
        assert!(line.ends_with(" 1"), "{line}");
    }

    #[test]
    fn a_gauge_shows_the_last_value_of_any_number_type() {
        let labels = [("stage", "set-in-a-test")];

        Gauge::Waiting.set(7_u64, &labels);
        Gauge::Waiting.set(5_i64, &labels);

        let line = line_with("set-in-a-test");
        assert_eq!(
            line,
            r#"posthorn_delivery_waiting{stage="set-in-a-test"} 5"#
        );
    }

    #[test]
    fn no_labels_and_the_most_labels_work() {
        Counter::TaskPanics.add(1, &[]);
        Counter::ConfigMistakes.add(1, &[("a", "1"), ("b", "2"), ("c", "3"), ("d", "most")]);

        assert!(line_with(r#"a="1",b="2",c="3",d="most""#).ends_with(" 1"));
    }
}
