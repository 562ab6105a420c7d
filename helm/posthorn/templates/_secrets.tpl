{{/* Data of the generated Secret, the same wherever it is asked for within one rendering. */}}
{{- define "posthorn.generatedSecrets" -}}
{{- if not (hasKey .Values "_generatedSecrets") -}}
  {{- $name := include "posthorn.secretsName" . -}}
  {{- $found := get (lookup "v1" "Secret" .Release.Namespace $name | default dict) "data" | default dict -}}
  {{- $jwt := .Values.secrets.jwtSecretKey -}}
  {{- $keys := .Values.secrets.encryptionKeysKey -}}
  {{- $made := dict
    $jwt (get $found $jwt | default (randAlphaNum 48 | b64enc))
    $keys (get $found $keys | default (printf "1:%s" (randBytes 32) | b64enc)) -}}
  {{- $_ := set .Values "_generatedSecrets" $made -}}
{{- end -}}
{{- toYaml .Values._generatedSecrets -}}
{{- end }}

{{/* Pods start anew when the chart's own secrets change; others' Secrets are theirs to announce. */}}
{{- define "posthorn.generatedChecksum" -}}
{{- if not .Values.secrets.existingSecret -}}
{{- printf "%s %s" (include "posthorn.generatedSecrets" .) .Values.database.url | sha256sum -}}
{{- else if .Values.database.url -}}
{{- .Values.database.url | sha256sum -}}
{{- end -}}
{{- end }}
