{{/* Names and labels. */}}

{{- define "posthorn.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 37 | trimSuffix "-" -}}
{{- end }}

{{/* 37 characters at most: the longest suffix and a pod's hash must fit behind it. */}}
{{- define "posthorn.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 37 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 37 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 37 | trimSuffix "-" -}}
{{- end -}}
{{- end }}

{{/* What never changes of a component, so that selectors stay valid over upgrades. */}}
{{- define "posthorn.selectorLabels" -}}
app.kubernetes.io/name: {{ include "posthorn.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
{{- with .component }}
app.kubernetes.io/component: {{ . }}
{{- end }}
{{- end }}

{{- define "posthorn.labels" -}}
{{- $own := include "posthorn.selectorLabels" . | fromYaml -}}
{{- $own = merge $own (dict
  "app.kubernetes.io/version" (.root.Values.image.tag | default .root.Chart.AppVersion)
  "app.kubernetes.io/part-of" "posthorn"
  "app.kubernetes.io/managed-by" .root.Release.Service
  "helm.sh/chart" (printf "%s-%s" .root.Chart.Name .root.Chart.Version)) -}}
{{- toYaml (merge $own .root.Values.commonLabels) -}}
{{- end }}

{{/* Without the chart's version: pods need not start anew when only that changes. */}}
{{- define "posthorn.podLabels" -}}
{{- toYaml (merge (include "posthorn.selectorLabels" . | fromYaml) (.more | default dict) .root.Values.commonLabels) -}}
{{- end }}

{{- define "posthorn.serviceAccountName" -}}
{{- $default := ternary (include "posthorn.fullname" .) "default" .Values.serviceAccount.create -}}
{{- default $default .Values.serviceAccount.name -}}
{{- end }}

{{- define "posthorn.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{ .repository }}@{{ .digest }}
{{- else -}}
{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}
{{- end -}}
{{- end -}}
{{- end }}

{{/* A service's values: what all have in common, and on top of it its own. */}}
{{- define "posthorn.service" -}}
{{- $own := deepCopy (index .root.Values.services .name) -}}
{{- toYaml (mergeOverwrite (deepCopy .root.Values.defaults) $own) -}}
{{- end }}

{{/* Where the test of the release waits for its delivery. */}}
{{- define "posthorn.testHost" -}}
{{ include "posthorn.fullname" . }}-test.{{ .Release.Namespace }}.svc
{{- end }}
