//! Why an event went to an endpoint, or did not: each endpoint that has to do with it.

use posthorn_event_schema::{EndpointId, Timestamp, Verdict};
use tokio_postgres::Row;

use super::deliveries::{self, StoredDelivery};
use super::events::EventPlace;
use super::fanouts;
use super::window::direction;
use crate::column::parsed;
use crate::{Page, Position, Slice, Store, StoreError};

/// An endpoint as an event saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventEndpoint {
    /// Itself.
    pub endpoint: EndpointId,
    /// What fan-out decided about it and when, if history has it.
    pub decision: Option<(Verdict, Timestamp)>,
    /// The delivery that says most, if there is one: the scheduled one or a replay.
    pub delivery: Option<StoredDelivery>,
}

/// Which endpoints that an event has to do with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Concerned {
    /// Those that the application has now, that were decided about, or that have a delivery.
    All,
    /// Those that have a delivery.
    Receivers,
    /// All others.
    Others,
}

/// `$1` application, `$2` event, `$3` and `$4` its days.
const OF_EVENT: &str = "WHERE d.application_id = $1 AND d.id >= $2 || '.' AND d.id < $2 || '/' \
                        AND d.day BETWEEN $3 AND $4";

impl Store {
    /// Lists endpoints that an event has to do with, by id.
    ///
    /// # Errors
    /// When PostgreSQL does not answer.
    pub async fn endpoints_of_event(
        &self,
        place: &EventPlace,
        which: Concerned,
        page: &Page<EndpointId>,
    ) -> Result<Slice<EventEndpoint>, StoreError> {
        let ids = self.ids_around(place, which, page).await?;
        let names: Vec<&str> = ids.items.iter().map(EndpointId::as_str).collect();
        let params: crate::pool::Params<'_> = &[
            &place.application.as_str(),
            &place.event.as_str(),
            &place.days.first,
            &place.days.last,
            &names,
        ];
        let mut client = self.client().await?;
        let decided = client
            .query(&fanouts::decisions_of("= ANY($5)"), params)
            .await?;
        let decided: Vec<_> = decided
            .iter()
            .map(fanouts::read)
            .collect::<Result<_, _>>()?;
        let sql = format!(
            "SELECT DISTINCT ON (d.endpoint_id) {} FROM deliveries d {OF_EVENT} \
             AND d.endpoint_id = ANY($5) ORDER BY d.endpoint_id, {} DESC, d.id DESC",
            deliveries::COLUMNS,
            deliveries::rank("d")
        );
        let rows = client.query(&sql, params).await?;
        let mut delivered: Vec<_> = rows
            .iter()
            .map(deliveries::read)
            .collect::<Result<_, StoreError>>()?;
        let items = ids.items.into_iter().map(|endpoint| {
            let decision = decided
                .iter()
                .find(|decision| decision.endpoint == endpoint);
            let found = delivered.iter().position(|d| d.endpoint == endpoint);
            EventEndpoint {
                decision: decision.map(|decision| (decision.verdict, decision.decided_at)),
                delivery: found.map(|index| delivered.swap_remove(index)),
                endpoint,
            }
        });
        Ok(Slice {
            items: items.collect(),
            done: ids.done,
        })
    }

    async fn ids_around(
        &self,
        place: &EventPlace,
        which: Concerned,
        page: &Page<EndpointId>,
    ) -> Result<Slice<EndpointId>, StoreError> {
        let (from, backwards) = match &page.position {
            Position::Start => (None, false),
            Position::Following(endpoint) => (Some(endpoint.as_str()), false),
            Position::Preceding(endpoint) => (Some(endpoint.as_str()), true),
        };
        let (beyond, order) = direction(!backwards);
        let sql = format!(
            "SELECT id FROM ({}) AS known (id) \
             WHERE $5::text IS NULL OR id {beyond} $5 ORDER BY id {order} LIMIT $6",
            ids_of(which)
        );
        let params: crate::pool::Params<'_> = &[
            &place.application.as_str(),
            &place.event.as_str(),
            &place.days.first,
            &place.days.last,
            &from,
            &page.rows_to_read(),
        ];
        let rows = self.client().await?.query(&sql, params).await?;
        let id = |row: &Row| parsed(row, "id", EndpointId::parse);
        let ids = rows.iter().map(id).collect::<Result<_, _>>()?;
        Ok(Slice::cut(ids, page.limit, backwards))
    }
}

/// The ids of endpoints, each once.
fn ids_of(which: Concerned) -> String {
    let receivers = format!("SELECT d.endpoint_id FROM deliveries d {OF_EVENT}");
    let known = format!(
        "SELECT id FROM endpoints WHERE application_id = $1 AND NOT deleted \
         UNION SELECT endpoint_id FROM ({}) AS left_out",
        fanouts::LEFT_OUT
    );
    match which {
        Concerned::All => format!("{known} UNION {receivers}"),
        Concerned::Receivers => format!("{receivers} GROUP BY d.endpoint_id"),
        Concerned::Others => format!("({known}) EXCEPT {receivers}"),
    }
}
