package main

// Tokens for one application alone, and their end.

import (
	"strings"

	svix "github.com/svix/svix-webhooks/go"
	"github.com/svix/svix-webhooks/go/models"
)

func (w *world) access() {
	api := w.svix.Authentication
	app := "walk-" + unique()
	withToken := func(token string) *svix.Svix { return client(w.server, token, nil) }
	list := func(portal *svix.Svix) error { return errorOf(portal.Endpoint.List(ctx, app, nil)) }

	// Checks that a token works for its application, and for nothing else.
	opens := func(url, token string) {
		holds(strings.HasPrefix(url, "http"), "the url "+url)
		portal := withToken(token)
		equal(must(portal.Application.Get(ctx, app)).Uid, app, "application")
		made := models.EndpointIn{Url: "https://example.com/portal", Disabled: pointer(true)}
		endpoint := must(portal.Endpoint.Create(ctx, app, made, nil))
		equal(idsOf(must(portal.Endpoint.List(ctx, app, nil)).Data, endpointId), []string{endpoint.Id}, "endpoints")
		check(portal.Endpoint.Delete(ctx, app, endpoint.Id))
		fails(404, "not_found", errorOf(portal.Endpoint.List(ctx, w.uid, nil)))
		fails(403, "", errorOf(portal.Application.List(ctx, nil)))
		message := models.MessageIn{EventType: w.paid, Payload: object()}
		fails(403, "", errorOf(portal.Message.Create(ctx, app, message, nil)))
	}

	isOver := func(portal *svix.Svix) {
		eventually(func() { fails(401, "authentication_failed", list(portal)) })
	}

	tokenOf := func(session *string) string {
		return must(api.AppPortalAccess(ctx, app, models.AppPortalAccessIn{SessionId: session}, nil)).Token
	}

	step("v1.authentication.app-portal-access", "creates the application, and a token that opens nothing else", func() {
		application := &models.ApplicationIn{Name: "Portal", Uid: &app}
		access := must(api.AppPortalAccess(ctx, app, models.AppPortalAccessIn{Application: application}, nil))
		opens(access.Url, access.Token)
		w.portalToken = access.Token
	})

	step("v1.authentication.app-portal-access", "404 for an unknown application", func() {
		unknown := app + "-unknown"
		fails(404, "not_found", errorOf(api.AppPortalAccess(ctx, unknown, models.AppPortalAccessIn{}, nil)))
	})

	step("v1.authentication.dashboard-access", "creates a token that opens nothing else", func() {
		access := must(api.DashboardAccess(ctx, app, nil))
		opens(access.Url, access.Token)
	})

	step("v1.authentication.logout", "ends the token that asks for it, and no other", func() {
		portal := withToken(tokenOf(nil))
		check(list(portal))
		check(portal.Authentication.Logout(ctx, nil))
		isOver(portal)
		check(list(withToken(w.portalToken)))
	})

	step("v1.authentication.expire-all", "ends the tokens of a session", func() {
		one, other := withToken(tokenOf(pointer("one"))), withToken(tokenOf(pointer("other")))
		expire := models.ApplicationTokenExpireIn{Expiry: pointer[int64](0), SessionIds: []string{"one"}}
		check(api.ExpireAll(ctx, app, expire, nil))
		isOver(one)
		check(list(other))
	})

	step("v1.authentication.expire-all", "ends all tokens of an application, but not the next", func() {
		check(api.ExpireAll(ctx, app, models.ApplicationTokenExpireIn{Expiry: pointer[int64](0)}, nil))
		isOver(withToken(w.portalToken))
		check(list(withToken(tokenOf(nil))))
	})
}
