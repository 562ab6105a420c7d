{{/* What all pods have in common. */}}

{{/* Kubernetes' restricted profile, and a root file system that cannot be written. */}}
{{- define "posthorn.podSecurity" -}}
automountServiceAccountToken: false
# The names that Kubernetes would set look like settings of ours.
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: {{ .user }}
  runAsGroup: {{ .user }}
  fsGroup: {{ .user }}
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "posthorn.containerSecurity" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
{{- end }}

{{/* What pods of our own image have in common; root. */}}
{{- define "posthorn.pod" -}}
serviceAccountName: {{ include "posthorn.serviceAccountName" . }}
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{ include "posthorn.podSecurity" (dict "user" 65532) }}
{{- end }}

{{/* A container of our own image; root, name (as in posthorn.env), args. */}}
{{- define "posthorn.container" -}}
name: {{ .containerName | default .name }}
image: {{ include "posthorn.image" .root }}
imagePullPolicy: {{ .root.Values.image.pullPolicy }}
args: {{ .args | default (list .name) | toJson }}
env:
  {{- include "posthorn.env" . | nindent 2 }}
{{ include "posthorn.containerSecurity" . }}
volumeMounts:
  - {name: secrets, mountPath: /etc/posthorn/secrets, readOnly: true}
  {{- with .extraVolumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}
