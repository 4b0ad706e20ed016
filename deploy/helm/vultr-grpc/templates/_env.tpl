{{- /* The settings of docs/operations.md. What the chart sets itself cannot be set twice. */ -}}
{{- define "vultr-grpc.env" -}}
{{- $v := .Values }}
{{- $own := dict
  "VULTR_API_URL" $v.upstream
  "REPLICAS" ($v.replicas | toString)
  "DRAIN_DELAY" (printf "%vs" $v.drainDelaySeconds)
  "SHUTDOWN_GRACE" (printf "%vs" $v.shutdownGraceSeconds) }}
{{- if $v.callers.secret }}{{ $_ := set $own "CALLERS_FILE" (printf "/etc/vultr-grpc/callers/%s" $v.callers.key) }}{{ end }}
{{- if $v.callers.allowAnonymous }}{{ $_ := set $own "ALLOW_ANONYMOUS" "on" }}{{ end }}
{{- if $v.tls.plaintext }}{{ $_ := set $own "PLAINTEXT" "on" }}{{ end }}
{{- if $v.tls.secret }}
{{- $_ := set $own "TLS_CERT" "/etc/vultr-grpc/tls/tls.crt" }}
{{- $_ := set $own "TLS_KEY" "/etc/vultr-grpc/tls/tls.key" }}
{{- if ne $v.tls.clientAuth "off" }}
{{- $_ := set $own "TLS_CLIENT_CA" "/etc/vultr-grpc/tls/ca.crt" }}
{{- $_ := set $own "TLS_CLIENT_AUTH" $v.tls.clientAuth }}
{{- end }}
{{- end }}
{{- if $v.redis.sentinels }}{{ $_ := set $own "REDIS_SENTINELS" (join "," $v.redis.sentinels) }}{{ end }}
{{- if $v.redis.tlsSecret }}{{ $_ := set $own "REDIS_CA" "/etc/vultr-grpc/redis/ca.crt" }}{{ end }}
{{- if $v.redis.clientCertificate }}
{{- $_ := set $own "REDIS_CERT" "/etc/vultr-grpc/redis/tls.crt" }}
{{- $_ := set $own "REDIS_KEY" "/etc/vultr-grpc/redis/tls.key" }}
{{- end }}
{{- if eq $v.state.claim "memory" }}{{ $_ := set $own "STATE_DIR" "memory" }}{{ end }}
{{- range $name, $value := $v.settings }}
{{- if hasKey $own $name }}{{ fail (printf "settings.%s is set by another value of the chart." $name) }}{{ end }}
{{- if has $name (list "VULTR_API_KEY" "REDIS_URL" "REDIS_SENTINEL_PASSWORD") }}{{ fail (printf "settings.%s is a secret: name the Secret that holds it." $name) }}{{ end }}
{{- $_ := set $own $name ($value | toString) }}
{{- end }}
{{- range $name, $value := $own }}
- { name: {{ $name }}, value: {{ $value | quote }} }
{{- end }}
{{- if $v.redis.secret }}
- name: REDIS_URL
  valueFrom: { secretKeyRef: { name: {{ $v.redis.secret }}, key: {{ $v.redis.key }} } }
{{- if $v.redis.sentinelPasswordKey }}
- name: REDIS_SENTINEL_PASSWORD
  valueFrom: { secretKeyRef: { name: {{ $v.redis.secret }}, key: {{ $v.redis.sentinelPasswordKey }} } }
{{- end }}
{{- end }}
{{- if $v.apiKey.secret }}
- name: VULTR_API_KEY
  valueFrom: { secretKeyRef: { name: {{ $v.apiKey.secret }}, key: {{ $v.apiKey.key }} } }
{{- end }}
{{- end }}
