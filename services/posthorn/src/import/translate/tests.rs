use serde::de::DeserializeOwned;

use super::*;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const PUBLIC: &str = "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=";

fn read<T: DeserializeOwned>(json: Value) -> T {
    serde_json::from_value(json).unwrap()
}

fn source_endpoint(extra: &Value) -> Endpoint {
    let mut json = json!({"id": "ep_1srOrx2ZWZBpBUvZwXKQmoEYga2", "url": "https://example.com/a",
        "description": "", "version": 1, "createdAt": "2024-01-01T00:00:00Z",
        "updatedAt": "2024-01-02T00:00:00Z", "metadata": {}});
    for (name, value) in extra.as_object().unwrap() {
        json[name] = value.clone();
    }
    read(json)
}

fn parts(lacks: &[Lack]) -> Vec<&str> {
    lacks.iter().map(|lack| lack.part.as_str()).collect()
}

#[test]
fn both_spellings_of_a_field_are_understood() {
    let old = json!({"filterTypes": ["a.b"], "rateLimit": 5});
    let new = json!({"eventTypes": ["a.b"], "throttleRate": 5, "filterTypes": ["a.b"]});
    for json in [old, new] {
        let coming = endpoint(&source_endpoint(&json), SECRET, &Headers::default()).unwrap();
        assert_eq!(coming.body["eventTypes"], json!(["a.b"]));
        assert_eq!(coming.body["throttleRate"], json!(5));
        assert_eq!(coming.body["secret"], json!(SECRET));
        assert_eq!(coming.lacks, []);
    }
    let app = read(json!({"id": "app_1", "name": "n", "rateLimit": 7, "updatedAt": "x"}));
    let coming = application(&app).unwrap();
    assert_eq!(
        (&coming.body["throttleRate"], &*coming.lacks),
        (&json!(7), &[][..])
    );
}

#[test]
fn what_the_source_does_not_show_is_named() {
    let headers: Headers = read(json!({"headers": {"X-Team": "blue"},
        "sensitive": ["Authorization", "x-api-key"]}));
    let coming = endpoint(&source_endpoint(&json!({})), PUBLIC, &headers).unwrap();
    assert_eq!(
        parts(&coming.lacks),
        ["header Authorization", "header x-api-key", "secret"]
    );
    assert_eq!(coming.body["headers"], json!({"X-Team": "blue"}));
    assert_eq!(
        coming.body["keepHeaders"],
        json!(["Authorization", "x-api-key"])
    );
    assert_eq!(coming.body["asymmetric"], json!(true));
    assert_eq!(coming.body.get("secret"), None);
    assert!(!format!("{:?}", coming.lacks).contains("1SiA4o9hyq"));
}

#[test]
fn a_secret_of_a_kind_that_we_do_not_know_is_named_and_not_repeated() {
    for secret in [
        "whsk1_c2VjcmV0LXNlY3JldA==",
        "whsec_c2hvcnQ=",
        "c2VjcmV0LXNlY3JldA==",
    ] {
        let coming = endpoint(&source_endpoint(&json!({})), secret, &Headers::default()).unwrap();
        assert_eq!(parts(&coming.lacks), ["secret"], "{secret}");
        assert_eq!(coming.body["asymmetric"], json!(false));
        let shown = format!("{coming:?}");
        assert!(
            !shown.contains("c2VjcmV0") && !shown.contains("c2hvcnQ"),
            "{shown}"
        );
    }
}

#[test]
fn credentials_in_a_url_come_as_a_header_unless_there_is_one() {
    let with = source_endpoint(&json!({"url": "https://me:pass@example.com/a"}));
    let coming = endpoint(&with, SECRET, &Headers::default()).unwrap();
    assert_eq!(coming.body["url"], json!("https://example.com/a"));
    assert_eq!(
        coming.body["headers"],
        json!({"Authorization": "Basic bWU6cGFzcw=="})
    );
    let hidden: Headers = read(json!({"headers": {}, "sensitive": ["AUTHORIZATION"]}));
    let coming = endpoint(&with, SECRET, &hidden).unwrap();
    assert_eq!(coming.body["headers"], json!({}));
}

#[test]
fn fields_that_we_do_not_know_are_named_when_they_say_something() {
    let json = json!({"version": 3, "fancy": {"a": 1}, "none": null, "off": false, "empty": [],
        "blank": "", "on": true});
    let coming = endpoint(&source_endpoint(&json), SECRET, &Headers::default()).unwrap();
    assert_eq!(parts(&coming.lacks), ["fancy", "on", "version"]);
    let kind: EventType = read(json!({"name": "a.b", "description": "d", "quota": 5}));
    assert_eq!(parts(&event_type(&kind).unwrap().lacks), ["quota"]);
}

#[test]
fn what_has_no_good_name_cannot_come() {
    let kind: EventType = read(json!({"name": "a b"}));
    assert!(
        event_type(&kind)
            .unwrap_err()
            .starts_with("its name may contain only")
    );
    let app = read(json!({"id": "../app_1", "name": "n"}));
    assert!(
        application(&app)
            .unwrap_err()
            .starts_with("its id must begin")
    );
}

#[test]
fn an_object_does_without_what_the_target_refuses_if_it_can() {
    let coming = Coming {
        body: json!({"description": "long", "headers": {"Host": "x", "X-Team": "blue"}, "schemas": 1}),
        lacks: Vec::new(),
    };
    let problem = |loc: &[&str]| json!({"loc": loc, "msg": "Not so.", "type": "x"});
    let refusal = json!({"detail": [problem(&["body", "headers", "Host"]),
        problem(&["body", "schemas", "1/type"]), problem(&["body", "description"])]});
    let less = without_refused(coming.clone(), &refusal).unwrap();
    assert_eq!(
        less.body,
        json!({"description": "", "headers": {"X-Team": "blue"}})
    );
    assert_eq!(
        parts(&less.lacks),
        ["header Host", "schemas", "description"]
    );
    assert!(less.lacks.iter().all(|lack| lack.why == "Not so."));

    // Without its channels or its flags an object would reach more people than before.
    for field in [
        "url",
        "channels",
        "eventTypes",
        "featureFlags",
        "uid",
        "secret",
    ] {
        let refusal = json!({"detail": [problem(&["body", field])]});
        assert_eq!(without_refused(coming.clone(), &refusal), None, "{field}");
    }
    for odd in [json!({"detail": []}), json!({"detail": "text"}), json!({})] {
        assert_eq!(without_refused(coming.clone(), &odd), None);
    }
}
