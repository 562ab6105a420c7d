package main

// Applications, and the errors that every resource shares.

import (
	"strings"

	svix "github.com/svix/svix-webhooks/go"
	"github.com/svix/svix-webhooks/go/models"
	"github.com/svix/svix-webhooks/go/utils"
)

func applicationId(app models.ApplicationOut) string { return app.Id }

func (w *world) applications() {
	api := w.svix.Application
	w.uid = "walk-" + unique()
	uid := w.uid

	step("v1.application.create", "creates an application", func() {
		created := must(api.Create(ctx, models.ApplicationIn{
			Name:         "Walk",
			Uid:          &uid,
			ThrottleRate: pointer[uint16](200),
			Metadata:     &map[string]string{"plan": "gold"},
		}, nil))
		holds(strings.HasPrefix(created.Id, "app_"), "the id "+created.Id)
		equal([]any{created.Name, created.Uid, created.ThrottleRate}, []any{"Walk", uid, 200}, "name, uid and throttle rate")
		equal(created.RateLimit, 200, "rate limit")
		equal(created.Metadata, map[string]string{"plan": "gold"}, "metadata")
		w.app = *created
	})

	step("v1.application.get", "gets it by id and by uid, as create answered it", func() {
		equal(must(api.Get(ctx, w.app.Id)), w.app, "by id")
		equal(must(api.Get(ctx, uid)), w.app, "by uid")
	})

	step("v1.application.create", "get-or-create returns what exists, unchanged", func() {
		equal(must(api.GetOrCreate(ctx, models.ApplicationIn{Name: "Another name", Uid: &uid}, nil)), w.app, "application")
	})

	step("v1.application.create", "get-or-create creates what does not exist", func() {
		w.second = *must(api.GetOrCreate(ctx, models.ApplicationIn{Name: "Second", Uid: pointer(uid + "-2")}, nil))
		equal([]any{w.second.Name, w.second.Metadata}, []any{"Second", map[string]string{}}, "name and metadata")
	})

	step("v1.application.create", "a repeat with the same idempotency key is the same application", func() {
		key := &svix.ApplicationCreateOptions{IdempotencyKey: pointer(unique())}
		w.third = *must(api.Create(ctx, models.ApplicationIn{Name: "Third"}, key))
		equal(must(api.Create(ctx, models.ApplicationIn{Name: "Third"}, key)), w.third, "application")
		holds(w.third.Uid == nil, "a uid out of nowhere")
	})

	step("v1.application.create", "409 when the uid is taken", func() {
		fails(409, "conflict", errorOf(api.Create(ctx, models.ApplicationIn{Name: "Taken", Uid: &uid}, nil)))
	})

	step("v1.application.create", "422 for an empty name, with its place", func() {
		detail := fails(422, "", errorOf(api.Create(ctx, models.ApplicationIn{Name: ""}, nil)))
		equal([]any{detail[0].Loc, detail[0].Type}, []any{[]string{"body", "name"}, "value_error"}, "place and type")
		holds(detail[0].Msg != "", "no message")
	})

	step("v1.application.get", "404 for an unknown application", func() {
		fails(404, "not_found", errorOf(api.Get(ctx, uid+"-unknown")))
	})

	step("v1.application.list", "401 for a token of another key", func() {
		parts := strings.Split(w.token, ".")
		stranger := client(w.server, parts[0]+"."+parts[1]+"."+strings.Repeat("A", 43), nil)
		fails(401, "authentication_failed", errorOf(stranger.Application.List(ctx, nil)))
	})

	step("v1.application.update", "replaces all fields", func() {
		updated := must(api.Update(ctx, uid, models.ApplicationIn{Name: "Renamed", Uid: &uid}))
		equal([]any{updated.Id, updated.Name, updated.Metadata}, []any{w.app.Id, "Renamed", map[string]string{}}, "fields")
		holds(updated.ThrottleRate == nil, "the throttle rate stays")
		equal(updated.CreatedAt, w.app.CreatedAt, "time of creation")
		holds(updated.UpdatedAt.After(w.app.UpdatedAt), "the time of the update stays")
	})

	step("v1.application.update", "creates what does not exist", func() {
		created := must(api.Update(ctx, uid+"-put", models.ApplicationIn{Name: "Put", Uid: pointer(uid + "-put")}))
		equal(must(api.Get(ctx, uid+"-put")), created, "application")
	})

	step("v1.application.patch", "changes what is named and keeps the rest", func() {
		patched := must(api.Patch(ctx, uid, models.ApplicationPatch{
			ThrottleRate: utils.NewNullable[uint16](100),
			Metadata:     &map[string]string{"plan": "silver"},
		}))
		equal([]any{patched.Name, patched.ThrottleRate}, []any{"Renamed", 100}, "name and throttle rate")
		equal(patched.Metadata, map[string]string{"plan": "silver"}, "metadata")
	})

	step("v1.application.patch", "null clears a field", func() {
		patched := must(api.Patch(ctx, uid, models.ApplicationPatch{ThrottleRate: utils.NewNullableFromPtr[uint16](nil)}))
		holds(patched.ThrottleRate == nil, "the throttle rate stays")
		equal(patched.Metadata, map[string]string{"plan": "silver"}, "metadata")
	})

	step("v1.application.list", "iterates forwards and backwards", func() {
		ids := []string{w.app.Id, w.second.Id, w.third.Id}
		page := must(api.List(ctx, &svix.ApplicationListOptions{
			Iterator: &ids[0], Limit: pointer[uint64](2), Order: pointer(models.ORDERING_ASCENDING),
		}))
		equal(idsOf(page.Data, applicationId), ids[1:], "the page after the first")
		equal([]any{page.Iterator, page.PrevIterator}, []any{ids[2], "-" + ids[1]}, "iterators")
		before := must(api.List(ctx, &svix.ApplicationListOptions{
			Iterator: pointer("-" + ids[2]), Limit: pointer[uint64](2), Order: pointer(models.ORDERING_ASCENDING),
		}))
		equal(idsOf(before.Data, applicationId), ids[:2], "the page before the last")
	})

	step("v1.application.list", "lists in descending order", func() {
		page := must(api.List(ctx, &svix.ApplicationListOptions{
			Iterator: &w.third.Id, Limit: pointer[uint64](2), Order: pointer(models.ORDERING_DESCENDING),
		}))
		equal(idsOf(page.Data, applicationId), []string{w.second.Id, w.app.Id}, "the page after the newest")
	})

	step("v1.application.list", "422 for a limit beyond 250", func() {
		detail := fails(422, "", errorOf(api.List(ctx, &svix.ApplicationListOptions{Limit: pointer[uint64](251)})))
		equal(detail[0].Loc[:2], []string{"query", "limit"}, "place")
	})

	step("v1.application.delete", "deletes it, and frees its uid", func() {
		check(api.Delete(ctx, uid+"-put"))
		fails(404, "not_found", errorOf(api.Get(ctx, uid+"-put")))
		fails(404, "not_found", api.Delete(ctx, uid+"-put"))
		must(api.Create(ctx, models.ApplicationIn{Name: "Again", Uid: pointer(uid + "-put")}, nil))
		check(api.Delete(ctx, uid+"-put"))
	})
}
