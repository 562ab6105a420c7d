//! One object: the target is told of it, and what became of it is noted.

use std::sync::PoisonError;

use anyhow::anyhow;
use reqwest::Method;
use serde::Deserialize;
use serde_json::Value;

use super::remote::{Ask, Broken, Reply};
use super::report::{Entry, Kind, Outcome};
use super::source::{self, Headers};
use super::translate::{self, Coming, Lack};
use super::walk::Walk;
use crate::output;

/// An object on its way.
pub(super) struct Object<'a> {
    pub(super) kind: Kind,
    pub(super) name: &'a str,
    pub(super) application: Option<&'a str>,
}

/// The target's answer.
#[derive(Deserialize)]
struct ImportOut {
    outcome: Outcome,
    changed: Vec<String>,
    kept: Vec<String>,
}

impl Walk {
    /// An object that one of the servers fails at is left out; the others go on.
    pub(super) fn forgive(
        &self,
        object: &Object<'_>,
        ended: anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let Err(error) = ended else {
            return Ok(());
        };
        let broken = error.downcast::<Broken>()?;
        self.refuse(object, &broken.to_string());
        Ok(())
    }

    /// Takes back what the source does not show and somebody has set at the target already: the
    /// same key pair, or a header of that name.
    pub(super) async fn mend(
        &self,
        application: &str,
        endpoint: &str,
        secret: &str,
        coming: &mut Coming,
    ) -> anyhow::Result<()> {
        if coming.lacks.is_empty() {
            return Ok(());
        }
        let found = source::confidential(&self.target, application, endpoint).await?;
        let Some((key, Headers { headers, sensitive })) = found else {
            return Ok(());
        };
        let same_pair = translate::is_public_key(secret) && key == secret;
        let is_set = |lack: &Lack| {
            let mut names = headers.keys().chain(&sensitive);
            names.any(|name| {
                lack.part
                    .eq_ignore_ascii_case(&translate::header_part(name))
            })
        };
        coming
            .lacks
            .retain(|lack| !(is_set(lack) || (lack.part == "secret" && same_pair)));
        Ok(())
    }

    /// Tells the target of an object, once more with less when it refuses parts that are not
    /// needed. Returns whether the object is there now.
    pub(super) async fn bring(
        &self,
        object: &Object<'_>,
        path: &[&str],
        mut coming: Coming,
    ) -> anyhow::Result<bool> {
        let mut reply = self.put(path, &coming.body).await?;
        if reply.status == 422
            && let Ok(refusal) = reply.json::<Value>()
            && let Some(less) = translate::without_refused(coming.clone(), &refusal)
        {
            coming = less;
            reply = self.put(path, &coming.body).await?;
        }
        match reply.status {
            409 | 413 | 422 | 400 => {
                let why = self.target.words(&reply);
                self.refuse(object, &why);
                return Ok(false);
            }
            404 if !reply.is_api_error() => {
                return Err(anyhow!("it answered 404 for {}", path.join("/"))
                    .context("the target cannot import: it is no Posthorn, or an older one"));
            }
            404 => {
                self.refuse(
                    object,
                    "its application was deleted at the target meanwhile",
                );
                return Ok(false);
            }
            _ => {}
        }
        let out: ImportOut = self.target.parsed(&reply, path)?;
        self.add(Entry {
            changed: out.changed,
            kept: out.kept,
            ..entry(object, out.outcome, coming.lacks)
        });
        Ok(true)
    }

    async fn put(&self, path: &[&str], body: &Value) -> anyhow::Result<Reply> {
        let ask = Ask {
            method: &Method::PUT,
            query: &self.query,
            body: Some(body),
            path,
        };
        self.target.call(ask).await
    }

    pub(super) fn refuse(&self, object: &Object<'_>, why: &str) {
        let whole = Lack::new("the whole object", why);
        self.tell(object, Outcome::LeftOut, vec![whole]);
    }

    pub(super) fn tell(&self, object: &Object<'_>, outcome: Outcome, lacks: Vec<Lack>) {
        self.add(entry(object, outcome, lacks));
    }

    fn add(&self, entry: Entry) {
        output::note(entry.to_string());
        let report = self.report.lock();
        report.unwrap_or_else(PoisonError::into_inner).add(entry);
    }
}

fn entry(object: &Object<'_>, outcome: Outcome, left_out: Vec<Lack>) -> Entry {
    Entry {
        kind: object.kind,
        name: object.name.to_owned(),
        application: object.application.map(str::to_owned),
        outcome,
        changed: Vec::new(),
        kept: Vec::new(),
        left_out,
    }
}
