package main

// Endpoints: what they are, not what arrives at them.

import (
	"fmt"
	"sort"
	"strings"

	svix "github.com/svix/svix-webhooks/go"
	"github.com/svix/svix-webhooks/go/models"
	"github.com/svix/svix-webhooks/go/utils"
)

func endpointId(endpoint models.EndpointOut) string { return endpoint.Id }

func sorted(names ...string) []string {
	names = append([]string{}, names...)
	sort.Strings(names)
	return names
}

func (w *world) endpointsThemselves() {
	api := w.svix.Endpoint
	app := w.uid
	uid := "walk-" + unique()
	example := func(path any) string { return fmt.Sprintf("https://example.com/%v", path) }
	secretOf := func(id string) string { return must(api.GetSecret(ctx, app, id)).Key }

	step("v1.endpoint.create", "creates an endpoint with headers and filters", func() {
		created := must(api.Create(ctx, app, models.EndpointIn{
			Url:          "http://EXAMPLE.com",
			Uid:          &uid,
			Description:  pointer("Invoices"),
			FilterTypes:  []string{w.paid, w.sent},
			Channels:     []string{"north", "south"},
			Headers:      &map[string]string{"X-Walk": "yes", "Authorization": "Basic secret"},
			Metadata:     &map[string]string{"tier": "one"},
			ThrottleRate: pointer[uint16](50),
		}, nil))
		holds(strings.HasPrefix(created.Id, "ep_"), "the id "+created.Id)
		equal([]any{created.Url, created.Uid, created.Description}, []any{"http://example.com/", uid, "Invoices"}, "fields")
		equal(sorted(created.Channels...), []string{"north", "south"}, "channels")
		equal(sorted(created.FilterTypes...), sorted(w.paid, w.sent), "event types")
		equal([]any{created.Metadata, created.Disabled}, []any{map[string]string{"tier": "one"}, false}, "the rest")
		equal([]any{created.ThrottleRate, created.RateLimit, created.Version}, []any{50, 50, 1}, "rates and version")
		w.endpoint = *created
	})

	step("v1.endpoint.get", "gets it by id and by uid, as create answered it", func() {
		for _, name := range []string{w.endpoint.Id, uid} {
			found := must(api.Get(ctx, app, name))
			equal([]any{found.Id, found.Url, found.CreatedAt}, []any{w.endpoint.Id, w.endpoint.Url, w.endpoint.CreatedAt}, name)
			equal(found.Metadata, w.endpoint.Metadata, "metadata")
		}
	})

	step("v1.endpoint.create", "an endpoint without filters has none", func() {
		w.endpoints = []string{w.endpoint.Id}
		for _, number := range []int{2, 3} {
			plain := must(api.Create(ctx, app, models.EndpointIn{Url: example(number), Disabled: pointer(true)}, nil))
			holds(plain.FilterTypes == nil && plain.Channels == nil && plain.Uid == nil, "filters or a uid")
			equal([]any{plain.Disabled, plain.Metadata, plain.Description}, []any{true, map[string]string{}, ""}, "the rest")
			w.endpoints = append(w.endpoints, plain.Id)
		}
	})

	step("v1.endpoint.create", "409 when the uid is taken", func() {
		fails(409, "conflict", errorOf(api.Create(ctx, app, models.EndpointIn{Url: example("again"), Uid: &uid}, nil)))
	})

	step("v1.endpoint.create", "422 for an unknown event type, and for what is no URL", func() {
		unknown := models.EndpointIn{Url: example("unknown"), FilterTypes: []string{"no.such.type"}}
		detail := fails(422, "", errorOf(api.Create(ctx, app, unknown, nil)))
		holds(strings.Contains(detail[0].Msg, "no.such.type"), "the message does not name it: "+detail[0].Msg)
		detail = fails(422, "", errorOf(api.Create(ctx, app, models.EndpointIn{Url: "no url"}, nil)))
		equal(detail[0].Loc[:2], []string{"body", "url"}, "place")
	})

	step("v1.endpoint.get", "404 for an unknown endpoint, and for an unknown application", func() {
		fails(404, "not_found", errorOf(api.Get(ctx, app, uid+"-unknown")))
		fails(404, "not_found", errorOf(api.Get(ctx, app+"-unknown", uid)))
	})

	step("v1.endpoint.list", "iterates forwards and backwards, the newest first", func() {
		first, second, third := w.endpoints[0], w.endpoints[1], w.endpoints[2]
		page := must(api.List(ctx, app, &svix.EndpointListOptions{Limit: pointer[uint64](2)}))
		equal(idsOf(page.Data, endpointId), []string{third, second}, "the first page")
		equal([]any{page.Done, page.Iterator}, []any{false, second}, "done and iterator")
		last := must(api.List(ctx, app, &svix.EndpointListOptions{Limit: pointer[uint64](2), Iterator: page.Iterator}))
		equal([]any{idsOf(last.Data, endpointId), last.Done}, []any{[]string{first}, true}, "the last page")
		back := must(api.List(ctx, app, &svix.EndpointListOptions{Limit: pointer[uint64](1), Iterator: last.PrevIterator}))
		equal(idsOf(back.Data, endpointId), []string{second}, "the page before the last")
	})

	step("v1.endpoint.list", "lists in ascending order", func() {
		page := must(api.List(ctx, app, &svix.EndpointListOptions{Order: pointer(models.ORDERING_ASCENDING)}))
		equal(idsOf(page.Data, endpointId), w.endpoints, "endpoints")
	})

	step("v1.endpoint.update", "replaces all fields but the secret and the headers", func() {
		before := secretOf(uid)
		put := models.EndpointUpdate{Url: example("put"), Uid: &uid, Channels: []string{"east"}}
		updated := must(api.Update(ctx, app, uid, put))
		equal([]any{updated.Id, updated.Url}, []any{w.endpoint.Id, example("put")}, "id and url")
		equal([]any{updated.Description, updated.Channels}, []any{"", []string{"east"}}, "description and channels")
		holds(updated.FilterTypes == nil && updated.ThrottleRate == nil, "event types or the throttle rate stay")
		equal(secretOf(uid), before, "secret")
	})

	step("v1.endpoint.update", "creates what does not exist", func() {
		put := models.EndpointUpdate{Url: example("new"), Uid: pointer(uid + "-put"), Disabled: pointer(true)}
		created := must(api.Update(ctx, app, uid+"-put", put))
		equal(must(api.Get(ctx, app, uid+"-put")).Id, created.Id, "id")
	})

	step("v1.endpoint.patch", "changes what is named and keeps the rest", func() {
		patched := must(api.Patch(ctx, app, uid, models.EndpointPatch{
			Description: pointer("Patched"), FilterTypes: utils.NewNullable([]string{w.void}),
		}))
		equal([]any{patched.Description, patched.FilterTypes}, []any{"Patched", []string{w.void}}, "what changes")
		equal([]any{patched.Url, patched.Channels}, []any{example("put"), []string{"east"}}, "what stays")
	})

	step("v1.endpoint.patch", "null clears a field", func() {
		null := utils.NewNullableFromPtr[[]string](nil)
		patched := must(api.Patch(ctx, app, uid, models.EndpointPatch{Channels: null, FilterTypes: null}))
		holds(patched.Channels == nil && patched.FilterTypes == nil, "the filters stay")
		equal(patched.Description, "Patched", "description")
	})

	step("v1.endpoint.delete", "deletes it", func() {
		check(api.Delete(ctx, app, uid+"-put"))
		fails(404, "not_found", errorOf(api.Get(ctx, app, uid+"-put")))
	})

	step("v1.endpoint.get-headers", "shows the headers; those that hold secrets are only named", func() {
		found := must(api.GetHeaders(ctx, app, uid))
		equal(found.Headers, map[string]string{"X-Walk": "yes"}, "headers")
		equal(strings.ToLower(strings.Join(found.Sensitive, ",")), "authorization", "sensitive")
	})

	step("v1.endpoint.update-headers", "replaces all headers", func() {
		headers := map[string]string{"X-One": "1", "X-Two": "2"}
		check(api.UpdateHeaders(ctx, app, uid, models.EndpointHeadersIn{Headers: headers}))
		found := must(api.GetHeaders(ctx, app, uid))
		equal([]any{found.Headers, found.Sensitive}, []any{headers, []string{}}, "headers")
	})

	step("v1.endpoint.update-headers", "422 for a header that is ours to set", func() {
		ours := models.EndpointHeadersIn{Headers: map[string]string{"svix-id": "mine"}}
		fails(422, "", api.UpdateHeaders(ctx, app, uid, ours))
	})

	step("v1.endpoint.patch-headers", "sets and deletes single headers", func() {
		check(api.PatchHeaders(ctx, app, uid, models.EndpointHeadersPatchIn{
			Headers: map[string]string{"X-Two": "two", "X-Three": "3"}, DeleteHeaders: []string{"X-One"},
		}))
		equal(must(api.GetHeaders(ctx, app, uid)).Headers, map[string]string{"X-Two": "two", "X-Three": "3"}, "headers")
	})

	step("v1.endpoint.get-secret", "is a secret that was made for this endpoint alone", func() {
		secrets := map[string]bool{}
		for _, id := range w.endpoints {
			secrets[secretOf(id)] = true
			holds(strings.HasPrefix(secretOf(id), "whsec_"), "a secret without whsec_")
		}
		equal(len(secrets), 3, "different secrets")
	})

	step("v1.endpoint.get-secret", "is the one that was brought along", func() {
		secret := "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
		own := must(api.Create(ctx, app, models.EndpointIn{Url: example("own"), Secret: &secret, Disabled: pointer(true)}, nil))
		equal(secretOf(own.Id), secret, "secret")
		check(api.Delete(ctx, app, own.Id))
	})

	step("v1.endpoint.transformation-get", "501: there are no transformations yet", func() {
		fails(501, "not_implemented", errorOf(api.TransformationGet(ctx, app, uid)))
	})

	step("v1.endpoint.patch-transformation", "501: there are no transformations yet", func() {
		patch := models.EndpointTransformationPatch{Enabled: pointer(true)}
		fails(501, "not_implemented", api.PatchTransformation(ctx, app, uid, patch))
	})
}
