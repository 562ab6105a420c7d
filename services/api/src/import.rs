//! What becomes of an object that is imported again: pure.
//!
//! An object is compared part by part (its URL, its secret, …) in three states: as the source has it
//! now, as it is here, and as the last import set it. What only the source changed is taken over;
//! what was changed here stays, unless the caller says that the source wins.
//! Of the last import only digests are kept, and these sealed: some parts are secrets.

use std::collections::BTreeMap;

use posthorn_event_schema::ksuid;
use posthorn_event_schema::{OrganizationId, Timestamp};
use posthorn_signing::{KeyRing, SealContext, digest_parts};
use posthorn_store::import::Imported;
use serde_json::{Map, Number, Value};

/// An object's parts by their names in the public API.
pub(crate) type Parts = BTreeMap<&'static str, Value>;

/// The column that a base is sealed for.
const COLUMN: &str = "import";
/// How far clocks may differ.
const CLOCK_SKEW: std::time::Duration = std::time::Duration::from_secs(3_600);

/// Digests of the parts that the last import set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Base(BTreeMap<String, String>);

/// What an import does to an object that exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Merge {
    /// The parts that take the source's value.
    pub(crate) changed: Vec<&'static str>,
    /// The parts that differ, and stay because they were changed here.
    pub(crate) kept: Vec<&'static str>,
    /// What to remember.
    pub(crate) base: Base,
}

impl Merge {
    /// Whether a part takes the source's value.
    pub(crate) fn changes(&self, part: &str) -> bool {
        self.changed.contains(&part)
    }
}

impl Base {
    /// The base after an import that set all of an object's parts.
    pub(crate) fn of(parts: &Parts) -> Self {
        let digests = parts.iter();
        Self(
            digests
                .map(|(name, value)| ((*name).to_owned(), digest(name, value)))
                .collect(),
        )
    }

    /// Seals it for its object.
    pub(crate) fn seal(
        &self,
        keys: &KeyRing,
        organization: &OrganizationId,
        object: Imported<'_>,
    ) -> Vec<u8> {
        let json = serde_json::to_vec(&self.0).expect("a map of strings is representable in JSON");
        keys.seal(&json, &context(organization, object))
    }

    /// Opens one; `None` when it does not open, as after its key was given up.
    pub(crate) fn open(
        keys: &KeyRing,
        organization: &OrganizationId,
        object: Imported<'_>,
        sealed: &[u8],
    ) -> Option<Self> {
        let json = keys.open(sealed, &context(organization, object)).ok()?;
        serde_json::from_slice(&json).ok().map(Self)
    }
}

/// Decides about each part that the source tells; parts that it does not tell are left alone.
pub(crate) fn merge(current: &Parts, wanted: &Parts, base: &Base, overwrite: bool) -> Merge {
    let mut merged = Merge {
        changed: Vec::new(),
        kept: Vec::new(),
        base: base.clone(),
    };
    for (name, value) in wanted {
        let (wanted, here) = (digest(name, value), current.get(name));
        let here = here.map(|here| digest(name, here));
        if here.as_ref() != Some(&wanted) {
            if !overwrite && here.as_ref() != base.0.get(*name) {
                merged.kept.push(name);
                continue;
            }
            merged.changed.push(name);
        }
        merged.base.0.insert((*name).to_owned(), wanted);
    }
    merged
}

/// Whether an id may come from elsewhere: a prefix and a KSUID, as Svix and Posthorn make them.
///
/// None of the KSUIDs' first second: hidden applications have such ids, and nobody else has. None
/// of the future: it would stand before everything that comes.
pub(crate) fn is_importable(id: &str, prefix: &str, now: Timestamp) -> bool {
    let first = ksuid::moment(&"0".repeat(ksuid::TEXT_LEN)).expect("27 digits are a KSUID");
    let made = id.strip_prefix(prefix).and_then(ksuid::moment);
    made.is_some_and(|made| {
        made > first.plus(std::time::Duration::from_secs(1)) && made < now.plus(CLOCK_SKEW)
    })
}

fn context<'a>(organization: &'a OrganizationId, object: Imported<'a>) -> SealContext<'a> {
    SealContext {
        organization: organization.as_str(),
        owner: object.name(),
        column: COLUMN,
    }
}

fn digest(name: &str, value: &Value) -> String {
    let text = canonical(value).to_string();
    let digest = digest_parts(&[b"import", name.as_bytes(), text.as_bytes()]);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The one form of equal values: PostgreSQL writes members in an order of its own, and `1e2` as 100.
fn canonical(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(canonical).collect(),
        Value::Object(members) => {
            let sorted: BTreeMap<_, _> = members.iter().collect();
            let members = sorted.into_iter();
            Value::Object(
                members
                    .map(|(name, member)| (name.clone(), canonical(member)))
                    .collect::<Map<_, _>>(),
            )
        }
        Value::Number(number) => Value::Number(canonical_number(number)),
        Value::Null | Value::Bool(_) | Value::String(_) => value.clone(),
    }
}

fn canonical_number(number: &Number) -> Number {
    let whole = number.as_f64().filter(|float| {
        // Beyond it, floats do not tell all whole numbers apart.
        number.is_f64() && float.fract() == 0.0 && float.abs() < 9.0e15
    });
    let read = whole.and_then(|float| format!("{float:.0}").parse::<i64>().ok());
    read.map_or_else(|| number.clone(), Number::from)
}

#[cfg(test)]
mod tests {
    use posthorn_event_schema::ApplicationId;
    use serde_json::json;

    use super::*;

    fn parts(url: &str, secret: &str) -> Parts {
        [("secret", json!(secret)), ("url", json!(url))].into()
    }

    #[test]
    fn a_second_import_of_the_same_changes_nothing() {
        let parts = parts("a", "s");
        let merged = merge(&parts, &parts, &Base::of(&parts), false);
        assert_eq!((merged.changed.len(), merged.kept.len()), (0, 0));
        assert_eq!(merged.base, Base::of(&parts));
    }

    #[test]
    fn what_only_the_source_changed_is_taken_over_and_the_rest_stays() {
        let base = Base::of(&parts("a", "s"));
        // The source has a new URL, and the secret was changed here.
        let merged = merge(&parts("a", "mine"), &parts("b", "s"), &base, false);
        assert_eq!(
            (&*merged.changed, &*merged.kept),
            (&["url"][..], &["secret"][..])
        );
        assert!(merged.changes("url") && !merged.changes("secret"));
        assert_eq!(merged.base, Base::of(&parts("b", "s")));
        // Both were changed on both sides.
        let merged = merge(&parts("x", "mine"), &parts("b", "t"), &base, false);
        assert_eq!(merged.kept, ["secret", "url"]);
        assert_eq!(merged.base, base, "there is nothing new to remember");
        let merged = merge(&parts("x", "mine"), &parts("b", "t"), &base, true);
        assert_eq!(merged.changed, ["secret", "url"]);
    }

    #[test]
    fn what_was_made_here_stays_and_what_became_equal_is_remembered() {
        let merged = merge(
            &parts("a", "mine"),
            &parts("a", "s"),
            &Base::default(),
            false,
        );
        assert_eq!((merged.changed.len(), &*merged.kept), (0, &["secret"][..]));
        // Next time, the source's new URL is taken over.
        let again = merge(&parts("a", "mine"), &parts("b", "s"), &merged.base, false);
        assert_eq!(again.changed, ["url"]);
    }

    #[test]
    fn a_part_that_the_source_does_not_tell_is_left_alone() {
        let base = Base::of(&parts("a", "s"));
        let only_url: Parts = [("url", json!("b"))].into();
        let merged = merge(&parts("a", "mine"), &only_url, &base, true);
        assert_eq!(merged.changed, ["url"]);
        let told_again = merge(&parts("b", "s"), &parts("b", "t"), &merged.base, false);
        assert_eq!(told_again.changed, ["secret"]);
    }

    #[test]
    fn equal_json_is_equal_however_it_is_written() {
        let same = [
            (r#"{"a":1e2,"b":[0.5]}"#, r#"{"b":[0.50],"a":100}"#),
            (r#"{"a":{"c":-2.0,"b":1}}"#, r#"{"a":{"b":1,"c":-2}}"#),
        ];
        for (one, other) in same.map(|(one, other)| (read(one), read(other))) {
            assert_eq!(digest("schemas", &one), digest("schemas", &other));
        }
        assert_ne!(digest("a", &json!(1)), digest("a", &json!("1")));
        assert_ne!(digest("a", &json!(1)), digest("b", &json!(1)));
        assert_ne!(digest("a", &json!([1, 2])), digest("a", &json!([2, 1])));
    }

    fn read(json: &str) -> Value {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn a_base_opens_only_for_its_object() {
        let keys = KeyRing::parse(&KeyRing::generate_text()).unwrap();
        let organization = OrganizationId::parse("org_1").unwrap();
        let [mine, other] = ["app_1", "app_2"].map(|id| ApplicationId::parse(id).unwrap());
        let base = Base::of(&parts("a", "s"));
        let sealed = base.seal(&keys, &organization, Imported::Application(&mine));
        let open = |id| Base::open(&keys, &organization, Imported::Application(id), &sealed);
        assert_eq!(open(&mine), Some(base));
        assert_eq!(open(&other), None);
    }

    #[test]
    fn only_ids_that_a_server_made_come_along() {
        let now = Timestamp::from_unix_micros(1_764_165_600_000_000);
        let good = |id: &str| is_importable(id, "app_", now);
        assert!(good("app_1srOrx2ZWZBpBUvZwXKQmoEYga2"));
        let made = |at| ApplicationId::generate(at, [7; ksuid::RANDOM_LEN]);
        assert!(good(made(now).as_str()));
        let tomorrow = now.plus(std::time::Duration::from_secs(86_400));
        assert!(!good(made(tomorrow).as_str()));
        assert!(!good(made(Timestamp::from_unix_micros(0)).as_str()));
        for bad in [
            "ep_1srOrx2ZWZBpBUvZwXKQmoEYga2",
            "app_1srOrx2ZWZBpBUvZwXKQmoEYga",
            "app_1srOrx2ZWZBpBUvZwXKQmoEYga22",
            "app_1srOrx2ZWZBpBUvZwXKQmoEYg-2",
            "app_zzzzzzzzzzzzzzzzzzzzzzzzzzz",
            "app_mine",
            "app_",
        ] {
            assert!(!good(bad), "{bad}");
        }
    }
}
