//! The order of everything: event types, then applications, and with each of them its endpoints.
//!
//! Nothing is held but a page of each list that is being read. An object is read whole before the
//! target is told of it, in one request, so a stop in between leaves whole objects.

use std::sync::{Mutex, PoisonError};

use anyhow::{anyhow, bail};
use futures::{StreamExt, stream};
use posthorn_chassis::Shutdown;
use reqwest::Method;
use serde::Deserialize;
use serde_json::Value;

use super::SvixArgs;
use super::extras::Extras;
use super::remote::{Ask, Remote};
use super::report::{Entry, Kind, Outcome, Report};
use super::settings::ImportSettings;
use super::source::{self, Application, Endpoint, EventType, Headers, Pages};
use super::translate::{self, Coming, Lack};
use crate::output;

/// An import under way.
pub(super) struct Walk {
    source: Remote,
    target: Remote,
    extras: Extras,
    query: Vec<(&'static str, &'static str)>,
    places: usize,
    stop: Shutdown,
    report: Mutex<Report>,
    /// The first thing that went wrong.
    failure: Mutex<Option<anyhow::Error>>,
}

/// The target's answer.
#[derive(Deserialize)]
struct ImportOut {
    outcome: Outcome,
    changed: Vec<String>,
    kept: Vec<String>,
}

/// An object on its way.
struct Object<'a> {
    kind: Kind,
    name: &'a str,
    application: Option<&'a str>,
}

impl Walk {
    pub(super) fn new(
        settings: &ImportSettings,
        args: &SvixArgs,
        stop: &Shutdown,
    ) -> anyhow::Result<Self> {
        let flags = [("dry_run", args.dry_run), ("overwrite", args.overwrite)];
        let places = args.concurrency;
        Ok(Self {
            source: Remote::new("the source", &settings.from, places, stop)?,
            target: Remote::new("the target", &settings.to, places, stop)?,
            extras: Extras::new(),
            query: flags
                .into_iter()
                .filter_map(|(name, is_set)| is_set.then_some((name, "true")))
                .collect(),
            places: places.into(),
            stop: stop.clone(),
            report: Mutex::default(),
            failure: Mutex::default(),
        })
    }

    /// Imports everything.
    ///
    /// # Errors
    /// The first failure, after the objects in hand have come to their ends; or that it was stopped.
    pub(super) async fn run(&self) -> anyhow::Result<()> {
        self.source.greet().await?;
        self.target.greet().await?;
        let account = self.extras.of_account(&self.source).await?;
        if !account.is_empty() {
            let account_itself = Object {
                kind: Kind::Account,
                name: "settings",
                application: None,
            };
            self.tell(&account_itself, Outcome::LeftOut, account);
        }
        self.guard(self.event_types()).await;
        self.guard(self.applications()).await;
        let failure = self.failure.lock();
        let failure = failure.unwrap_or_else(PoisonError::into_inner).take();
        match failure {
            Some(error) => Err(error),
            None if self.stop.is_requested() => bail!("stopped; run it again to go on"),
            None => Ok(()),
        }
    }

    pub(super) fn into_report(self) -> Report {
        let report = self.report.into_inner();
        report.unwrap_or_else(PoisonError::into_inner)
    }

    async fn event_types(&self) -> anyhow::Result<()> {
        let query = [("include_archived", "true"), ("with_content", "true")];
        let mut pages = Pages::of(&self.source, &["event-type"], &query);
        while let Some(page) = pages.next::<EventType>().await? {
            let each = stream::iter(&page);
            each.for_each_concurrent(self.places, |source| self.guard(self.event_type(source)))
                .await;
            if self.stop.is_requested() {
                break;
            }
        }
        Ok(())
    }

    async fn applications(&self) -> anyhow::Result<()> {
        let query = [("order", "ascending")];
        let mut pages = Pages::of(&self.source, &["app"], &query);
        while let Some(page) = pages.next::<Application>().await? {
            let each = stream::iter(&page);
            each.for_each_concurrent(self.places, |source| self.guard(self.application(source)))
                .await;
            if self.stop.is_requested() {
                break;
            }
        }
        Ok(())
    }

    async fn event_type(&self, source: &EventType) -> anyhow::Result<()> {
        let object = Object {
            kind: Kind::EventType,
            name: &source.name,
            application: None,
        };
        let mut coming = match translate::event_type(source) {
            Ok(coming) => coming,
            Err(why) => {
                self.refuse(&object, &why);
                return Ok(());
            }
        };
        let extras = self.extras.of_event_type(&self.source, &source.name);
        coming.lacks.extend(extras.await?);
        let path = ["import", "event-type", &source.name];
        self.bring(&object, &path, coming).await.map(drop)
    }

    /// An application with all its endpoints. Those of one that cannot come are named as well.
    async fn application(&self, source: &Application) -> anyhow::Result<()> {
        let object = Object {
            kind: Kind::Application,
            name: &source.id,
            application: None,
        };
        let came = match translate::application(source) {
            Ok(mut coming) => {
                let extras = self.extras.of_application(&self.source, &source.id);
                coming.lacks.extend(extras.await?);
                let path = ["import", "app", &source.id];
                self.bring(&object, &path, coming).await?
            }
            Err(why) => {
                self.refuse(&object, &why);
                false
            }
        };
        let (path, query) = (["app", &source.id, "endpoint"], [("order", "ascending")]);
        let mut pages = Pages::of(&self.source, &path, &query);
        while let Some(page) = pages.next::<Endpoint>().await? {
            let each = stream::iter(&page);
            each.for_each_concurrent(self.places, |endpoint| {
                self.guard(self.endpoint(&source.id, endpoint, came))
            })
            .await;
            if self.stop.is_requested() {
                break;
            }
        }
        Ok(())
    }

    async fn endpoint(
        &self,
        application: &str,
        source: &Endpoint,
        application_came: bool,
    ) -> anyhow::Result<()> {
        let object = Object {
            kind: Kind::Endpoint,
            name: &source.id,
            application: Some(application),
        };
        if !application_came {
            self.refuse(&object, "its application is left out");
            return Ok(());
        }
        let confidential = source::confidential(&self.source, application, &source.id).await?;
        let Some((secret, headers)) = confidential else {
            self.refuse(&object, "it was deleted at the source meanwhile");
            return Ok(());
        };
        let mut coming = match translate::endpoint(source, &secret, &headers) {
            Ok(coming) => coming,
            Err(why) => {
                self.refuse(&object, &why);
                return Ok(());
            }
        };
        self.mend(application, &source.id, &secret, &mut coming)
            .await?;
        let extras = self
            .extras
            .of_endpoint(&self.source, application, &source.id);
        coming.lacks.extend(extras.await?);
        let path = ["import", "app", application, "endpoint", &source.id];
        self.bring(&object, &path, coming).await.map(drop)
    }

    /// Takes back what the source does not show and somebody has set at the target already: the
    /// same key pair, or a header of that name.
    async fn mend(
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
    async fn bring(
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

    async fn put(&self, path: &[&str], body: &Value) -> anyhow::Result<super::remote::Reply> {
        let ask = Ask {
            method: &Method::PUT,
            query: &self.query,
            body: Some(body),
            path,
        };
        self.target.call(ask).await
    }

    /// Begins a piece of work unless a stop was asked for; a failure stops everything else.
    async fn guard(&self, work: impl Future<Output = anyhow::Result<()>>) {
        if self.stop.is_requested() {
            return;
        }
        let Err(error) = work.await else {
            return;
        };
        // What fails after a stop fails because of it.
        if !self.stop.is_requested() {
            let failure = self.failure.lock();
            failure
                .unwrap_or_else(PoisonError::into_inner)
                .get_or_insert(error.context("the import ended before its time"));
            self.stop.trigger();
        }
    }

    fn refuse(&self, object: &Object<'_>, why: &str) {
        let whole = Lack::new("the whole object", why);
        self.tell(object, Outcome::LeftOut, vec![whole]);
    }

    fn tell(&self, object: &Object<'_>, outcome: Outcome, lacks: Vec<Lack>) {
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
