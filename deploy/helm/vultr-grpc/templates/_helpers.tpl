{{- define "vultr-grpc.name" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name | trunc 63 | trimSuffix "-" }}{{ else }}{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 63 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "vultr-grpc.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "vultr-grpc.labels" -}}
{{ include "vultr-grpc.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "vultr-grpc.image" -}}
{{- if .Values.image.digest }}{{ .Values.image.repository }}@{{ .Values.image.digest }}{{ else }}{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}{{ end }}
{{- end }}

{{- /* Values that do not go together end the rendering: the pods would not start, or would promise what they cannot keep. */ -}}
{{- define "vultr-grpc.check" -}}
{{- $v := .Values }}
{{- if and (not $v.redis.secret) (gt (int $v.replicas) 1) }}{{ fail "More than one replica needs redis.secret: without it each would use the whole request budget, and know only its own creates." }}{{ end }}
{{- if and (not $v.redis.secret) (not $v.state.claim) (ne $v.upstream "sandbox") }}{{ fail "The record of creates needs redis.secret, or state.claim, the name of a PersistentVolumeClaim; state.claim: memory forgets it with the pod." }}{{ end }}
{{- if and (not $v.callers.secret) (not $v.callers.allowAnonymous) }}{{ fail "Set callers.secret, or callers.allowAnonymous: true to serve everybody who reaches the service." }}{{ end }}
{{- if and (not $v.tls.secret) (not $v.tls.plaintext) }}{{ fail "Set tls.secret, or tls.plaintext: true where a mesh does the TLS." }}{{ end }}
{{- if and $v.redis.clientCertificate (not $v.redis.tlsSecret) }}{{ fail "redis.clientCertificate needs redis.tlsSecret." }}{{ end }}
{{- end }}

{{- /* What probes the pod: gRPC's own health check in plain text; the kubelet speaks no gRPC over TLS and shows no certificate. */ -}}
{{- define "vultr-grpc.probe" -}}
{{- if not .Values.tls.secret -}}
grpc: { port: 50051 }
{{- else if ne .Values.tls.clientAuth "required" -}}
httpGet: { path: {{ .path }}, port: http, scheme: HTTPS }
{{- else -}}
tcpSocket: { port: grpc }
{{- end -}}
{{- end }}

{{- /* A pod that is busy or draining lives: it is asked with patience, and where it can be for no more than /healthz. */ -}}
{{- define "vultr-grpc.liveness" -}}
{{- if eq .Values.tls.clientAuth "required" -}}
tcpSocket: { port: grpc }
{{- else -}}
httpGet: { path: /healthz, port: http, scheme: {{ if .Values.tls.secret }}HTTPS{{ else }}HTTP{{ end }} }
{{- end -}}
{{- end }}
