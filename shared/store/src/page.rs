//! How lists are read page by page.
//!
//! A page is asked for by what it adjoins, so that rows that arrive in between move nothing.
//! One row more than the limit is read, to know whether the list goes on.

/// Which page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<I> {
    /// Items at most.
    pub limit: u16,
    /// Where the page lies.
    pub position: Position<I>,
}

/// Where a page lies in the list's own order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Position<I> {
    /// At the beginning.
    Start,
    /// Right after this item.
    Following(I),
    /// Right before this item, in the list's order all the same.
    Preceding(I),
}

/// A page of a list, in the list's order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slice<T> {
    /// The items.
    pub items: Vec<T>,
    /// Nothing more lies in the direction of travel.
    pub done: bool,
}

impl<I> Page<I> {
    /// The first page.
    #[must_use]
    pub fn first(limit: u16) -> Self {
        Self {
            limit,
            position: Position::Start,
        }
    }

    /// The page of the same size right after an item.
    #[must_use]
    pub fn following(self, item: I) -> Self {
        Self {
            position: Position::Following(item),
            ..self
        }
    }

    /// How many rows to read: one more than asked for.
    pub(crate) fn rows_to_read(&self) -> i64 {
        i64::from(self.limit) + 1
    }
}

impl<T> Slice<T> {
    /// Cuts what was read to the page; `backwards` means it was read against the list's order.
    pub(crate) fn cut(mut rows: Vec<T>, limit: u16, backwards: bool) -> Self {
        let done = rows.len() <= usize::from(limit);
        rows.truncate(usize::from(limit));
        if backwards {
            rows.reverse();
        }
        Self { items: rows, done }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_cut_to_its_limit_and_keeps_the_lists_order() {
        assert_eq!(
            Slice::cut(vec![3, 2, 1], 2, false),
            Slice {
                items: vec![3, 2],
                done: false
            }
        );
        assert_eq!(
            Slice::cut(vec![4, 5, 6], 2, true),
            Slice {
                items: vec![5, 4],
                done: false
            }
        );
        assert_eq!(
            Slice::cut(vec![1], 2, false),
            Slice {
                items: vec![1],
                done: true
            }
        );
    }
}
