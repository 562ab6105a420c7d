package org.posthorn.sdk;

import static org.posthorn.sdk.Harness.brokenInTheSdk;
import static org.posthorn.sdk.Harness.each;
import static org.posthorn.sdk.Harness.equal;
import static org.posthorn.sdk.Harness.eventually;
import static org.posthorn.sdk.Harness.fails;
import static org.posthorn.sdk.Harness.holds;
import static org.posthorn.sdk.Harness.step;
import static org.posthorn.sdk.Harness.unique;

import com.svix.Svix;
import com.svix.api.Authentication;
import com.svix.models.AppPortalAccessIn;
import com.svix.models.AppPortalAccessOut;
import com.svix.models.ApplicationIn;
import com.svix.models.ApplicationTokenExpireIn;
import com.svix.models.EndpointIn;
import com.svix.models.EndpointOut;
import com.svix.models.MessageIn;
import java.net.URI;
import java.util.List;

/** Tokens for one application alone, and their end. */
record Access(Walk walk, String app) {
    Access(Walk walk) {
        this(walk, "walk-" + unique());
    }

    /** Checks that a token works for its application, and for nothing else. */
    private void opens(Object url, String token) throws Exception {
        holds(url.toString().startsWith("http"), "the url " + url);
        Svix portal = walk.client(token);
        equal(portal.getApplication().get(app).getUid(), app, "application");
        EndpointIn made = new EndpointIn().url(URI.create("https://example.com/portal")).disabled(true);
        EndpointOut endpoint = portal.getEndpoint().create(app, made);
        List<String> ids = each(portal.getEndpoint().list(app).getData(), EndpointOut::getId);
        equal(ids, List.of(endpoint.getId()), "endpoints");
        portal.getEndpoint().delete(app, endpoint.getId());
        fails(404, "not_found", () -> portal.getEndpoint().list(walk.uid));
        fails(403, null, () -> portal.getApplication().list());
        fails(403, null, () -> portal.getMessage().create(app, new MessageIn().eventType(walk.paid).payload("{}")));
    }

    private void isOver(Svix portal) throws Exception {
        eventually(() -> fails(401, "authentication_failed", () -> portal.getEndpoint().list(app)));
    }

    private Svix portal(AppPortalAccessIn access) throws Exception {
        return walk.client(walk.svix.getAuthentication().appPortalAccess(app, access).getToken());
    }

    void run() throws Exception {
        Authentication api = walk.svix.getAuthentication();

        step("v1.authentication.app-portal-access", "creates the application, and a token that opens nothing else", () -> {
            AppPortalAccessIn access = new AppPortalAccessIn().application(new ApplicationIn().name("Portal").uid(app));
            AppPortalAccessOut made = api.appPortalAccess(app, access);
            opens(made.getUrl(), made.getToken());
            walk.portalToken = made.getToken();
        });

        step("v1.authentication.app-portal-access", "404 for an unknown application", () ->
                fails(404, "not_found", () -> api.appPortalAccess(app + "-unknown", new AppPortalAccessIn())));

        step("v1.authentication.dashboard-access", "the SDK cannot send it", () ->
                brokenInTheSdk(() -> api.dashboardAccess(app)));

        step("v1.authentication.logout", "the SDK cannot send it", () -> brokenInTheSdk(() -> api.logout()));

        step("v1.authentication.expire-all", "ends the tokens of a session", () -> {
            Svix one = portal(new AppPortalAccessIn().sessionId("one"));
            Svix other = portal(new AppPortalAccessIn().sessionId("other"));
            api.expireAll(app, new ApplicationTokenExpireIn().expiry(0L).sessionIds(List.of("one")));
            isOver(one);
            other.getEndpoint().list(app);
        });

        step("v1.authentication.expire-all", "ends all tokens of an application, but not the next", () -> {
            api.expireAll(app, new ApplicationTokenExpireIn().expiry(0L));
            isOver(walk.client(walk.portalToken));
            portal(new AppPortalAccessIn()).getEndpoint().list(app);
        });
    }
}
