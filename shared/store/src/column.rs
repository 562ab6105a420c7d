//! Typed values in and out of columns.

use std::borrow::Cow;

use posthorn_event_schema::{Timestamp, Trigger};
use time::OffsetDateTime;
use tokio_postgres::Row;
use tokio_postgres::types::FromSql;

use crate::StoreError;

/// Reads a column as it is.
pub(crate) fn get<'a, T: FromSql<'a>>(row: &'a Row, column: &'static str) -> Result<T, StoreError> {
    row.try_get(column)
        .map_err(|_kind| StoreError::Corrupt { column })
}

/// Reads a text column through the parser of its type.
pub(crate) fn parsed<T, E>(
    row: &Row,
    column: &'static str,
    parse: impl Fn(&str) -> Result<T, E>,
) -> Result<T, StoreError> {
    checked(column, get(row, column)?, parse)
}

/// Reads a text column that may be NULL.
pub(crate) fn parsed_option<T, E>(
    row: &Row,
    column: &'static str,
    parse: impl Fn(&str) -> Result<T, E>,
) -> Result<Option<T>, StoreError> {
    let text: Option<&str> = get(row, column)?;
    text.map(|text| checked(column, text, parse)).transpose()
}

/// Reads a column of texts that may be NULL.
pub(crate) fn parsed_list<T, E>(
    row: &Row,
    column: &'static str,
    parse: impl Fn(&str) -> Result<T, E>,
) -> Result<Option<Vec<T>>, StoreError> {
    let Some(texts) = get::<Option<Vec<&str>>>(row, column)? else {
        return Ok(None);
    };
    let values = texts.into_iter().map(|text| checked(column, text, &parse));
    values.collect::<Result<_, _>>().map(Some)
}

/// Reads a rate, which the table keeps between 1 and 65535.
pub(crate) fn rate(row: &Row, column: &'static str) -> Result<Option<u16>, StoreError> {
    number_option(row, column)
}

/// Reads a number that fits a smaller type than PostgreSQL's.
pub(crate) fn number<T: TryFrom<i32>>(row: &Row, column: &'static str) -> Result<T, StoreError> {
    T::try_from(get(row, column)?).map_err(|_range| StoreError::Corrupt { column })
}

/// Reads a number that may be NULL.
pub(crate) fn number_option<T: TryFrom<i32>>(
    row: &Row,
    column: &'static str,
) -> Result<Option<T>, StoreError> {
    let number: Option<i32> = get(row, column)?;
    let number = number.map(T::try_from).transpose();
    number.map_err(|_range| StoreError::Corrupt { column })
}

/// Reads a moment.
pub(crate) fn moment(row: &Row, column: &'static str) -> Result<Timestamp, StoreError> {
    Ok(get::<OffsetDateTime>(row, column)?.into())
}

/// Reads a moment that may be NULL.
pub(crate) fn moment_option(
    row: &Row,
    column: &'static str,
) -> Result<Option<Timestamp>, StoreError> {
    Ok(get::<Option<OffsetDateTime>>(row, column)?.map(Timestamp::from))
}

/// How a trigger is stored.
pub(crate) fn trigger_code(trigger: Trigger) -> i16 {
    match trigger {
        Trigger::Scheduled => 0,
        Trigger::Manual => 1,
    }
}

/// Reads what asked for an attempt, if that is known.
pub(crate) fn trigger_option(
    row: &Row,
    column: &'static str,
) -> Result<Option<Trigger>, StoreError> {
    match get::<Option<i16>>(row, column)? {
        None => Ok(None),
        Some(0) => Ok(Some(Trigger::Scheduled)),
        Some(1) => Ok(Some(Trigger::Manual)),
        Some(_) => Err(StoreError::Corrupt { column }),
    }
}

/// Makes a text fit for PostgreSQL, whose texts cannot hold U+0000.
pub(crate) fn clean(text: &str) -> Cow<'_, str> {
    if text.contains('\0') {
        Cow::Owned(text.replace('\0', "\u{fffd}"))
    } else {
        Cow::Borrowed(text)
    }
}

fn checked<T, E>(
    column: &'static str,
    text: &str,
    parse: impl Fn(&str) -> Result<T, E>,
) -> Result<T, StoreError> {
    parse(text).map_err(|_rule| StoreError::Corrupt { column })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_null_character_becomes_the_replacement_character() {
        assert_eq!(clean("a\0b\0"), "a\u{fffd}b\u{fffd}");
        assert!(matches!(clean("as it was"), Cow::Borrowed(_)));
    }
}
