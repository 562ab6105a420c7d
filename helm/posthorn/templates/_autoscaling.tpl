{{/* Autoscalers of a service: root, component, fullname, scaling. */}}

{{- define "posthorn.hpa" -}}
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata:
  name: {{ .fullname }}
  namespace: {{ .root.Release.Namespace }}
  labels:
    {{- include "posthorn.labels" . | nindent 4 }}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: {{ .fullname }}}
  minReplicas: {{ .scaling.minReplicas }}
  maxReplicas: {{ .scaling.maxReplicas }}
  metrics:
    - type: Resource
      resource:
        name: cpu
        target: {type: Utilization, averageUtilization: {{ .scaling.targetCPUUtilizationPercentage }}}
  behavior:
    # Each sender that leaves hands partitions over.
    scaleDown: {stabilizationWindowSeconds: 300}
{{- end }}

{{/* Work of api has no queue; its CPU alone decides. */}}
{{- define "posthorn.keda" -}}
apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata:
  name: {{ .fullname }}
  namespace: {{ .root.Release.Namespace }}
  labels:
    {{- include "posthorn.labels" . | nindent 4 }}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: {{ .fullname }}}
  minReplicaCount: {{ .scaling.minReplicas }}
  maxReplicaCount: {{ .scaling.maxReplicas }}
  advanced:
    horizontalPodAutoscalerConfig:
      behavior:
        scaleDown: {stabilizationWindowSeconds: 300}
  triggers:
    {{- if ne .component "api" }}
    {{- $matchers := printf "namespace=%q,stage=%q" .root.Release.Namespace .component }}
    {{- with .root.Values.keda.extraMatchers }}
    {{- $matchers = printf "%s,%s" $matchers . }}
    {{- end }}
    - type: prometheus
      # The age is one for all pods, not a sum to be divided among them.
      metricType: Value
      metadata:
        serverAddress: {{ .root.Values.keda.prometheusAddress | quote }}
        query: {{ printf "max(posthorn_backlog_oldest_age_seconds{%s})" $matchers | quote }}
        threshold: {{ .scaling.targetBacklogAgeSeconds | quote }}
        ignoreNullValues: "true"
    {{- end }}
    - type: cpu
      metricType: Utilization
      metadata:
        value: {{ .scaling.targetCPUUtilizationPercentage | quote }}
{{- end }}
