//! The layer that logs: collects an event's fields and those of the spans around it.
//!
//! Our own instead of tracing-subscriber's, because a line carries the ids of the OpenTelemetry
//! span and the fields of all its spans side by side, under the names that the traces have.

use std::{fmt, io::Write, sync::OnceLock};

use serde_json::Value;
use time::OffsetDateTime;
use tracing::{
    Event, Subscriber,
    dispatcher::WeakDispatch,
    field::Visit,
    span::{Attributes, Id, Record as SpanRecord},
};
use tracing_subscriber::{Layer, layer::Context, registry::LookupSpan};

use super::{
    log_line::{self, Field, Record},
    settings::{LogFormat, Settings},
    span_context,
    span_fields::SpanFields,
};
use crate::error_chain::chain;

/// Fields with this beginning steer the OpenTelemetry span and say nothing themselves.
pub(super) const STEERING: &str = "otel.";

/// The name under which tracing keeps an event's message.
const MESSAGE: &str = "message";

/// Writes a line for each event.
pub(super) struct LogLayer<W> {
    service: String,
    format: LogFormat,
    write: W,
    /// The subscriber that this layer became part of; it knows the ids of the traces.
    dispatch: OnceLock<WeakDispatch>,
}

impl LogLayer<fn(&str)> {
    /// Logs to stdout: stderr is for what is wrong before there is a log.
    pub(super) fn to_stdout(settings: &Settings) -> Self {
        Self::new(
            settings.service_name(),
            settings.log_format(),
            write_to_stdout,
        )
    }
}

/// A line that cannot be written is lost: there is no better place to say so.
fn write_to_stdout(line: &str) {
    drop(std::io::stdout().lock().write_all(line.as_bytes()));
}

impl<W: Fn(&str)> LogLayer<W> {
    pub(super) fn new(service: &str, format: LogFormat, write: W) -> Self {
        Self {
            service: service.to_owned(),
            format,
            write,
            dispatch: OnceLock::new(),
        }
    }

    fn render(&self, record: &Record<'_>) -> String {
        match self.format {
            LogFormat::Json => log_line::json(record),
            LogFormat::Pretty { colours } => log_line::pretty(record, colours),
        }
    }

    /// The ids of the trace and the span that the event belongs to.
    fn trace_of(&self, span: &Id) -> Option<(String, String)> {
        let dispatch = self.dispatch.get()?.upgrade()?;
        let ids = span_context::context_of(span, &dispatch)?;
        ids.is_valid()
            .then(|| (ids.trace_id().to_string(), ids.span_id().to_string()))
    }
}

impl<S, W> Layer<S> for LogLayer<W>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    W: Fn(&str) + 'static,
{
    fn on_register_dispatch(&self, dispatch: &tracing::Dispatch) {
        // A layer is part of one subscriber, so this is called once.
        self.dispatch.get_or_init(|| dispatch.downgrade());
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if let Some(span) = context.span(id) {
            let mut fields = SpanFields::new(attributes.metadata().fields().len());
            attributes.record(&mut fields);
            span.extensions_mut().insert(fields);
        }
    }

    fn on_record(&self, id: &Id, values: &SpanRecord<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(fields) = span.extensions_mut().get_mut::<SpanFields>()
        {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let message = fields.take_message();
        for span in context.event_scope(event).into_iter().flatten() {
            if let Some(outer) = span.extensions().get::<SpanFields>() {
                outer.add_missing_to(&mut fields);
            }
        }
        let metadata = event.metadata();
        let span = context.event_span(event).map(|span| span.id());
        let line = self.render(&Record {
            at: OffsetDateTime::now_utc(),
            level: *metadata.level(),
            service: &self.service,
            target: metadata.target(),
            message: &message,
            trace: span.and_then(|span| self.trace_of(&span)),
            fields: &fields.0,
        });
        (self.write)(&line);
    }
}

/// The fields of an event, each name once.
#[derive(Debug, Default)]
pub(super) struct Fields(pub(super) Vec<Field>);

impl Fields {
    /// Sets a field; the last value counts.
    fn set(&mut self, name: &'static str, value: Value) {
        if name.starts_with(STEERING) {
            return;
        }
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some((_, old)) => *old = value,
            None => self.0.push((name, value)),
        }
    }

    fn take_message(&mut self) -> String {
        let position = self.0.iter().position(|(name, _)| *name == MESSAGE);
        match position.map(|position| self.0.remove(position).1) {
            Some(Value::String(message)) => message,
            Some(other) => other.to_string(),
            None => String::new(),
        }
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn fmt::Debug) {
        self.set(field.name(), format!("{value:?}").into());
    }

    fn record_str(&mut self, field: &tracing::field::Field, value: &str) {
        self.set(field.name(), value.into());
    }

    fn record_i64(&mut self, field: &tracing::field::Field, value: i64) {
        self.set(field.name(), value.into());
    }

    fn record_u64(&mut self, field: &tracing::field::Field, value: u64) {
        self.set(field.name(), value.into());
    }

    /// Durations in milliseconds come as `u128`; a number must not become a text for that.
    fn record_u128(&mut self, field: &tracing::field::Field, value: u128) {
        match u64::try_from(value) {
            Ok(value) => self.record_u64(field, value),
            Err(_too_large) => self.set(field.name(), value.to_string().into()),
        }
    }

    fn record_f64(&mut self, field: &tracing::field::Field, value: f64) {
        self.set(field.name(), value.into());
    }

    fn record_bool(&mut self, field: &tracing::field::Field, value: bool) {
        self.set(field.name(), value.into());
    }

    fn record_error(
        &mut self,
        field: &tracing::field::Field,
        value: &(dyn std::error::Error + 'static),
    ) {
        self.set(field.name(), chain(value).into());
    }
}
