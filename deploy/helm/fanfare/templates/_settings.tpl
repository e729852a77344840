{{/* The settings of the server, as variables of its container. */}}

{{- define "fanfare.env" -}}
# For the names below.
- name: POD_NAMESPACE
  valueFrom:
    fieldRef:
      fieldPath: metadata.namespace
- name: FANFARE_LISTEN
  value: 0.0.0.0:8080
- name: FANFARE_ADMIN_LISTEN
  value: 0.0.0.0:9090
{{- include "fanfare.env.access" . | trim | nindent 0 }}
{{- include "fanfare.env.log" . | trim | nindent 0 }}
# The most that the bodies of requests hold, compiled selectors and grants, and slow readers beyond the event log.
# resources.limits.memory has all of it.
- name: FANFARE_BODIES_MAX
  value: {{ .Values.memory.bodies }}
- name: FANFARE_SELECTORS_MAX
  value: {{ .Values.memory.selectors }}
- name: FANFARE_GRANTS_MAX
  value: {{ .Values.memory.grants }}
- name: FANFARE_OUTPUT_BUFFERS_MAX
  value: {{ .Values.memory.outputBuffers }}
# terminationGracePeriodSeconds follows from it.
- name: FANFARE_DRAIN_WINDOW
  value: {{ .Values.drain.windowSeconds }}s
- name: FANFARE_LOG_LEVEL
  value: {{ .Values.server.logLevel | quote }}
- name: FANFARE_LOG_FORMAT
  value: {{ .Values.server.logFormat }}
{{- with .Values.tls.existingSecret }}
- name: FANFARE_TLS_CERT
  value: /etc/fanfare/tls/tls.crt
- name: FANFARE_TLS_KEY
  value: /etc/fanfare/tls/tls.key
{{- end }}
{{- if .Values.server.config }}
- name: FANFARE_CONFIG
  value: /etc/fanfare/config/fanfare.toml
{{- end }}
{{- with .Values.server.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Who may publish and subscribe, and by which names. */}}
{{- define "fanfare.env.access" -}}
{{- if .Values.server.open }}
# Whoever reaches it publishes and subscribes.
- name: FANFARE_OPEN
  value: "true"
{{- else }}
{{- if include "fanfare.keys" . }}
- name: FANFARE_JWT_SECRET_FILE
  value: /etc/fanfare/keys/jwt.secret
{{- end }}
{{- if include "fanfare.tickets" . }}
# A ticket of one pod opens streams at the others.
- name: FANFARE_TICKET_SECRET_FILE
  value: /etc/fanfare/keys/ticket.secret
{{- end }}
# "false" asks subscribers for a token, too.
- name: FANFARE_ANONYMOUS_SUBSCRIBE
  value: {{ .Values.server.anonymousSubscribe | quote }}
{{- end }}
# By which names it is called: that of the service, from this namespace and others, {{ if ne .Values.mode "cluster" }}those of the pods, {{ end }}and
# `kubectl port-forward`'s. The host of your ingress belongs here too; requests for any other are
# answered 421.
- name: FANFARE_HOST
  value: "{{ include "fanfare.hosts" . }}"
{{- with .Values.server.corsOrigins }}
- name: FANFARE_CORS_ORIGIN
  value: "{{ join ",\\\n    " . }}"
{{- end }}
{{- with .Values.server.trustedProxies }}
- name: FANFARE_TRUSTED_PROXY
  value: "{{ join ",\\\n    " . }}"
{{- end }}
{{- if eq .Values.mode "cluster" }}
# Each node would publish them, for all.
- name: FANFARE_DEMOS
  value: "false"
{{- else }}
- name: FANFARE_DEMOS
  value: {{ .Values.server.demos | quote }}
{{- end }}
{{- end -}}

{{/* Where the event log is, and how much of it is kept. */}}
{{- define "fanfare.env.log" -}}
{{- if eq .Values.mode "disk" }}
# What the event log may take on the disk. The claim is larger: an eighth of it is written before the oldest
# eighth is removed, and a file system has needs of its own.
- name: FANFARE_DATA_DIR
  value: /var/lib/fanfare/data
- name: FANFARE_SYNC
  value: {{ .Values.persistence.sync }}
- name: FANFARE_RETAIN_BYTES
  value: {{ .Values.retention.disk }}
# The newest of them are in memory too.
- name: FANFARE_RETAIN_MEMORY
  value: {{ .Values.retention.memory }}
{{- else if eq .Values.mode "cluster" }}
- name: FANFARE_NATS
  value: "{{ join ",\\\n    " .Values.nats.servers }}"
{{- with .Values.nats.monitors }}
- name: FANFARE_NATS_MONITOR
  value: "{{ join ",\\\n    " . }}"
{{- end }}
- name: FANFARE_NATS_STREAM
  value: {{ .Values.nats.stream }}
# Whichever node is first makes the stream.
- name: FANFARE_NATS_CREATE
  value: {{ .Values.nats.create | quote }}
{{- include "fanfare.env.brokers" . }}
# All that is retained is in the memory of each node, and the brokers keep twice as much: their disks have to
# hold it. A change of it needs more than an update: "What is retained" in docs/cluster.md.
- name: FANFARE_RETAIN_BYTES
  value: {{ .Values.retention.memory }}
{{- else }}
# The event log is in memory: a restart forgets it, and clients that come back are told a gap.
- name: FANFARE_RETAIN_BYTES
  value: {{ .Values.retention.memory }}
{{- end }}
- name: FANFARE_RETAIN_EVENTS
  value: {{ .Values.retention.events | int64 | quote }}
- name: FANFARE_RETAIN_AGE
  value: {{ .Values.retention.age }}
{{- end -}}

{{/* What the brokers know the nodes by. */}}
{{- define "fanfare.env.brokers" -}}
{{- $variables := dict
  "credentials" "FANFARE_NATS_CREDENTIALS" "user" "FANFARE_NATS_USER_FILE" "token" "FANFARE_NATS_TOKEN_FILE"
  "certificate" "FANFARE_NATS_CERT" "key" "FANFARE_NATS_KEY" "ca" "FANFARE_NATS_CA" -}}
{{- range $key, $variable := $variables }}
{{- with index $.Values.nats.secretKeys $key }}
- name: {{ $variable }}
  value: /etc/fanfare/nats/{{ . }}
{{- end }}
{{- end }}
{{- end -}}
