package main

// Event types. Their names belong to the whole organisation, so this walk's have a prefix.

import (
	svix "github.com/svix/svix-webhooks/go"
	"github.com/svix/svix-webhooks/go/models"
	"github.com/svix/svix-webhooks/go/utils"
)

func nameOf(one models.EventTypeOut) string { return one.Name }

func object(pairs ...any) map[string]any {
	made := map[string]any{}
	for index := 0; index < len(pairs); index += 2 {
		made[pairs[index].(string)] = pairs[index+1]
	}
	return made
}

func (w *world) eventTypes() {
	api := w.svix.EventType
	prefix := "w" + unique()
	w.paid, w.sent, w.void = prefix+".invoice.paid", prefix+".invoice.sent", prefix+".invoice.void"
	schemas := object("1", object("type", "object", "title", "An invoice", "examples", []any{object("amount", 1200)}))

	step("v1.event-type.create", "creates an event type with a schema and a group", func() {
		group := prefix + ".invoice"
		created := must(api.Create(ctx, models.EventTypeIn{
			Name: w.paid, Description: "An invoice was paid", Schemas: &schemas, GroupName: &group,
		}, nil))
		equal([]any{created.Name, created.Description}, []any{w.paid, "An invoice was paid"}, "name and description")
		equal([]any{created.Schemas, created.GroupName}, []any{schemas, group}, "schemas and group")
		equal([]any{created.Archived, created.Deprecated}, []any{false, false}, "archived and deprecated")
		w.eventType = *created
		for _, name := range []string{w.sent, w.void} {
			must(api.Create(ctx, models.EventTypeIn{Name: name, Description: "Another"}, nil))
		}
	})

	step("v1.event-type.get", "gets it as create answered it", func() {
		equal(must(api.Get(ctx, w.paid)), w.eventType, "event type")
	})

	step("v1.event-type.create", "409 when the name is taken", func() {
		again := models.EventTypeIn{Name: w.paid, Description: "Again"}
		fails(409, "event_type_exists", errorOf(api.Create(ctx, again, nil)))
	})

	step("v1.event-type.create", "422 for what is no JSON Schema", func() {
		bad := object("1", object("type", "no such type"))
		fails(422, "", errorOf(api.Create(ctx, models.EventTypeIn{Name: prefix + ".bad", Schemas: &bad}, nil)))
	})

	step("v1.event-type.get", "404 for an unknown event type", func() {
		fails(404, "not_found", errorOf(api.Get(ctx, prefix+".unknown")))
	})

	step("v1.event-type.list", "iterates forwards and backwards", func() {
		page := must(api.List(ctx, &svix.EventTypeListOptions{Iterator: &w.paid, Limit: pointer[uint64](2)}))
		equal(idsOf(page.Data, nameOf), []string{w.sent, w.void}, "the page after the first")
		equal(page.Iterator, w.void, "iterator")
		back := must(api.List(ctx, &svix.EventTypeListOptions{Iterator: page.PrevIterator, Limit: pointer[uint64](1)}))
		equal(idsOf(back.Data, nameOf), []string{w.paid}, "the page before")
	})

	step("v1.event-type.list", "leaves schemas out unless they are asked for", func() {
		first := func(withContent bool) *map[string]any {
			return must(api.List(ctx, &svix.EventTypeListOptions{
				Iterator: pointer("-" + w.sent), Limit: pointer[uint64](1), WithContent: &withContent,
			})).Data[0].Schemas
		}
		equal(first(true), schemas, "schemas with content")
		holds(first(false) == nil, "schemas without content")
	})

	step("v1.event-type.update", "replaces all fields", func() {
		updated := must(api.Update(ctx, w.void, models.EventTypeUpdate{Description: "Voided", Deprecated: pointer(true)}))
		equal([]any{updated.Description, updated.Deprecated}, []any{"Voided", true}, "fields")
		holds(updated.Schemas == nil, "schemas out of nowhere")
	})

	step("v1.event-type.update", "creates what does not exist", func() {
		must(api.Update(ctx, prefix+".put", models.EventTypeUpdate{Description: "Put"}))
		equal(must(api.Get(ctx, prefix+".put")).Description, "Put", "description")
	})

	step("v1.event-type.patch", "changes what is named and keeps the rest", func() {
		patched := must(api.Patch(ctx, w.paid, models.EventTypePatch{
			Description: pointer("Paid"), FeatureFlag: utils.NewNullable(prefix + "-beta"),
		}))
		equal([]any{patched.Description, patched.Schemas}, []any{"Paid", schemas}, "description and schemas")
		flags := []any{patched.FeatureFlag, patched.FeatureFlags}
		equal(flags, []any{prefix + "-beta", []string{prefix + "-beta"}}, "feature flag, in both spellings")
	})

	step("v1.event-type.patch", "null clears a field", func() {
		patched := must(api.Patch(ctx, w.paid, models.EventTypePatch{FeatureFlag: utils.NewNullableFromPtr[string](nil)}))
		holds(patched.FeatureFlags == nil && patched.FeatureFlag == nil, "the feature flag stays")
	})

	step("v1.event-type.delete", "archives it: not listed any more, but there", func() {
		check(api.Delete(ctx, prefix+".put", nil))
		equal(must(api.Get(ctx, prefix+".put")).Archived, true, "archived")
		listed := func(archived bool) []string {
			return idsOf(must(api.List(ctx, &svix.EventTypeListOptions{
				Iterator: &w.void, Limit: pointer[uint64](1), IncludeArchived: &archived,
			})).Data, nameOf)
		}
		holds(!contains(listed(false), prefix+".put"), "it is still listed")
		equal(listed(true), []string{prefix + ".put"}, "the archived")
	})

	step("v1.event-type.create", "takes an archived one out of the archive", func() {
		again := must(api.Create(ctx, models.EventTypeIn{Name: prefix + ".put", Description: "Back"}, nil))
		equal([]any{again.Archived, again.Description}, []any{false, "Back"}, "archived and description")
	})

	step("v1.event-type.delete", "expunges it", func() {
		check(api.Delete(ctx, prefix+".put", &svix.EventTypeDeleteOptions{Expunge: pointer(true)}))
		fails(404, "not_found", errorOf(api.Get(ctx, prefix+".put")))
	})

	name := prefix + ".imported"
	properties := object("id", object("type", "string"))
	media := object("application/json", object("schema", object("type", "object", "properties", properties)))
	post := object("operationId", name, "description", "Imported", "requestBody", object("content", media), "responses", object())
	spec := object(
		"openapi", "3.1.0",
		"info", object("title", "Walk", "version", "1"),
		"webhooks", object(name, object("post", post)),
	)

	step("v1.event-type.import-openapi", "a dry run says what it would do, and does nothing", func() {
		dry := models.EventTypeImportOpenApiIn{Spec: &spec, DryRun: pointer(true)}
		answer := must(api.ImportOpenapi(ctx, dry, nil))
		equal(idsOf(answer.Data.ToModify, func(one models.EventTypeFromOpenApi) string { return one.Name }), []string{name}, "to modify")
		fails(404, "not_found", errorOf(api.Get(ctx, name)))
	})

	step("v1.event-type.import-openapi", "imports the webhooks of an OpenAPI document", func() {
		answer := must(api.ImportOpenapi(ctx, models.EventTypeImportOpenApiIn{Spec: &spec}, nil))
		equal(answer.Data.Modified, []string{name}, "modified")
		imported := must(api.Get(ctx, name))
		equal(imported.Description, "Imported", "description")
		equal((*imported.Schemas)["1"].(map[string]any)["properties"], properties, "schema")
	})
}
