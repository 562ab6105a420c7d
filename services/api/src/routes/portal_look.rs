//! What customers' portals look like.

use axum::Json;
use axum::extract::State;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use posthorn_event_schema::OrganizationId;
use posthorn_public_http::{ApiError, JsonBody};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::failure;
use crate::fields::Fields;
use crate::public::portal_look::PortalLook;
use crate::scope::{AnyCaller, OrganizationCaller};
use crate::state::ApiState;

const MAX_NAME: usize = 64;
/// Every portal loads it.
const MAX_LOGO_BYTES: usize = 64 * 1024;
/// What browsers show as a picture and never run: in an `img`, SVG has no scripts.
const LOGO_TYPES: [&str; 4] = ["png", "jpeg", "webp", "svg+xml"];

pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(read, set))
        .routes(routes!(own))
}

/// Reads what the organisation's portals look like.
#[utoipa::path(
    get,
    path = "/api/v1/portal-look",
    operation_id = "posthorn.portal-look.get",
    tag = "Portal",
    responses((status = 200, description = "The answer", body = PortalLook)),
    extensions(("x-posthorn-scope" = json!("organization")))
)]
async fn read(
    State(state): State<ApiState>,
    OrganizationCaller(organization): OrganizationCaller,
) -> Result<Json<PortalLook>, ApiError> {
    look(&state, &organization).await
}

/// Says what the organisation's portals look like.
#[utoipa::path(
    put,
    path = "/api/v1/portal-look",
    operation_id = "posthorn.portal-look.set",
    tag = "Portal",
    request_body = PortalLook,
    responses((status = 200, description = "The answer", body = PortalLook)),
    extensions(("x-posthorn-scope" = json!("organization")))
)]
async fn set(
    State(state): State<ApiState>,
    OrganizationCaller(organization): OrganizationCaller,
    JsonBody(body): JsonBody<PortalLook>,
) -> Result<Json<PortalLook>, ApiError> {
    check(&body)?;
    let value = serde_json::to_value(&body).map_err(|error| ApiError::internal(&error))?;
    let set = state.store.set_portal_look(&organization, &value).await;
    set.map_err(|error| failure::store(&error))?;
    look(&state, &organization).await
}

/// Tells a portal what it looks like.
#[utoipa::path(
    get,
    path = "/api/v1/auth/portal-look",
    operation_id = "posthorn.portal-look.own",
    tag = "Portal",
    responses((status = 200, description = "The answer", body = PortalLook)),
    extensions(("x-posthorn-scope" = json!("any")))
)]
async fn own(
    State(state): State<ApiState>,
    AnyCaller(caller): AnyCaller,
) -> Result<Json<PortalLook>, ApiError> {
    look(&state, &caller.organization).await
}

async fn look(
    state: &ApiState,
    organization: &OrganizationId,
) -> Result<Json<PortalLook>, ApiError> {
    let found = state.store.portal_look(organization).await;
    let found = found.map_err(|error| failure::store(&error))?;
    // What an older or a newer build wrote and this one cannot read is as if nobody had said.
    let look = found.and_then(|value| serde_json::from_value(value).ok());
    Ok(Json(look.unwrap_or_default()))
}

fn check(look: &PortalLook) -> Result<(), ApiError> {
    let mut fields = Fields::default();
    let name = look.display_name.as_deref();
    let is_name = |name: &str| {
        (1..=MAX_NAME).contains(&name.chars().count()) && !name.chars().any(char::is_control)
    };
    if name.is_some_and(|name| !is_name(name)) {
        fields.note(
            "displayName",
            format!("must have 1 to {MAX_NAME} characters"),
        );
    }
    if look.accent_color.as_deref().is_some_and(|c| !is_color(c)) {
        fields.note("accentColor", "must be a colour such as #1a73e8");
    }
    if look.logo.as_deref().is_some_and(|logo| !is_logo(logo)) {
        fields.note(
            "logo",
            "must be a `data:` URL of a PNG, JPEG, WebP or SVG in base64, at most 64 KiB",
        );
    }
    fields.finish()
}

fn is_color(text: &str) -> bool {
    let digits = text.strip_prefix('#');
    digits.is_some_and(|d| d.len() == 6 && d.bytes().all(|c| c.is_ascii_hexdigit()))
}

fn is_logo(text: &str) -> bool {
    let Some((kind, data)) = text
        .strip_prefix("data:image/")
        .and_then(|rest| rest.split_once(";base64,"))
    else {
        return false;
    };
    let decoded = STANDARD.decode(data);
    LOGO_TYPES.contains(&kind)
        && decoded.is_ok_and(|bytes| !bytes.is_empty() && bytes.len() <= MAX_LOGO_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_colours_and_pictures_are_taken() {
        assert!(is_color("#1A73e8") && is_logo("data:image/png;base64,AAAA"));
        for bad in ["", "red", "#fff", "#1a73e8;", "#gggggg", "#1a73e8\u{0}"] {
            assert!(!is_color(bad), "{bad}");
        }
        let large = format!("data:image/png;base64,{}", "AAAA".repeat(22_000));
        for bad in [
            "https://example.com/logo.png",
            "javascript:alert(1)",
            "data:text/html;base64,AAAA",
            "data:image/png,AAAA",
            "data:image/png;base64,",
            "data:image/png;base64,<script>",
            &large,
        ] {
            assert!(!is_logo(bad), "{}", &bad[..bad.len().min(40)]);
        }
    }
}
