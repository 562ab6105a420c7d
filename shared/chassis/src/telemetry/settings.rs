//! The settings of logs and traces.
//!
//! `POSTHORN_LOG` and `POSTHORN_LOG_FORMAT` are ours and refused when they are wrong. The `OTEL_*`
//! variables follow OpenTelemetry's specification, by which a value that is not understood is
//! warned of and ignored.
//! Headers, timeouts and batch sizes are read by the exporter itself, by their standard names.

use std::io::IsTerminal;

use axum::http::Uri;
use opentelemetry_sdk::trace::Sampler;
use tracing_subscriber::EnvFilter;

use crate::Env;

/// Which events are logged unless `POSTHORN_LOG` says otherwise.
pub(super) const DEFAULT_LOG: &str = "info";

/// How a log line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object per line.
    Json,
    /// For people: time, level, target, message, fields.
    Pretty {
        /// Whether the line is coloured.
        colours: bool,
    },
}

/// How telemetry is set up.
#[derive(Clone, Debug)]
pub struct Settings {
    service_name: String,
    service_name_is_explicit: bool,
    log_filter: String,
    log_format: LogFormat,
    traces_endpoint: Option<String>,
    sampler: Sampler,
    queue_size_is_explicit: bool,
    warnings: Vec<String>,
}

impl Settings {
    /// Creates the defaults for a role: log what is `info` and above, export nothing.
    pub fn new(role: &str) -> Self {
        Self {
            service_name: format!("posthorn-{role}"),
            service_name_is_explicit: false,
            log_filter: DEFAULT_LOG.to_owned(),
            log_format: default_format(std::io::stdout().is_terminal(), false),
            traces_endpoint: None,
            sampler: parent_based(Sampler::AlwaysOn),
            queue_size_is_explicit: false,
            warnings: Vec::new(),
        }
    }

    /// Exports traces to this OTLP/gRPC collector, such as `http://localhost:4317`.
    #[must_use]
    pub fn with_traces_endpoint(self, endpoint: impl Into<String>) -> Self {
        Self {
            traces_endpoint: Some(endpoint.into()),
            ..self
        }
    }

    /// Logs these events, in `EnvFilter`'s directives, such as `info,posthorn_sender=debug`.
    #[must_use]
    pub fn with_log_filter(self, log_filter: impl Into<String>) -> Self {
        Self {
            log_filter: log_filter.into(),
            ..self
        }
    }

    /// Reads the settings; mistakes in ours are reported by [`Env::finish`].
    pub fn from_env(role: &str, env: &mut Env) -> Self {
        let defaults = Self::new(role);
        let mut warnings = Vec::new();
        let service_name = env.optional_string("OTEL_SERVICE_NAME");
        Self {
            service_name_is_explicit: service_name.is_some(),
            service_name: service_name.unwrap_or(defaults.service_name),
            log_filter: log_filter(env),
            log_format: log_format(env),
            traces_endpoint: traces_endpoint(env, &mut warnings),
            sampler: sampler(env, &mut warnings),
            queue_size_is_explicit: env.optional_string("OTEL_BSP_MAX_QUEUE_SIZE").is_some(),
            warnings,
        }
    }

    pub(super) fn service_name(&self) -> &str {
        &self.service_name
    }

    /// Whether the name was given, and so wins over `OTEL_RESOURCE_ATTRIBUTES`.
    pub(super) fn service_name_is_explicit(&self) -> bool {
        self.service_name_is_explicit
    }

    pub(super) fn log_filter(&self) -> &str {
        &self.log_filter
    }

    pub(super) fn log_format(&self) -> LogFormat {
        self.log_format
    }

    pub(super) fn traces_endpoint(&self) -> Option<&str> {
        self.traces_endpoint.as_deref()
    }

    pub(super) fn sampler(&self) -> Sampler {
        self.sampler.clone()
    }

    /// Whether the queue of the batch processor has the size that the operator gave it.
    pub(super) fn queue_size_is_explicit(&self) -> bool {
        self.queue_size_is_explicit
    }

    /// What was not understood and therefore ignored.
    pub(super) fn warnings(&self) -> &[String] {
        &self.warnings
    }
}

fn log_filter(env: &mut Env) -> String {
    let expected = "log directives, such as info or info,posthorn_sender=debug";
    env.parsed("POSTHORN_LOG", DEFAULT_LOG.to_owned(), expected, |text| {
        EnvFilter::builder()
            .parse(text)
            .is_ok()
            .then(|| text.to_owned())
    })
}

fn log_format(env: &mut Env) -> LogFormat {
    let no_colour = env.optional_string("NO_COLOR").is_some();
    let is_terminal = std::io::stdout().is_terminal();
    let default = default_format(is_terminal, no_colour);
    env.parsed(
        "POSTHORN_LOG_FORMAT",
        default,
        "json or pretty",
        |text| match text {
            "json" => Some(LogFormat::Json),
            "pretty" => Some(LogFormat::Pretty {
                colours: is_terminal && !no_colour,
            }),
            _ => None,
        },
    )
}

/// Pretty for a person who looks on, JSON for everything else.
fn default_format(is_terminal: bool, no_colour: bool) -> LogFormat {
    if is_terminal {
        LogFormat::Pretty {
            colours: !no_colour,
        }
    } else {
        LogFormat::Json
    }
}

/// Where traces go, if anywhere: the signal's own variable wins over the general one.
fn traces_endpoint(env: &mut Env, warnings: &mut Vec<String>) -> Option<String> {
    let general = env.optional_string("OTEL_EXPORTER_OTLP_ENDPOINT");
    let own = env.optional_string("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT");
    let disabled = env.optional_string("OTEL_SDK_DISABLED");
    let exporter = env.optional_string("OTEL_TRACES_EXPORTER");
    let general_protocol = env.optional_string("OTEL_EXPORTER_OTLP_PROTOCOL");
    let own_protocol = env.optional_string("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL");
    let is_off = disabled.is_some_and(|text| text.eq_ignore_ascii_case("true"))
        || exporter.as_deref() == Some("none");
    let endpoint = own.or(general).filter(|_| !is_off)?;
    if let Some(other) = own_protocol
        .or(general_protocol)
        .filter(|protocol| protocol != "grpc")
    {
        warnings.push(format!("traces are exported over grpc, not over {other}"));
    }
    let is_usable = endpoint
        .parse::<Uri>()
        .is_ok_and(|uri| uri.authority().is_some());
    if !is_usable {
        warnings.push("the OTLP endpoint is no URL, such as http://localhost:4317".to_owned());
    }
    is_usable.then_some(endpoint)
}

/// Which traces are sampled, by the names of the specification.
fn sampler(env: &mut Env, warnings: &mut Vec<String>) -> Sampler {
    let name = env.optional_string("OTEL_TRACES_SAMPLER");
    let argument = env.optional_string("OTEL_TRACES_SAMPLER_ARG");
    let mut ratio = || {
        let ratio = argument.as_ref().and_then(|text| text.parse::<f64>().ok());
        ratio
            .filter(|ratio| (0.0..=1.0).contains(ratio))
            .unwrap_or_else(|| {
                warnings
                    .push("OTEL_TRACES_SAMPLER_ARG is no number from 0 to 1, using 1".to_owned());
                1.0
            })
    };
    match name.as_deref() {
        None | Some("parentbased_always_on") => parent_based(Sampler::AlwaysOn),
        Some("always_on") => Sampler::AlwaysOn,
        Some("always_off") => Sampler::AlwaysOff,
        Some("traceidratio") => Sampler::TraceIdRatioBased(ratio()),
        Some("parentbased_always_off") => parent_based(Sampler::AlwaysOff),
        Some("parentbased_traceidratio") => parent_based(Sampler::TraceIdRatioBased(ratio())),
        Some(other) => {
            warnings.push(format!(
                "OTEL_TRACES_SAMPLER is {other:?}, using parentbased_always_on"
            ));
            parent_based(Sampler::AlwaysOn)
        }
    }
}

fn parent_based(root: Sampler) -> Sampler {
    Sampler::ParentBased(Box::new(root))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Settings {
        let mut env = Env::from_pairs(pairs.iter().copied());
        let settings = Settings::from_env("sender", &mut env);
        env.finish().unwrap();
        settings
    }

    #[test]
    fn the_service_is_named_after_its_role_unless_told_otherwise() {
        assert_eq!(read(&[]).service_name(), "posthorn-sender");
        assert_eq!(
            read(&[("OTEL_SERVICE_NAME", "hooks")]).service_name(),
            "hooks"
        );
    }

    #[test]
    fn traces_are_exported_only_when_a_collector_is_named() {
        let general = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://one:4317");
        let own = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://two:4317");
        type Case<'a> = (&'a [(&'a str, &'a str)], Option<&'a str>);
        let cases: [Case<'_>; 7] = [
            (&[], None),
            (&[general], Some("http://one:4317")),
            (&[general, own], Some("http://two:4317")),
            (&[general, ("OTEL_SDK_DISABLED", "TRUE")], None),
            (
                &[general, ("OTEL_SDK_DISABLED", "no")],
                Some("http://one:4317"),
            ),
            (&[general, ("OTEL_TRACES_EXPORTER", "none")], None),
            (&[("OTEL_EXPORTER_OTLP_ENDPOINT", "/not a url")], None),
        ];
        for (pairs, endpoint) in cases {
            assert_eq!(read(pairs).traces_endpoint(), endpoint, "{pairs:?}");
        }
    }

    #[test]
    fn samplers_have_the_names_of_the_specification() {
        let cases = [
            ("", "", "ParentBased(AlwaysOn)"),
            ("always_on", "", "AlwaysOn"),
            ("always_off", "", "AlwaysOff"),
            ("traceidratio", "0.25", "TraceIdRatioBased(0.25)"),
            ("parentbased_always_on", "", "ParentBased(AlwaysOn)"),
            ("parentbased_always_off", "", "ParentBased(AlwaysOff)"),
            (
                "parentbased_traceidratio",
                "0.5",
                "ParentBased(TraceIdRatioBased(0.5))",
            ),
        ];
        for (name, argument, sampler) in cases {
            let settings = read(&[
                ("OTEL_TRACES_SAMPLER", name),
                ("OTEL_TRACES_SAMPLER_ARG", argument),
            ]);
            assert_eq!(format!("{:?}", settings.sampler()), sampler, "{name}");
            assert!(settings.warnings().is_empty(), "{name}");
        }
    }

    #[test]
    fn standard_settings_that_are_not_understood_are_warned_of_and_ignored() {
        let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://one:4317");
        let cases: [&[(&str, &str)]; 5] = [
            &[("OTEL_TRACES_SAMPLER", "xray")],
            &[("OTEL_TRACES_SAMPLER", "traceidratio")],
            &[
                ("OTEL_TRACES_SAMPLER", "traceidratio"),
                ("OTEL_TRACES_SAMPLER_ARG", "2"),
            ],
            &[endpoint, ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")],
            &[("OTEL_EXPORTER_OTLP_ENDPOINT", "/not a url")],
        ];
        for pairs in cases {
            assert_eq!(read(pairs).warnings().len(), 1, "{pairs:?}");
        }
    }

    #[test]
    fn our_own_settings_are_refused_when_they_are_wrong() {
        let cases = [
            ("POSTHORN_LOG", "loud=very"),
            ("POSTHORN_LOG_FORMAT", "xml"),
        ];
        for (key, value) in cases {
            let mut env = Env::from_pairs([(key, value)]);
            Settings::from_env("sender", &mut env);
            assert!(env.finish().unwrap_err().to_string().starts_with(key));
        }
    }

    #[test]
    fn a_person_gets_pretty_lines_and_a_machine_gets_json() {
        assert_eq!(
            default_format(true, false),
            LogFormat::Pretty { colours: true }
        );
        assert_eq!(
            default_format(true, true),
            LogFormat::Pretty { colours: false }
        );
        assert_eq!(default_format(false, false), LogFormat::Json);
        assert_eq!(
            read(&[("POSTHORN_LOG_FORMAT", "json")]).log_format(),
            LogFormat::Json
        );
    }
}
