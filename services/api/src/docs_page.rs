//! The page at `/docs`: every operation of the OpenAPI document, for people.
//!
//! Plain HTML without scripts, made once at the start. All texts are escaped, though they are ours.

use std::collections::BTreeMap;
use std::fmt::Write;

use http::Method;
use utoipa::openapi::path::Operation;
use utoipa::openapi::{OpenApi, RefOr};

use crate::openapi;

/// The page's look, served beside it so that the page needs no inline style.
pub(crate) const STYLE: &str = include_str!("docs_page.css");
/// Nothing but our own style sheet may be loaded.
pub(crate) const SECURITY_POLICY: &str =
    "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Makes the page.
#[must_use]
pub(crate) fn page(document: &OpenApi) -> String {
    let mut groups: BTreeMap<&str, Vec<(Method, &str, &Operation)>> = BTreeMap::new();
    for (method, path, operation) in openapi::each(document) {
        let tags = operation.tags.as_deref().unwrap_or_default();
        let tag = tags.first().map_or("Other", String::as_str);
        groups
            .entry(tag)
            .or_default()
            .push((method, path, operation));
    }
    let mut html = head(document);
    html.push_str("<nav><ul>");
    for tag in groups.keys() {
        add(
            &mut html,
            format_args!("<li><a href=\"#{}\">{}</a></li>", anchor(tag), escaped(tag)),
        );
    }
    html.push_str("</ul></nav><main>");
    for (tag, operations) in &groups {
        add(
            &mut html,
            format_args!("<h2 id=\"{}\">{}</h2>", anchor(tag), escaped(tag)),
        );
        for (method, path, operation) in operations {
            section(&mut html, method, path, operation);
        }
    }
    html.push_str("</main></body></html>\n");
    html
}

fn head(document: &OpenApi) -> String {
    let (title, version) = (
        escaped(&document.info.title),
        escaped(&document.info.version),
    );
    let about = escaped(document.info.description.as_deref().unwrap_or_default());
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>{title}</title><link rel=\"stylesheet\" href=\"/docs/style.css\"></head><body>\
         <header><h1>{title} <small>{version}</small></h1><p>{about}</p>\
         <p>The same as a document: <a href=\"/api/v1/openapi.json\">openapi.json</a>. \
         Every request carries <code>Authorization: Bearer &lt;token&gt;</code>.</p></header>"
    )
}

fn section(html: &mut String, method: &Method, path: &str, operation: &Operation) {
    let id = operation.operation_id.as_deref().unwrap_or_default();
    let kind = method.as_str().to_lowercase();
    add(
        html,
        format_args!(
            "<section id=\"{}\"><h3><b class=\"{kind}\">{method}</b> ",
            anchor(id)
        ),
    );
    add(html, format_args!("<code>{}</code></h3>", escaped(path)));
    for text in [&operation.summary, &operation.description]
        .into_iter()
        .flatten()
    {
        add(html, format_args!("<p>{}</p>", escaped(text)));
    }
    if let Some(scope) = openapi::scope(operation) {
        add(
            html,
            format_args!("<p class=\"scope\">For: {}</p>", escaped(scope)),
        );
    }
    parameters(html, operation);
    if let Some(schema) = body_schema(operation) {
        add(
            html,
            format_args!("<p>Body: <code>{}</code></p>", escaped(&schema)),
        );
    }
    let answers = operation.responses.responses.iter();
    let answers = answers.filter_map(|(status, response)| match response {
        RefOr::T(response) => Some(format!("{status} ({})", response.description)),
        RefOr::Ref(_) => None,
    });
    let answers: Vec<_> = answers.collect();
    add(
        html,
        format_args!("<p>Answers: {}</p></section>", escaped(&answers.join(", "))),
    );
}

fn parameters(html: &mut String, operation: &Operation) {
    let parameters = operation.parameters.as_deref().unwrap_or_default();
    if parameters.is_empty() {
        return;
    }
    html.push_str("<table>");
    for parameter in parameters {
        let RefOr::T(parameter) = parameter else {
            continue;
        };
        let about = parameter.description.as_deref().unwrap_or_default();
        let name = escaped(&parameter.name);
        add(
            html,
            format_args!(
                "<tr><th><code>{name}</code></th><td>{}</td></tr>",
                escaped(about)
            ),
        );
    }
    html.push_str("</table>");
}

/// The name of the schema that a body has.
fn body_schema(operation: &Operation) -> Option<String> {
    let RefOr::T(body) = operation.request_body.as_ref()? else {
        return None;
    };
    let schema = serde_json::to_value(body.content.get("application/json")?).ok()?;
    let schema = &schema["schema"];
    let reference = schema["$ref"].as_str().or_else(|| {
        let alternatives = schema["oneOf"].as_array()?;
        alternatives.iter().find_map(|one| one["$ref"].as_str())
    })?;
    Some(reference.rsplit('/').next()?.to_owned())
}

fn add(html: &mut String, text: std::fmt::Arguments<'_>) {
    html.write_fmt(text).expect("a String takes all text");
}

fn anchor(text: &str) -> String {
    text.to_lowercase()
        .replace(|c: char| !c.is_ascii_alphanumeric(), "-")
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use utoipa_axum::router::OpenApiRouter;

    use super::*;
    use crate::state::ApiState;

    #[test]
    fn the_page_shows_every_operation_and_loads_nothing() {
        let router: OpenApiRouter<ApiState> = crate::routes::router();
        let document = openapi::document(router.into_openapi());
        let html = page(&document);
        for (method, path, operation) in openapi::each(&document) {
            let id = operation.operation_id.as_deref().unwrap();
            assert!(
                html.contains(&format!("id=\"{}\"", anchor(id))),
                "{method} {path}"
            );
            assert!(operation.summary.is_some(), "{id} has no summary");
        }
        assert!(
            !html.contains("<script") && !html.contains("http://") && !html.contains("style=\"")
        );
        assert_eq!(
            escaped("<a href=\"&\">"),
            "&lt;a href=&quot;&amp;&quot;&gt;"
        );
    }
}
