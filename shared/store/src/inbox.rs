//! Inboxes: receivers for tests, and what arrived at them.
//!
//! Anybody who has an inbox's address can write here; what it may take is bounded in the statements
//! that write.

use std::time::Duration;

use posthorn_event_schema::{ApplicationId, EndpointId, InboxId, OrganizationId, Timestamp};
use tokio_postgres::Row;

use crate::listing::{Listing, Order};
use crate::token::Digest;
use crate::{Page, Position, Slice, Store, StoreError, column};

/// How an inbox answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InboxAnswer {
    /// The status.
    pub status: u16,
    /// How long it waits before that.
    pub delay_ms: u16,
    /// So many requests get 500 first.
    pub fail_first: u16,
}

/// An inbox as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboxRow {
    /// Its id.
    pub id: InboxId,
    /// The application's owner.
    pub organization: OrganizationId,
    /// Whose it is.
    pub application: ApplicationId,
    /// Whose signatures are expected.
    pub endpoint: Option<EndpointId>,
    /// What people call it.
    pub name: String,
    /// The secret part of its address, sealed.
    pub sealed_token: Vec<u8>,
    /// How it answers.
    pub answer: InboxAnswer,
    /// Requests since it was made or last emptied.
    pub received: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// An inbox to create.
#[derive(Debug, Clone)]
pub struct NewInbox<'a> {
    /// Its id.
    pub id: &'a InboxId,
    /// The application's owner.
    pub organization: &'a OrganizationId,
    /// Whose it is.
    pub application: &'a ApplicationId,
    /// Whose signatures are expected.
    pub endpoint: Option<&'a EndpointId>,
    /// What people call it.
    pub name: &'a str,
    /// What is stored of the secret part of its address.
    pub token: &'a Digest,
    /// That part, sealed.
    pub sealed_token: &'a [u8],
    /// How it answers.
    pub answer: InboxAnswer,
    /// How long it lives.
    pub lasts: Duration,
}

/// What to change in an inbox; `None` = as it is.
#[derive(Debug, Clone, Default)]
pub struct InboxChange<'a> {
    /// What people call it.
    pub name: Option<&'a str>,
    /// Whose signatures are expected.
    pub endpoint: Option<Option<&'a EndpointId>>,
    /// How it answers; its count of requests begins anew.
    pub answer: Option<InboxAnswer>,
}

/// Most that is kept.
#[derive(Debug, Clone, Copy)]
pub struct InboxLimits {
    /// Inboxes of an application.
    pub of_application: u16,
    /// Inboxes of an organisation.
    pub of_organization: u16,
    /// Requests of an inbox; the oldest go.
    pub requests: u16,
    /// Bytes of the requests of an inbox; the oldest go.
    pub bytes: u32,
}

/// A request that arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboxRequest {
    /// Counts up.
    pub id: i64,
    /// When.
    pub received_at: Timestamp,
    /// Its method.
    pub method: String,
    /// Its path.
    pub path: String,
    /// Its query.
    pub query: Option<String>,
    /// Its headers.
    pub headers: Vec<(String, String)>,
    /// Its body, or the beginning of it.
    pub body: Vec<u8>,
    /// The body went on.
    pub truncated: bool,
    /// The status that it was answered.
    pub answered: u16,
}

/// A request to keep.
#[derive(Debug, Clone)]
pub struct NewInboxRequest<'a> {
    /// Its method.
    pub method: &'a str,
    /// Its path.
    pub path: &'a str,
    /// Its query.
    pub query: Option<&'a str>,
    /// Its headers.
    pub headers: &'a [(String, String)],
    /// Its body, or the beginning of it.
    pub body: &'a [u8],
    /// The body went on.
    pub truncated: bool,
}

/// How a request that was kept is to be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answered {
    /// The status.
    pub status: u16,
    /// How long to wait before that.
    pub delay: Duration,
}

const COLUMNS: &str = "id, organization_id, application_id, endpoint_id, name, sealed_token, \
    status, delay_ms, fail_first, received, created_at, expires_at";
const LIVE: &str = "expires_at > clock_timestamp()";

/// `$1` digest; the rest is the request.
const RECEIVE: &str = "
    WITH inbox AS (
        UPDATE inboxes SET received = received + 1
        WHERE token_digest = $1 AND expires_at > clock_timestamp()
        RETURNING id, delay_ms,
            CASE WHEN received <= fail_first THEN 500 ELSE status END AS answered)
    INSERT INTO inbox_requests (inbox_id, received_at, method, path, query, headers, body, truncated,
        answered)
    SELECT id, clock_timestamp(), $2, $3, $4, $5, $6, $7, answered FROM inbox
    RETURNING inbox_id, answered, (SELECT delay_ms FROM inbox) AS delay_ms";

/// Lets go of what is too much: `$1` inbox, `$2` requests, `$3` bytes.
const TRIM: &str = "
    DELETE FROM inbox_requests WHERE id IN (
        SELECT id FROM (
            SELECT id, row_number() OVER newest AS place,
                   sum(octet_length(body) + octet_length(headers)) OVER newest AS bytes
            FROM inbox_requests WHERE inbox_id = $1
            WINDOW newest AS (ORDER BY id DESC)) AS counted
        WHERE place > $2 OR (bytes > $3 AND place > 1))";

impl Store {
    /// Creates an inbox, as long as there are fewer than the limits.
    ///
    /// # Errors
    /// When PostgreSQL does not answer.
    pub async fn create_inbox(
        &self,
        new: &NewInbox<'_>,
        limits: &InboxLimits,
    ) -> Result<Option<InboxRow>, StoreError> {
        let sql = format!(
            "INSERT INTO inboxes AS i (id, organization_id, application_id, endpoint_id, name, \
                 token_digest, sealed_token, status, delay_ms, fail_first, created_at, expires_at) \
             SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, clock_timestamp(), \
                 clock_timestamp() + $11 * interval '1 s' \
             WHERE (SELECT count(*) FROM inboxes \
                    WHERE application_id = $3 AND {LIVE} AND id <> $1) < $12::bigint \
               AND (SELECT count(*) FROM inboxes \
                    WHERE organization_id = $2 AND {LIVE} AND id <> $1) < $13::bigint \
             ON CONFLICT (id) DO UPDATE SET token_digest = excluded.token_digest, \
                 sealed_token = excluded.sealed_token \
                 WHERE i.application_id = excluded.application_id \
             RETURNING {COLUMNS}"
        );
        let params: crate::pool::Params<'_> = &[
            &new.id.as_str(),
            &new.organization.as_str(),
            &new.application.as_str(),
            &new.endpoint.map(EndpointId::as_str),
            &new.name,
            &new.token.as_slice(),
            &new.sealed_token,
            &i32::from(new.answer.status),
            &i32::from(new.answer.delay_ms),
            &i32::from(new.answer.fail_first),
            &new.lasts.as_secs_f64(),
            &i64::from(limits.of_application),
            &i64::from(limits.of_organization),
        ];
        let row = self.client().await?.query_opt(&sql, params).await?;
        row.as_ref().map(read).transpose()
    }

    /// Finds an application's inbox.
    ///
    /// # Errors
    /// When PostgreSQL does not answer.
    pub async fn inbox(
        &self,
        application: &ApplicationId,
        id: &InboxId,
    ) -> Result<Option<InboxRow>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM inboxes WHERE application_id = $1 AND id = $2 AND {LIVE}"
        );
        let params: crate::pool::Params<'_> = &[&application.as_str(), &id.as_str()];
        let row = self.client().await?.query_opt(&sql, params).await?;
        row.as_ref().map(read).transpose()
    }

    /// Lists an application's inboxes, newest first.
    ///
    /// # Errors
    /// When PostgreSQL does not answer.
    pub async fn list_inboxes(
        &self,
        application: &ApplicationId,
        page: &Page<InboxId>,
    ) -> Result<Slice<InboxRow>, StoreError> {
        let select = format!("SELECT {COLUMNS} FROM inboxes WHERE application_id = $1 AND {LIVE}");
        let listing = Listing {
            select: &select,
            key: "id",
            scope: application.as_str(),
            filters: &[],
        };
        let mut client = self.client().await?;
        listing
            .fetch(&mut client, Order::Descending, page, InboxId::as_str, read)
            .await
    }

    /// Changes an inbox.
    ///
    /// # Errors
    /// When PostgreSQL does not answer.
    pub async fn update_inbox(
        &self,
        application: &ApplicationId,
        id: &InboxId,
        change: &InboxChange<'_>,
    ) -> Result<Option<InboxRow>, StoreError> {
        let sql = format!(
            "UPDATE inboxes SET name = COALESCE($3, name), \
                 endpoint_id = CASE WHEN $4 THEN $5 ELSE endpoint_id END, \
                 status = COALESCE($6, status), delay_ms = COALESCE($7, delay_ms), \
                 fail_first = COALESCE($8, fail_first), \
                 received = CASE WHEN $6 IS NULL THEN received ELSE 0 END \
             WHERE application_id = $1 AND id = $2 AND {LIVE} RETURNING {COLUMNS}"
        );
        let answer = change.answer;
        let params: crate::pool::Params<'_> = &[
            &application.as_str(),
            &id.as_str(),
            &change.name,
            &change.endpoint.is_some(),
            &change.endpoint.flatten().map(EndpointId::as_str),
            &answer.map(|answer| i32::from(answer.status)),
            &answer.map(|answer| i32::from(answer.delay_ms)),
            &answer.map(|answer| i32::from(answer.fail_first)),
        ];
        let row = self.client().await?.query_opt(&sql, params).await?;
        row.as_ref().map(read).transpose()
    }

    /// Deletes an inbox with what arrived; says whether there was one.
    ///
    /// # Errors
    /// When PostgreSQL does not answer.
    pub async fn delete_inbox(
        &self,
        application: &ApplicationId,
        id: &InboxId,
    ) -> Result<bool, StoreError> {
        let sql = "DELETE FROM inboxes WHERE application_id = $1 AND id = $2";
        let params: crate::pool::Params<'_> = &[&application.as_str(), &id.as_str()];
        Ok(self.client().await?.execute(sql, params).await? > 0)
    }

    /// Keeps a request at the inbox with this address, and lets go of its oldest ones; `None` when there
    /// is no such inbox.
    ///
    /// # Errors
    /// When PostgreSQL does not answer.
    pub async fn receive(
        &self,
        token: &Digest,
        request: &NewInboxRequest<'_>,
        limits: &InboxLimits,
    ) -> Result<Option<Answered>, StoreError> {
        let headers = serde_json::to_string(request.headers)
            .map_err(|_never| StoreError::Corrupt { column: "headers" })?;
        let params: crate::pool::Params<'_> = &[
            &token.as_slice(),
            &request.method,
            &column::clean(request.path),
            &request.query.map(column::clean),
            &headers,
            &request.body,
            &request.truncated,
        ];
        let mut client = self.client().await?;
        let Some(row) = client.query_opt(RECEIVE, params).await? else {
            return Ok(None);
        };
        let inbox: &str = column::get(&row, "inbox_id")?;
        let most: crate::pool::Params<'_> = &[
            &inbox,
            &i64::from(limits.requests),
            &i64::from(limits.bytes),
        ];
        client.execute(TRIM, most).await?;
        let delay: i32 = column::get(&row, "delay_ms")?;
        Ok(Some(Answered {
            status: column::number(&row, "answered")?,
            delay: Duration::from_millis(u64::try_from(delay).unwrap_or_default()),
        }))
    }

    /// Lists what arrived at an inbox, newest first.
    ///
    /// # Errors
    /// When PostgreSQL does not answer.
    pub async fn inbox_requests(
        &self,
        inbox: &InboxId,
        page: &Page<i64>,
    ) -> Result<Slice<InboxRequest>, StoreError> {
        let (from, backwards) = match &page.position {
            Position::Start => (None, false),
            Position::Following(id) => (Some(*id), false),
            Position::Preceding(id) => (Some(*id), true),
        };
        let (beyond, order) = if backwards {
            (">", "ASC")
        } else {
            ("<", "DESC")
        };
        let sql = format!(
            "SELECT id, received_at, method, path, query, headers, body, truncated, answered \
             FROM inbox_requests WHERE inbox_id = $1 AND ($2::bigint IS NULL OR id {beyond} $2) \
             ORDER BY id {order} LIMIT $3"
        );
        let params: crate::pool::Params<'_> = &[&inbox.as_str(), &from, &page.rows_to_read()];
        let rows = self.client().await?.query(&sql, params).await?;
        let requests = rows.iter().map(read_request).collect::<Result<_, _>>()?;
        Ok(Slice::cut(requests, page.limit, backwards))
    }

    /// Lets go of all that arrived at an inbox.
    ///
    /// # Errors
    /// When PostgreSQL does not answer.
    pub async fn empty_inbox(&self, inbox: &InboxId) -> Result<(), StoreError> {
        let sql = "WITH emptied AS (UPDATE inboxes SET received = 0 WHERE id = $1) \
                   DELETE FROM inbox_requests WHERE inbox_id = $1";
        self.client()
            .await?
            .execute(sql, &[&inbox.as_str()])
            .await?;
        Ok(())
    }

    /// The live endpoints of an application that have this URL.
    ///
    /// # Errors
    /// When PostgreSQL does not answer.
    pub async fn endpoints_with_url(
        &self,
        application: &ApplicationId,
        url: &str,
        limit: u16,
    ) -> Result<Vec<EndpointId>, StoreError> {
        let sql = "SELECT id FROM endpoints WHERE application_id = $1 AND NOT deleted \
                   AND url = $2 ORDER BY id LIMIT $3";
        let params: crate::pool::Params<'_> = &[&application.as_str(), &url, &i64::from(limit)];
        let rows = self.client().await?.query(sql, params).await?;
        let id = |row: &Row| column::parsed(row, "id", EndpointId::parse);
        rows.iter().map(id).collect()
    }

    /// Deletes inboxes that have ended, with what arrived.
    ///
    /// # Errors
    /// When PostgreSQL does not answer.
    pub async fn delete_ended_inboxes(&self) -> Result<u64, StoreError> {
        let sql = "DELETE FROM inboxes WHERE expires_at <= clock_timestamp()";
        self.client().await?.execute(sql, &[]).await
    }
}

fn read(row: &Row) -> Result<InboxRow, StoreError> {
    Ok(InboxRow {
        id: column::parsed(row, "id", InboxId::parse)?,
        organization: column::parsed(row, "organization_id", OrganizationId::parse)?,
        application: column::parsed(row, "application_id", ApplicationId::parse)?,
        endpoint: column::parsed_option(row, "endpoint_id", EndpointId::parse)?,
        name: column::get(row, "name")?,
        sealed_token: column::get(row, "sealed_token")?,
        answer: InboxAnswer {
            status: column::number(row, "status")?,
            delay_ms: column::number(row, "delay_ms")?,
            fail_first: column::number(row, "fail_first")?,
        },
        received: column::get(row, "received")?,
        created_at: column::moment(row, "created_at")?,
        expires_at: column::moment(row, "expires_at")?,
    })
}

fn read_request(row: &Row) -> Result<InboxRequest, StoreError> {
    let headers: &str = column::get(row, "headers")?;
    let headers = serde_json::from_str(headers);
    Ok(InboxRequest {
        id: column::get(row, "id")?,
        received_at: column::moment(row, "received_at")?,
        method: column::get(row, "method")?,
        path: column::get(row, "path")?,
        query: column::get(row, "query")?,
        headers: headers.map_err(|_shape| StoreError::Corrupt { column: "headers" })?,
        body: column::get(row, "body")?,
        truncated: column::get(row, "truncated")?,
        answered: column::number(row, "answered")?,
    })
}
