//! The fields of a native event as they stand in its JSON text, before their rules are checked.
//!
//! Derived readers are too kind for a door: they also read lists, skip fields that they do not
//! know, and repeat the values that they refuse.

use std::fmt;

use serde::Deserializer as _;
use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::NativeEventError;
use crate::detail::shortened;

/// The fields as they stand in the text; a `null` is there, too.
#[derive(Default)]
pub(crate) struct Fields<'a> {
    pub(crate) event_type: Option<&'a RawValue>,
    pub(crate) data: Option<&'a RawValue>,
    pub(crate) id: Option<&'a RawValue>,
    pub(crate) timestamp: Option<&'a RawValue>,
    pub(crate) expires_at: Option<&'a RawValue>,
    pub(crate) ordering_key: Option<&'a RawValue>,
    /// The first problem with the names of fields.
    problem: Option<NativeEventError>,
}

impl<'a> Fields<'a> {
    /// Reads the fields of a JSON object.
    ///
    /// # Errors
    /// [`NativeEventError::Json`], [`NativeEventError::NotAnObject`], or what is wrong with a
    /// field's name.
    pub(crate) fn read(text: &'a [u8]) -> Result<Self, NativeEventError> {
        let mut reader = serde_json::Deserializer::from_slice(text);
        let read = reader
            .deserialize_map(Fields::default())
            .and_then(|fields| reader.end().map(|()| fields));
        let fields = read.map_err(|error| {
            // What is neither an object nor JSON is refused for the latter.
            let well_formed = serde_json::from_slice::<IgnoredAny>(text);
            match well_formed {
                Ok(_) if error.is_data() => NativeEventError::NotAnObject,
                Ok(_) => NativeEventError::Json(error),
                Err(error) => NativeEventError::Json(error),
            }
        })?;
        match fields.problem {
            Some(problem) => Err(problem),
            None => Ok(fields),
        }
    }

    fn take(&mut self, name: &str, value: &'a RawValue) {
        let (field, name) = match name {
            "type" => (&mut self.event_type, "type"),
            "data" => (&mut self.data, "data"),
            "id" => (&mut self.id, "id"),
            "timestamp" => (&mut self.timestamp, "timestamp"),
            "expires_at" => (&mut self.expires_at, "expires_at"),
            "ordering_key" => (&mut self.ordering_key, "ordering_key"),
            other => {
                let unknown = || NativeEventError::UnknownField(shortened(other));
                self.problem.get_or_insert_with(unknown);
                return;
            }
        };
        if field.replace(value).is_some() {
            self.problem.get_or_insert(NativeEventError::Twice(name));
        }
    }
}

impl<'de> Visitor<'de> for Fields<'de> {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<M: MapAccess<'de>>(mut self, mut map: M) -> Result<Self, M::Error> {
        while let Some(name) = map.next_key::<String>()? {
            self.take(&name, map.next_value()?);
        }
        Ok(self)
    }
}
