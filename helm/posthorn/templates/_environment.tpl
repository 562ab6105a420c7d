{{/*
The environment of a container, in one place: a map by name, so that no name comes twice.

Input: root, name (of the service, or "migrate" or "test"), settings and extraEnv (on top of those of
the whole chart), natsAuth.
*/}}

{{/* Which secrets each program reads; nobody else gets them. */}}
{{- define "posthorn.needs" -}}
{{- $needs := dict
  "ingest" (list "nats" "jwt")
  "fanout" (list "nats")
  "sender" (list "nats" "keys" "proxy")
  "recorder" (list "nats" "database")
  "api" (list "nats" "jwt" "keys" "database")
  "migrate" (list "database")
  "test" (list "nats" "jwt") -}}
{{- toJson (index $needs .) -}}
{{- end }}

{{/* Settings that follow from the rest of the chart. Two truths would be one too many. */}}
{{- define "posthorn.reservedSettings" -}}
POSTHORN_ADMIN_ADDR POSTHORN_API_ADDR POSTHORN_INGEST_ADDR POSTHORN_GRACE
POSTHORN_NATS_URL POSTHORN_NATS_REPLICAS POSTHORN_NATS_USER POSTHORN_NATS_PASSWORD
POSTHORN_NATS_PASSWORD_FILE POSTHORN_NATS_CREDS_FILE POSTHORN_NATS_CA_FILE
POSTHORN_NATS_CERT_FILE POSTHORN_NATS_KEY_FILE
POSTHORN_DATABASE_URL POSTHORN_DATABASE_URL_FILE POSTHORN_DATABASE_CA_FILE
POSTHORN_JWT_SECRET POSTHORN_JWT_SECRET_FILE
POSTHORN_ENCRYPTION_KEYS POSTHORN_ENCRYPTION_KEYS_FILE
POSTHORN_EGRESS_ALLOW POSTHORN_EGRESS_PROXY POSTHORN_EGRESS_PROXY_FILE
OTEL_EXPORTER_OTLP_ENDPOINT
{{- end }}

{{- define "posthorn.natsUrl" -}}
{{- if .Values.nats.url -}}
{{ .Values.nats.url }}
{{- else if .Values.bundled.nats.enabled -}}
nats://{{ include "posthorn.fullname" . }}-nats:4222
{{- else -}}
{{- fail "nats.url is missing: give the servers' URLs, or set bundled.nats.enabled for a first look (values-quickstart.yaml)" -}}
{{- end -}}
{{- end }}

{{/* Which Secret and key has the database's URL, as JSON. */}}
{{- define "posthorn.databaseSecret" -}}
{{- $fullname := include "posthorn.fullname" . -}}
{{- if .Values.database.existingSecret -}}
{{- dict "name" .Values.database.existingSecret "key" .Values.database.urlKey | toJson -}}
{{- else if .Values.database.url -}}
{{- dict "name" (printf "%s-database" $fullname) "key" "url" | toJson -}}
{{- else if .Values.bundled.postgres.enabled -}}
{{- dict "name" (printf "%s-postgres" $fullname) "key" "url" | toJson -}}
{{- else -}}
{{- fail "the database is missing: give database.existingSecret or database.url, or set bundled.postgres.enabled for a first look (values-quickstart.yaml)" -}}
{{- end -}}
{{- end }}

{{- define "posthorn.secretsName" -}}
{{- .Values.secrets.existingSecret | default (printf "%s-secrets" (include "posthorn.fullname" .)) -}}
{{- end }}

{{- define "posthorn.tracingEndpoint" -}}
{{- if .Values.tracing.endpoint -}}
{{ .Values.tracing.endpoint }}
{{- else if .Values.bundled.jaeger.enabled -}}
http://{{ include "posthorn.fullname" . }}-jaeger:4317
{{- end -}}
{{- end }}

{{/*
Files under /etc/posthorn/secrets, as {files: [{secret, key, path}], settings: {NAME: value}}.
*/}}
{{- define "posthorn.secretFiles" -}}
{{- $root := .root -}}
{{- $values := .root.Values -}}
{{- $needs := include "posthorn.needs" .name | fromJsonArray -}}
{{- $files := list -}}
{{- $settings := dict -}}
{{- $folder := "/etc/posthorn/secrets" -}}
{{- if has "nats" $needs -}}
  {{- $auth := mergeOverwrite (pick $values.nats.auth "user" "passwordKey" "credentialsKey") (.natsAuth | default dict) -}}
  {{- with $values.nats.auth.existingSecret -}}
    {{- if $auth.credentialsKey -}}
      {{- $files = append $files (dict "secret" . "key" $auth.credentialsKey "path" "nats.creds") -}}
      {{- $_ := set $settings "POSTHORN_NATS_CREDS_FILE" (printf "%s/nats.creds" $folder) -}}
    {{- else -}}
      {{- $_ := required "nats.auth.user (or natsAuth.user of the service) is missing: it goes with the password in nats.auth.existingSecret" $auth.user -}}
      {{- $files = append $files (dict "secret" . "key" $auth.passwordKey "path" "nats-password") -}}
      {{- $_ := set $settings "POSTHORN_NATS_USER" $auth.user -}}
      {{- $_ := set $settings "POSTHORN_NATS_PASSWORD_FILE" (printf "%s/nats-password" $folder) -}}
    {{- end -}}
  {{- end -}}
  {{- with $values.nats.tls.existingSecret -}}
    {{- range $key, $setting := dict "caKey" "POSTHORN_NATS_CA_FILE" "certKey" "POSTHORN_NATS_CERT_FILE" "keyKey" "POSTHORN_NATS_KEY_FILE" -}}
      {{- with index $values.nats.tls $key -}}
        {{- $path := printf "nats-%s.pem" ($key | trimSuffix "Key") -}}
        {{- $files = append $files (dict "secret" $values.nats.tls.existingSecret "key" . "path" $path) -}}
        {{- $_ := set $settings $setting (printf "%s/%s" $folder $path) -}}
      {{- end -}}
    {{- end -}}
  {{- end -}}
{{- end -}}
{{- if has "database" $needs -}}
  {{- $database := .database | default (include "posthorn.databaseSecret" $root | fromJson) -}}
  {{- $files = append $files (dict "secret" $database.name "key" $database.key "path" "database-url") -}}
  {{- $_ := set $settings "POSTHORN_DATABASE_URL_FILE" (printf "%s/database-url" $folder) -}}
  {{- with $values.database.caSecret -}}
    {{- $files = append $files (dict "secret" . "key" $values.database.caKey "path" "database-ca.pem") -}}
    {{- $_ := set $settings "POSTHORN_DATABASE_CA_FILE" (printf "%s/database-ca.pem" $folder) -}}
  {{- end -}}
{{- end -}}
{{- if has "jwt" $needs -}}
  {{- $files = append $files (dict "secret" (include "posthorn.secretsName" $root) "key" $values.secrets.jwtSecretKey "path" "jwt-secret") -}}
  {{- $_ := set $settings "POSTHORN_JWT_SECRET_FILE" (printf "%s/jwt-secret" $folder) -}}
{{- end -}}
{{- if has "keys" $needs -}}
  {{- $files = append $files (dict "secret" (include "posthorn.secretsName" $root) "key" $values.secrets.encryptionKeysKey "path" "encryption-keys") -}}
  {{- $_ := set $settings "POSTHORN_ENCRYPTION_KEYS_FILE" (printf "%s/encryption-keys" $folder) -}}
{{- end -}}
{{- if and (has "proxy" $needs) $values.egress.proxy.existingSecret -}}
  {{- $files = append $files (dict "secret" $values.egress.proxy.existingSecret "key" $values.egress.proxy.urlKey "path" "egress-proxy") -}}
  {{- $_ := set $settings "POSTHORN_EGRESS_PROXY_FILE" (printf "%s/egress-proxy" $folder) -}}
{{- end -}}
{{- dict "files" $files "settings" $settings | toJson -}}
{{- end }}

{{/* One volume with all of a program's secret files. */}}
{{- define "posthorn.secretVolume" -}}
{{- $all := include "posthorn.secretFiles" . | fromJson -}}
name: secrets
{{- if not $all.files }}
emptyDir: {medium: Memory, sizeLimit: 1Mi}
{{- else }}
projected:
  # The group of the container's user, which is fsGroup.
  defaultMode: 0440
  sources:
    {{- range $all.files }}
    - secret:
        name: {{ .secret }}
        items: [{key: {{ .key | quote }}, path: {{ .path | quote }}}]
    {{- end }}
{{- end }}
{{- end }}

{{/* Settings that the chart decides, without secrets. */}}
{{- define "posthorn.ownSettings" -}}
{{- $root := .root -}}
{{- $settings := dict -}}
{{- $isService := hasKey $root.Values.services .name -}}
{{- if has "nats" (include "posthorn.needs" .name | fromJsonArray) -}}
  {{- $_ := set $settings "POSTHORN_NATS_URL" (include "posthorn.natsUrl" $root) -}}
{{- end -}}
{{- if $isService -}}
  {{- $_ := set $settings "POSTHORN_NATS_REPLICAS" $root.Values.nats.replicas -}}
  {{- $_ := set $settings "POSTHORN_ADMIN_ADDR" "0.0.0.0:9071" -}}
  {{- $_ := set $settings "POSTHORN_GRACE" (printf "%ds" (int $root.Values.gracePeriodSeconds)) -}}
  {{- $_ := set $settings "POSTHORN_LOG_FORMAT" "json" -}}
  {{- with include "posthorn.tracingEndpoint" $root -}}
    {{- $_ := set $settings "OTEL_EXPORTER_OTLP_ENDPOINT" . -}}
  {{- end -}}
{{- end -}}
{{- if eq .name "ingest" -}}
  {{- $_ := set $settings "POSTHORN_INGEST_ADDR" "0.0.0.0:8072" -}}
{{- end -}}
{{- if eq .name "api" -}}
  {{- $_ := set $settings "POSTHORN_API_ADDR" "0.0.0.0:8071" -}}
{{- end -}}
{{- if has .name (list "api" "sender") -}}
  {{- $allowed := $root.Values.egress.allow -}}
  {{- if $root.Values.tests.enabled -}}
    {{- $allowed = append $allowed (include "posthorn.testHost" $root) -}}
  {{- end -}}
  {{- with $allowed -}}
    {{- $_ := set $settings "POSTHORN_EGRESS_ALLOW" (join "," .) -}}
  {{- end -}}
{{- end -}}
{{- toJson $settings -}}
{{- end }}

{{/* The list for `env:`, sorted by name. */}}
{{- define "posthorn.env" -}}
{{- $root := .root -}}
{{- $reserved := include "posthorn.reservedSettings" . | splitList "\n" | join " " | splitList " " -}}
{{- $given := mergeOverwrite (deepCopy $root.Values.settings) (deepCopy (.settings | default dict)) -}}
{{- range $name, $_ := $given -}}
  {{- if has $name $reserved -}}
    {{- fail (printf "%s cannot stand in settings: it follows from the chart's other values, see values.yaml" $name) -}}
  {{- end -}}
{{- end -}}
{{- $secret := get (include "posthorn.secretFiles" . | fromJson) "settings" -}}
{{- $own := include "posthorn.ownSettings" . | fromJson -}}
{{- $variables := dict -}}
{{- range $name, $value := mergeOverwrite $own $secret (.own | default dict) $given -}}
  {{- $_ := set $variables $name (dict "name" $name "value" (toString $value)) -}}
{{- end -}}
{{- range concat $root.Values.extraEnv (.extraEnv | default list) -}}
  {{- $_ := set $variables .name . -}}
{{- end -}}
{{- range $name := keys $variables | sortAlpha }}
- {{ get $variables $name | toJson }}
{{- end }}
{{- end }}
