//! A page of any list.

use serde::Serialize;
use utoipa::ToSchema;

/// A page of a list.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ListOut<T> {
    /// The items, in the list's order.
    pub data: Vec<T>,
    /// What to ask for to get the page after this one; null when this one is empty.
    pub iterator: Option<String>,
    /// What to ask for to get the page before this one; absent when this one is empty.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prev_iterator: Option<String>,
    /// Nothing more lies in the direction of travel.
    pub done: bool,
}

impl<T> ListOut<T> {
    /// Makes a page; `id` names an item for the iterators.
    pub(crate) fn new(data: Vec<T>, done: bool, id: impl Fn(&T) -> &str) -> Self {
        Self {
            iterator: data.last().map(|last| id(last).to_owned()),
            prev_iterator: data.first().map(|first| format!("-{}", id(first))),
            data,
            done,
        }
    }
}

/// `{}`: what SDKs read where there is nothing to say.
#[derive(Debug, Serialize, ToSchema)]
pub struct EmptyOut {}
