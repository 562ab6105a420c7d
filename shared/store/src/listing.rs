//! Configuration objects listed by key, a page at a time.
//!
//! A page lies after or before a key, so objects that come or go meanwhile neither repeat nor hide
//! others.

use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use crate::pool::Client;
use crate::{Page, Position, Slice, StoreError};

/// The order of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Smallest key first.
    Ascending,
    /// Largest key first.
    Descending,
}

/// The query behind a list.
///
/// Its texts are this crate's own, never input.
pub(crate) struct Listing<'a> {
    /// Ends in a `WHERE` clause, with `$1` for the scope and `$4` and up for the filters.
    pub(crate) select: &'a str,
    /// The column to page by.
    pub(crate) key: &'static str,
    /// Whose objects.
    pub(crate) scope: &'a str,
    /// What the `WHERE` clause needs beyond the scope.
    pub(crate) filters: &'a [&'a (dyn ToSql + Sync)],
}

impl Listing<'_> {
    /// Reads a page; `text` turns an item of the page's position into the key's text.
    pub(crate) async fn fetch<I, T>(
        &self,
        client: &mut Client,
        order: Order,
        page: &Page<I>,
        text: impl Fn(&I) -> &str,
        read: impl Fn(&Row) -> Result<T, StoreError>,
    ) -> Result<Slice<T>, StoreError> {
        let (from, backwards) = match &page.position {
            Position::Start => (None, false),
            Position::Following(item) => (Some(text(item)), false),
            Position::Preceding(item) => (Some(text(item)), true),
        };
        let ascending = (order == Order::Ascending) != backwards;
        let (beyond, direction) = if ascending {
            (">", "ASC")
        } else {
            ("<", "DESC")
        };
        let (select, key) = (self.select, self.key);
        let sql = format!(
            "{select} AND ($2::text IS NULL OR {key} {beyond} $2) \
             ORDER BY {key} {direction} LIMIT $3"
        );
        let rows_to_read = page.rows_to_read();
        let mut parameters: Vec<&(dyn ToSql + Sync)> = vec![&self.scope, &from, &rows_to_read];
        parameters.extend(self.filters);
        let rows = client.query(&sql, &parameters).await?;
        let items = rows.iter().map(read).collect::<Result<_, _>>()?;
        Ok(Slice::cut(items, page.limit, backwards))
    }
}
