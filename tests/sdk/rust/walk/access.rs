//! Tokens for one application alone, and their end.

use serde_json::{Value, json};
use svix::api::Svix;

use crate::World;
use crate::harness::{
    Outcome, equal, eventually, fails, holds, ids, made, step, string, unique, value,
};

struct Access<'a> {
    w: &'a World,
    app: String,
}

pub async fn walk(w: &World) {
    let access = Access {
        w,
        app: format!("walk-{}", unique()),
    };
    access.begins().await;
    access.ends().await;
}

impl Access<'_> {
    /// A client with a new token for the application.
    async fn portal(&self, access: Value) -> Outcome<Svix> {
        let made = self
            .w
            .svix
            .authentication()
            .app_portal_access(self.app.clone(), made(access), None)
            .await?;
        Ok(self.w.client(&made.token))
    }

    /// Checks that a token works for its application, and for nothing else.
    async fn opens(&self, access: &Value) -> Outcome {
        holds(
            string(&access["url"]).starts_with("http"),
            &format!("the url {}", access["url"]),
        )?;
        let portal = self.w.client(&string(&access["token"]));
        equal(
            portal.application().get(self.app.clone()).await?.uid,
            &self.app,
            "application",
        )?;
        let (endpoints, app) = (portal.endpoint(), &self.app);
        let new = made(json!({"url": "https://example.com/portal", "disabled": true}));
        let endpoint = endpoints.create(app.clone(), new, None).await?;
        equal(
            ids(&endpoints.list(app.clone(), None).await?),
            [&endpoint.id],
            "endpoints",
        )?;
        endpoints.delete(app.clone(), endpoint.id).await?;
        fails(
            404,
            "not_found",
            endpoints.list(self.w.text("uid")?, None).await,
        )?;
        fails(403, "", portal.application().list(None).await)?;
        let message = made(json!({"eventType": self.w.text("paid")?, "payload": {}}));
        fails(
            403,
            "",
            portal.message().create(app.clone(), message, None).await,
        )?;
        Ok(())
    }

    async fn works(&self, portal: &Svix) -> Outcome {
        portal.endpoint().list(self.app.clone(), None).await?;
        Ok(())
    }

    async fn is_over(&self, portal: &Svix) -> Outcome {
        eventually(async || {
            fails(
                401,
                "authentication_failed",
                portal.endpoint().list(self.app.clone(), None).await,
            )?;
            Ok(())
        })
        .await
    }

    async fn begins(&self) {
        let (w, api) = (self.w, self.w.svix.authentication());

        step(
            "v1.authentication.app-portal-access",
            "creates the application, and a token that opens nothing else",
            async || {
                let access = made(json!({"application": {"name": "Portal", "uid": self.app}}));
                let access = value(
                    &api.app_portal_access(self.app.clone(), access, None)
                        .await?,
                );
                w.note("portal token", access["token"].clone());
                self.opens(&access).await
            },
        )
        .await;

        step(
            "v1.authentication.app-portal-access",
            "404 for an unknown application",
            async || {
                let unknown = format!("{}-unknown", self.app);
                fails(
                    404,
                    "not_found",
                    api.app_portal_access(unknown, made(json!({})), None).await,
                )?;
                Ok(())
            },
        )
        .await;

        #[cfg(feature = "v1")]
        step(
            "v1.authentication.dashboard-access",
            "creates a token that opens nothing else",
            async || {
                #[expect(deprecated, reason = "users of the first generation may still call it")]
                let access = api.dashboard_access(self.app.clone(), None).await?;
                self.opens(&value(&access)).await
            },
        )
        .await;

        step(
            "v1.authentication.whoami",
            "says whose token it is",
            async || {
                let organisation = value(&api.whoami().await?);
                holds(
                    organisation["appId"].is_null(),
                    "an organisation's token names an application",
                )?;
                let portal = w.client(&w.text("portal token")?);
                let found = value(&portal.authentication().whoami().await?);
                let app = w.svix.application().get(self.app.clone()).await?;
                equal(&found["appId"], app.id, "application")
            },
        )
        .await;
    }

    async fn ends(&self) {
        let (w, api) = (self.w, self.w.svix.authentication());

        step(
            "v1.authentication.logout",
            "ends the token that asks for it, and no other",
            async || {
                let portal = self.portal(json!({})).await?;
                self.works(&portal).await?;
                portal.authentication().logout(None).await?;
                self.is_over(&portal).await?;
                self.works(&w.client(&w.text("portal token")?)).await
            },
        )
        .await;

        step(
            "v1.authentication.expire-all",
            "ends the tokens of a session",
            async || {
                let one = self.portal(json!({"sessionId": "one"})).await?;
                let other = self.portal(json!({"sessionId": "other"})).await?;
                let expire = made(json!({"expiry": 0, "sessionIds": ["one"]}));
                api.expire_all(self.app.clone(), expire, None).await?;
                self.is_over(&one).await?;
                self.works(&other).await
            },
        )
        .await;

        step(
            "v1.authentication.expire-all",
            "ends all tokens of an application, but not the next",
            async || {
                api.expire_all(self.app.clone(), made(json!({"expiry": 0})), None)
                    .await?;
                self.is_over(&w.client(&w.text("portal token")?)).await?;
                self.works(&self.portal(json!({})).await?).await
            },
        )
        .await;
    }
}
