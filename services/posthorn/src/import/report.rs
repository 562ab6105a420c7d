//! What became of each object, for people and for programs.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::translate::Lack;

/// A kind of object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Kind {
    /// What belongs to the whole account.
    Account,
    EventType,
    Application,
    Endpoint,
}

/// What became of an object, or in a dry run would become of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Outcome {
    Created,
    Updated,
    Unchanged,
    LeftOut,
}

const OUTCOMES: [Outcome; 4] = [
    Outcome::Created,
    Outcome::Updated,
    Outcome::Unchanged,
    Outcome::LeftOut,
];

/// An object and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Entry {
    pub(super) kind: Kind,
    /// Its id, or its name.
    pub(super) name: String,
    /// The application that an endpoint belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) application: Option<String>,
    pub(super) outcome: Outcome,
    /// The fields that took the source's value.
    pub(super) changed: Vec<String>,
    /// The fields that stay as they were changed in Posthorn.
    pub(super) kept: Vec<String>,
    /// What of it does not come along; all of it, when it is left out.
    pub(super) left_out: Vec<Lack>,
}

/// What became of all objects. Those of which there is nothing to tell are only counted.
#[derive(Debug, Default)]
pub(super) struct Report {
    counts: BTreeMap<Kind, BTreeMap<Outcome, u64>>,
    told: Vec<Entry>,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Account => "account",
            Self::EventType => "event type",
            Self::Application => "application",
            Self::Endpoint => "endpoint",
        })
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Unchanged => "unchanged",
            Self::LeftOut => "left out",
        })
    }
}

impl Entry {
    /// Whether the object is in Posthorn as the source has it.
    fn is_complete(&self) -> bool {
        self.outcome != Outcome::LeftOut && self.kept.is_empty() && self.left_out.is_empty()
    }
}

/// One line; what does not come along has lines of its own below it.
impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.name)?;
        if let Some(application) = &self.application {
            write!(f, " of {application}")?;
        }
        if self.kind != Kind::Account {
            write!(f, ": {}", self.outcome)?;
        }
        if !self.changed.is_empty() {
            write!(f, " ({})", self.changed.join(", "))?;
        }
        if !self.kept.is_empty() {
            let kept = self.kept.join(", ");
            write!(f, "\n  kept as changed in Posthorn: {kept}")?;
        }
        for lack in &self.left_out {
            write!(f, "\n  without {}: {}", lack.part, lack.why)?;
        }
        Ok(())
    }
}

impl Report {
    /// Adds an object.
    pub(super) fn add(&mut self, entry: Entry) {
        let counts = self.counts.entry(entry.kind).or_default();
        *counts.entry(entry.outcome).or_default() += 1;
        if entry.outcome != Outcome::Unchanged || !entry.is_complete() {
            self.told.push(entry);
        }
    }

    /// Whether everything is in Posthorn as the source has it.
    pub(super) fn is_complete(&self) -> bool {
        self.told.iter().all(Entry::is_complete)
    }

    /// A table of what became of how many; `ended` says whether there was nothing more to do.
    pub(super) fn to_text(&self, dry_run: bool, ended: bool) -> String {
        let mut text = String::new();
        if dry_run {
            text.push_str("a dry run: nothing was changed\n");
        }
        text.push_str(&row("", &OUTCOMES.map(|outcome| outcome.to_string())));
        for kind in [Kind::EventType, Kind::Application, Kind::Endpoint] {
            let counts = OUTCOMES.map(|outcome| self.count(kind, outcome).to_string());
            text.push_str(&row(&format!("{kind}s"), &counts));
        }
        let incomplete = self.told.iter().filter(|entry| !entry.is_complete());
        match incomplete.count() {
            0 if !ended => text.push_str("it did not come to its end"),
            0 => text.push_str("nothing was left out"),
            count => text.push_str(&format!("not as at the source: {count}, see above")),
        }
        text
    }

    /// The counts, and each object of which there is something to tell.
    pub(super) fn to_json(&self, dry_run: bool, failure: Option<&anyhow::Error>) -> String {
        let counts = [Kind::EventType, Kind::Application, Kind::Endpoint].map(|kind| {
            let name = serde_json::to_value(kind).unwrap_or_default();
            let name = name.as_str().unwrap_or_default().to_owned();
            (
                name,
                json!({
                    "created": self.count(kind, Outcome::Created),
                    "updated": self.count(kind, Outcome::Updated),
                    "unchanged": self.count(kind, Outcome::Unchanged),
                    "leftOut": self.count(kind, Outcome::LeftOut),
                }),
            )
        });
        json!({
            "dryRun": dry_run,
            "complete": failure.is_none() && self.is_complete(),
            "error": failure.map(|error| format!("{error:#}")),
            "counts": counts.into_iter().collect::<BTreeMap<_, _>>(),
            "objects": self.told,
        })
        .to_string()
    }

    fn count(&self, kind: Kind, outcome: Outcome) -> u64 {
        let counts = self.counts.get(&kind);
        counts
            .and_then(|counts| counts.get(&outcome))
            .copied()
            .unwrap_or_default()
    }
}

fn row(name: &str, cells: &[String; 4]) -> String {
    let cells: String = cells.iter().map(|cell| format!("{cell:>12}")).collect();
    format!("{name:<14}{cells}\n")
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn entry(name: &str, outcome: Outcome) -> Entry {
        Entry {
            kind: Kind::Endpoint,
            name: name.to_owned(),
            application: Some("app_1".to_owned()),
            outcome,
            changed: Vec::new(),
            kept: Vec::new(),
            left_out: Vec::new(),
        }
    }

    #[test]
    fn an_object_is_told_in_a_line_with_what_it_lacks() {
        let mut entry = entry("ep_1", Outcome::Updated);
        entry.changed = vec!["secret".to_owned(), "url".to_owned()];
        entry.kept = vec!["disabled".to_owned()];
        entry.left_out = vec![Lack::new("header X", "nobody knows it")];
        assert_eq!(
            entry.to_string(),
            "endpoint ep_1 of app_1: updated (secret, url)\n  \
             kept as changed in Posthorn: disabled\n  \
             without header X: nobody knows it"
        );
    }

    #[test]
    fn it_is_complete_only_when_nothing_is_left_out_or_kept() {
        let mut report = Report::default();
        report.add(entry("ep_1", Outcome::Created));
        report.add(entry("ep_2", Outcome::Unchanged));
        assert!(report.is_complete());
        let mut kept = entry("ep_3", Outcome::Unchanged);
        kept.kept.push("url".to_owned());
        let mut lacking = entry("ep_4", Outcome::Created);
        lacking.left_out.push(Lack::new("secret", "why"));
        for incomplete in [kept, lacking, entry("ep_5", Outcome::LeftOut)] {
            let mut report = Report::default();
            report.add(incomplete);
            assert!(!report.is_complete(), "{report:?}");
        }
    }

    #[test]
    fn both_summaries_count_alike_and_list_what_there_is_to_tell() {
        let mut report = Report::default();
        for (name, outcome) in [("a", Outcome::Created), ("b", Outcome::Unchanged)] {
            report.add(entry(name, outcome));
        }
        report.add(entry("c", Outcome::LeftOut));
        let text = report.to_text(true, true);
        let line = text
            .lines()
            .find(|line| line.starts_with("endpoints"))
            .unwrap();
        let cells: Vec<_> = line.split_whitespace().skip(1).collect();
        assert_eq!(cells, ["1", "0", "1", "1"]);
        assert!(
            text.starts_with("a dry run") && text.ends_with(": 1, see above"),
            "{text}"
        );

        let cut = Report::default().to_text(false, false);
        assert!(cut.ends_with("it did not come to its end"), "{cut}");

        let json: Value = serde_json::from_str(&report.to_json(true, None)).unwrap();
        let counts = json!({"created": 1, "updated": 0, "unchanged": 1, "leftOut": 1});
        assert_eq!(json["counts"]["endpoint"], counts);
        let names: Vec<_> = json["objects"].as_array().unwrap().iter().collect();
        assert_eq!((names.len(), &names[1]["name"]), (2, &json!("c")));
        assert_eq!(
            (&json["complete"], &json["error"]),
            (&json!(false), &Value::Null)
        );
        let failed = anyhow::anyhow!("cause").context("layer");
        let json: Value = serde_json::from_str(&report.to_json(false, Some(&failed))).unwrap();
        assert_eq!(json["error"], json!("layer: cause"));
    }
}
