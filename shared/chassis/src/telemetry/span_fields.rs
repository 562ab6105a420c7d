//! The fields of a span, kept for the lines that may be logged inside it.
//!
//! Most spans of a fleet that is well log nothing, so keeping fields is cheap: all texts share one
//! buffer, and become values of their own only for a line.

use std::fmt::{self, Write};
use std::ops::Range;

use serde_json::Value;
use tracing::field::{Field, Visit};

use super::log_layer::{Fields, STEERING};
use crate::error_chain::chain;

/// Bytes of text that a span has, about: a few ids.
const TEXT_BYTES: usize = 192;

/// The fields of a span, each name once.
#[derive(Debug)]
pub(super) struct SpanFields {
    text: String,
    entries: Vec<(&'static str, Kept)>,
}

#[derive(Debug)]
enum Kept {
    /// A part of the text.
    Text(Range<usize>),
    /// A number or a truth.
    Plain(Value),
}

impl SpanFields {
    /// None yet, with room for so many.
    pub(super) fn new(room: usize) -> Self {
        Self {
            text: String::with_capacity(TEXT_BYTES),
            entries: Vec::with_capacity(room),
        }
    }

    /// Adds these fields to those of an event or of inner spans; where both have one, the inner one is
    /// nearer the truth.
    pub(super) fn add_missing_to(&self, fields: &mut Fields) {
        for (name, kept) in &self.entries {
            if !fields.0.iter().any(|(known, _)| known == name) {
                let value = match kept {
                    Kept::Text(range) => Value::from(&self.text[range.clone()]),
                    Kept::Plain(value) => value.clone(),
                };
                fields.0.push((name, value));
            }
        }
    }

    /// Sets a field; the last value counts. A text that it replaces stays in the buffer, which ends with
    /// the span: ours belong to one message or request and set a field twice at most.
    fn set(&mut self, name: &'static str, value: Kept) {
        match self.entries.iter_mut().find(|(known, _)| *known == name) {
            Some((_, old)) => *old = value,
            None => self.entries.push((name, value)),
        }
    }

    fn set_text(&mut self, field: &Field, value: fmt::Arguments<'_>) {
        let name = field.name();
        if !name.starts_with(STEERING) {
            let start = self.text.len();
            // A string takes everything; a value that fails to show itself is cut.
            self.text.write_fmt(value).ok();
            self.set(name, Kept::Text(start..self.text.len()));
        }
    }

    fn set_plain(&mut self, field: &Field, value: impl Into<Value>) {
        let name = field.name();
        if !name.starts_with(STEERING) {
            self.set(name, Kept::Plain(value.into()));
        }
    }
}

impl Visit for SpanFields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.set_text(field, format_args!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.set_text(field, format_args!("{value}"));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.set_plain(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.set_plain(field, value);
    }

    /// Durations in milliseconds come as `u128`; a number must not become a text for that.
    fn record_u128(&mut self, field: &Field, value: u128) {
        match u64::try_from(value) {
            Ok(value) => self.set_plain(field, value),
            Err(_too_large) => self.set_text(field, format_args!("{value}")),
        }
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.set_plain(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.set_plain(field, value);
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        self.set_text(field, format_args!("{}", chain(value)));
    }
}
