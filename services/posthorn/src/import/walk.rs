//! The order of everything: event types, then applications, and with each of them its endpoints.
//!
//! Nothing is held but a page of each list that is being read. An object is read whole before the
//! target is told of it, in one request, so a stop in between leaves whole objects.

use std::sync::{Mutex, PoisonError};

use anyhow::bail;
use futures::{StreamExt, stream};
use posthorn_chassis::Shutdown;

use super::SvixArgs;
use super::bring::Object;
use super::extras::Extras;
use super::remote::Remote;
use super::report::{Kind, Outcome, Report};
use super::settings::ImportSettings;
use super::source::{self, Application, Endpoint, EventType, Pages};
use super::translate;

/// An import under way.
pub(super) struct Walk {
    pub(super) source: Remote,
    pub(super) target: Remote,
    extras: Extras,
    /// What the target is asked with each object.
    pub(super) query: Vec<(&'static str, &'static str)>,
    places: usize,
    stop: Shutdown,
    pub(super) report: Mutex<Report>,
    /// The first thing that went wrong.
    failure: Mutex<Option<anyhow::Error>>,
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
        let ended = self.bring_event_type(&object, source).await;
        self.forgive(&object, ended)
    }

    async fn bring_event_type(
        &self,
        object: &Object<'_>,
        source: &EventType,
    ) -> anyhow::Result<()> {
        let mut coming = match translate::event_type(source) {
            Ok(coming) => coming,
            Err(why) => {
                self.refuse(object, &why);
                return Ok(());
            }
        };
        let extras = self.extras.of_event_type(&self.source, &source.name);
        coming.lacks.extend(extras.await?);
        let path = ["import", "event-type", &source.name];
        self.bring(object, &path, coming).await.map(drop)
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
        let ended = self.bring_endpoint(&object, application, source).await;
        self.forgive(&object, ended)
    }

    async fn bring_endpoint(
        &self,
        object: &Object<'_>,
        application: &str,
        source: &Endpoint,
    ) -> anyhow::Result<()> {
        let confidential = source::confidential(&self.source, application, &source.id).await?;
        let Some((secret, headers)) = confidential else {
            self.refuse(object, "it was deleted at the source meanwhile");
            return Ok(());
        };
        let mut coming = match translate::endpoint(source, &secret, &headers) {
            Ok(coming) => coming,
            Err(why) => {
                self.refuse(object, &why);
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
        self.bring(object, &path, coming).await.map(drop)
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
}
