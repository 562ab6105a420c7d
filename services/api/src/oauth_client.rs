//! Which OAuth clients an endpoint may be given. All problems are told at once.

use posthorn_event_schema::{OAuthMethod, OAuthSettings};

use crate::endpoint_url::UrlRules;
use crate::fields::Fields;
use crate::public::endpoint_oauth::OAuthIn;

/// Longest client id, in bytes.
const MAX_ID_BYTES: usize = 1_024;
/// Longest secret, in bytes.
const MAX_SECRET_BYTES: usize = 4_096;
/// Longest scope, in bytes.
const MAX_SCOPE_BYTES: usize = 2_048;
/// Most further parameters.
const MAX_PARAMS: usize = 20;
/// Most bytes of all further parameters together.
const MAX_PARAMS_BYTES: usize = 4_096;
/// Parameters that the other fields are for. *Source*: RFC 6749, and RFC 7521.
const RESERVED: [&str; 6] = [
    "grant_type",
    "client_id",
    "client_secret",
    "scope",
    "client_assertion",
    "client_assertion_type",
];

/// Reads and checks a client; gives its settings and its secret, which are nothing to be used when
/// something was noted.
pub(crate) fn read(
    rules: &UrlRules,
    fields: &mut Fields,
    body: OAuthIn,
) -> (OAuthSettings, String) {
    if body
        .grant_type
        .is_some_and(|kind| kind != "clientCredentials")
    {
        fields.note("grantType", "must be clientCredentials");
    }
    let url = rules.check(&body.token_url);
    let token_url = url.map_err(|problem| fields.url("tokenUrl", problem));
    for (field, text, most) in [
        ("clientId", &body.client_id, MAX_ID_BYTES),
        ("clientSecret", &body.client_secret, MAX_SECRET_BYTES),
    ] {
        if text.is_empty() || text.len() > most || text.contains(char::is_control) {
            let rule = format!("must have 1 to {most} bytes without control characters");
            fields.note(field, rule);
        }
    }
    let settings = OAuthSettings {
        token_url: token_url.unwrap_or_default(),
        client_id: body.client_id,
        scope: scope(fields, body.scope, body.scopes),
        method: method(fields, body.auth_method.as_deref()),
        extra_params: body.extra_params.unwrap_or_default(),
    };
    check_params(fields, &settings);
    (settings, body.client_secret)
}

fn method(fields: &mut Fields, name: Option<&str>) -> OAuthMethod {
    match name {
        None | Some("clientSecretBasic" | "basic") => OAuthMethod::Basic,
        Some("clientSecretPost" | "post") => OAuthMethod::Post,
        Some(_) => {
            fields.note(
                "authMethod",
                "must be clientSecretBasic or clientSecretPost",
            );
            OAuthMethod::Basic
        }
    }
}

/// Scopes in either spelling, with spaces between them. *Source*: RFC 6749, section 3.3.
fn scope(
    fields: &mut Fields,
    scope: Option<String>,
    scopes: Option<Vec<String>>,
) -> Option<String> {
    let (field, scope) = match scopes {
        Some(scopes) => ("scopes", scopes.join(" ")),
        None => ("scope", scope?),
    };
    let is_allowed = |c: u8| matches!(c, b' ' | 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
    if scope.len() > MAX_SCOPE_BYTES || !scope.bytes().all(is_allowed) {
        let rule = format!("must have at most {MAX_SCOPE_BYTES} bytes of visible ASCII");
        fields.note(field, rule);
    }
    Some(scope).filter(|scope| !scope.is_empty())
}

fn check_params(fields: &mut Fields, settings: &OAuthSettings) {
    let params = &settings.extra_params;
    let bytes = params.iter().map(|(name, value)| name.len() + value.len());
    if params.len() > MAX_PARAMS || bytes.sum::<usize>() > MAX_PARAMS_BYTES {
        let rule = format!("must have at most {MAX_PARAMS} items and {MAX_PARAMS_BYTES} bytes");
        fields.note("extraParams", rule);
    }
    for (name, value) in params {
        let mut note =
            |rule: &str| fields.note_at("extraParams", name.clone(), rule, "value_error");
        if name.is_empty() || RESERVED.contains(&name.as_str()) {
            note("must have a name that no other field is for");
        }
        if name.contains(char::is_control) || value.contains(char::is_control) {
            note("must have no control characters");
        }
    }
}

#[cfg(test)]
mod tests {
    use posthorn_egress::EgressPolicy;
    use serde_json::{Value, json};

    use super::*;

    fn check(body: Value) -> Result<OAuthSettings, String> {
        let rules = UrlRules {
            max_len: 2_048,
            https_only: false,
            allow: EgressPolicy::default(),
        };
        let mut fields = Fields::default();
        let (settings, _) = read(&rules, &mut fields, serde_json::from_value(body).unwrap());
        fields
            .finish()
            .map(|()| settings)
            .map_err(|error| format!("{error:?}"))
    }

    fn with(more: &Value) -> Value {
        let mut body = json!({
            "tokenUrl": "https://id.example/token", "clientId": "me", "clientSecret": "s"
        });
        let more = more.as_object().unwrap().clone();
        body.as_object_mut().unwrap().extend(more);
        body
    }

    #[test]
    fn both_spellings_of_scopes_and_methods_are_read() {
        let plain = check(with(&json!({}))).unwrap();
        assert_eq!((plain.scope, plain.method), (None, OAuthMethod::Basic));
        for more in [
            json!({"scope": "a b", "authMethod": "post"}),
            json!({"scopes": ["a", "b"], "authMethod": "clientSecretPost", "grantType": "clientCredentials"}),
        ] {
            let settings = check(with(&more)).unwrap();
            assert_eq!(settings.scope.as_deref(), Some("a b"));
            assert_eq!(settings.method, OAuthMethod::Post);
        }
    }

    #[test]
    fn every_problem_names_its_field() {
        for (more, field) in [
            (json!({"tokenUrl": "http://169.254.169.254/"}), "tokenUrl"),
            (json!({"tokenUrl": "http://localhost/"}), "tokenUrl"),
            (json!({"tokenUrl": "https://u:p@id.example/"}), "tokenUrl"),
            (json!({"clientId": ""}), "clientId"),
            (json!({"clientSecret": "a\nb"}), "clientSecret"),
            (json!({"scope": "a\"b"}), "scope"),
            (json!({"authMethod": "none"}), "authMethod"),
            (json!({"grantType": "password"}), "grantType"),
            (json!({"extraParams": {"scope": "x"}}), "extraParams"),
            (
                json!({"extraParams": {"a": "x".repeat(5_000)}}),
                "extraParams",
            ),
        ] {
            let told = check(with(&more)).unwrap_err();
            assert!(told.contains(&format!("\"{field}\"")), "{more}: {told}");
        }
    }
}
