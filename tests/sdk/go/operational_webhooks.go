package main

// Endpoints that receive what happens to applications and endpoints.

import (
	"encoding/json"
	"strings"

	"github.com/svix/svix-webhooks/go/models"
)

func (w *world) operationalWebhooks() {
	api := w.svix.OperationalWebhook.Endpoint
	uid := "walk-" + unique()
	path := w.receiver.path("operational", 0)
	url := w.receiver.url(path)
	types := []string{"endpoint.created", "endpoint.deleted"}

	step("v1.operational-webhook.endpoint.create", "creates an endpoint for some event types", func() {
		metadata := map[string]string{"team": "core"}
		created := must(api.Create(ctx, models.OperationalWebhookEndpointIn{
			Url: url, Uid: &uid, Description: pointer("Operations"), Metadata: &metadata, FilterTypes: types,
		}, nil))
		holds(strings.HasPrefix(created.Id, "ep_"), "the id "+created.Id)
		equal([]any{created.Uid, created.Description, created.Metadata}, []any{uid, "Operations", metadata}, "fields")
		equal(sorted(created.FilterTypes...), types, "event types")
		w.hookOut = *created
	})

	step("v1.operational-webhook.endpoint.create", "409 when the uid is taken", func() {
		again := models.OperationalWebhookEndpointIn{Url: url, Uid: &uid}
		fails(409, "conflict", errorOf(api.Create(ctx, again, nil)))
	})

	step("v1.operational-webhook.endpoint.get", "gets it as create answered it", func() {
		equal(must(api.Get(ctx, uid)), w.hookOut, "endpoint")
		fails(404, "not_found", errorOf(api.Get(ctx, uid+"-unknown")))
	})

	step("v1.operational-webhook.endpoint.list", "lists it", func() {
		page := must(api.List(ctx, nil))
		ids := idsOf(page.Data, func(one models.OperationalWebhookEndpointOut) string { return one.Id })
		holds(contains(ids, w.hookOut.Id), "it is not listed")
	})

	headers := map[string]string{"X-Walk": "operational"}

	step("v1.operational-webhook.endpoint.update-headers", "replaces all headers", func() {
		check(api.UpdateHeaders(ctx, uid, models.OperationalWebhookEndpointHeadersIn{Headers: headers}))
	})

	step("v1.operational-webhook.endpoint.get-headers", "shows the headers", func() {
		found := must(api.GetHeaders(ctx, uid))
		equal([]any{found.Headers, found.Sensitive}, []any{headers, []string{}}, "headers")
	})

	step("v1.operational-webhook.endpoint.get-secret", "verifies what the endpoint is told", func() {
		application := models.ApplicationIn{Name: "Operations", Uid: pointer(uid + "-app")}
		app := must(w.svix.Application.Create(ctx, application, nil))
		made := models.EndpointIn{Url: "https://example.com/told", Disabled: pointer(true)}
		endpoint := must(w.svix.Endpoint.Create(ctx, app.Id, made, nil))
		secret := must(api.GetSecret(ctx, uid)).Key
		var told request
		eventually(func() {
			for _, one := range w.receiver.received(path) {
				if strings.Contains(string(one.body), endpoint.Id) {
					told = one
					return
				}
			}
			holds(false, "nothing about the endpoint")
		})
		holds(verifies(secret, told), "the signature does not verify")
		data := object("appId", app.Id, "appUid", app.Uid, "endpointId", endpoint.Id, "endpointUid", nil)
		var body map[string]any
		check(json.Unmarshal(told.body, &body))
		equal([]any{body["type"], body["data"]}, []any{"endpoint.created", data}, "type and data")
		equal(told.headers.Get("x-walk"), "operational", "own header")
	})

	step("v1.operational-webhook.endpoint.rotate-secret", "replaces the secret", func() {
		old := must(api.GetSecret(ctx, uid)).Key
		check(api.RotateSecret(ctx, uid, models.OperationalWebhookEndpointSecretIn{}, nil))
		holds(must(api.GetSecret(ctx, uid)).Key != old, "the secret stays")
	})

	step("v1.operational-webhook.endpoint.update", "replaces all fields", func() {
		put := models.OperationalWebhookEndpointUpdate{Url: "https://example.com/put", Uid: &uid, Disabled: pointer(true)}
		updated := must(api.Update(ctx, uid, put))
		fields := []any{updated.Id, updated.Url, updated.Disabled, updated.Description}
		equal(fields, []any{w.hookOut.Id, "https://example.com/put", true, ""}, "fields")
		holds(updated.FilterTypes == nil, "the event types stay")
	})

	step("v1.operational-webhook.endpoint.delete", "deletes it", func() {
		check(api.Delete(ctx, uid))
		fails(404, "not_found", errorOf(api.Get(ctx, uid)))
	})
}
