{{/* Rules of NetworkPolicies. */}}

{{/* To a server: the bundled one, or wherever the one given by URL may be. */}}
{{- define "posthorn.egressTo" -}}
- ports:
    {{- range .ports }}
    - {port: {{ . }}, protocol: TCP}
    {{- end }}
  {{- if not .given }}
  to:
    - podSelector:
        matchLabels:
          {{- include "posthorn.selectorLabels" (dict "root" .root "component" .bundled) | nindent 10 }}
  {{- else if .to }}
  to:
    {{- toYaml .to | nindent 4 }}
  {{- end }}
{{- end }}

{{/* Ranges that no endpoint may be in: those that the sender refuses by itself. */}}
{{- define "posthorn.forbiddenRanges" -}}
ipv4:
  - 0.0.0.0/8
  - 10.0.0.0/8
  - 100.64.0.0/10
  - 127.0.0.0/8
  - 168.63.129.16/32
  - 169.254.0.0/16
  - 172.16.0.0/12
  - 192.0.0.0/24
  - 192.0.2.0/24
  - 192.88.99.0/24
  - 192.168.0.0/16
  - 198.18.0.0/15
  - 198.51.100.0/24
  - 203.0.113.0/24
  - 224.0.0.0/4
  - 240.0.0.0/4
# Within 2000::/3, which alone is allowed.
ipv6:
  - 2001::/23
  - 2001:db8::/32
  - 2002::/16
  - 3fff::/20
{{- end }}

{{/* The internet; what the operator allows beside it; the pod of `helm test`. */}}
{{- define "posthorn.senderEgress" -}}
{{- $policy := .Values.networkPolicy -}}
{{- $forbidden := include "posthorn.forbiddenRanges" . | fromYaml -}}
{{- $ipv4 := $forbidden.ipv4 -}}
{{- $ipv6 := $forbidden.ipv6 -}}
{{- range $policy.clusterRanges -}}
{{- if contains ":" . }}{{ $ipv6 = append $ipv6 . }}{{ else }}{{ $ipv4 = append $ipv4 . }}{{ end -}}
{{- end -}}
{{- if not .Values.egress.proxy.existingSecret }}
- to:
    - ipBlock:
        cidr: 0.0.0.0/0
        except:
          {{- toYaml $ipv4 | nindent 10 }}
    - ipBlock:
        cidr: 2000::/3
        except:
          {{- toYaml $ipv6 | nindent 10 }}
  {{- include "posthorn.endpointPorts" . | nindent 2 }}
{{- end }}
{{- $private := list }}
{{- range .Values.egress.allow }}
{{- /* An address or a range. A name has no address here; give its range as well. */}}
{{- if regexMatch "^[0-9.]+(/[0-9]+)?$|:" . }}
{{- $whole := ternary "/128" "/32" (contains ":" .) }}
{{- $private = append $private (ternary . (printf "%s%s" . $whole) (contains "/" .)) }}
{{- end }}
{{- end }}
{{- with $private }}
- to:
    {{- range . }}
    - ipBlock: {cidr: {{ . | quote }}}
    {{- end }}
  {{- include "posthorn.endpointPorts" $ | nindent 2 }}
{{- end }}
{{- if .Values.tests.enabled }}
- ports: [{port: 8080, protocol: TCP}]
  to:
    - podSelector:
        matchLabels:
          {{- include "posthorn.selectorLabels" (dict "root" . "component" "test") | nindent 10 }}
{{- end }}
{{- with $policy.senderExtraEgress }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "posthorn.endpointPorts" -}}
{{- with .Values.networkPolicy.endpointPorts -}}
ports:
  {{- range . }}
  - {port: {{ . }}, protocol: TCP}
  {{- end }}
{{- else -}}
ports: [{protocol: TCP}]
{{- end -}}
{{- end }}
