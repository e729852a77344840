{{/* What values.schema.json cannot say, or not in words: values that do not work together. Each error says what to
write instead. */}}

{{- define "fanfare.refusals" -}}
{{- include "fanfare.refusals.keys" . -}}
{{- include "fanfare.refusals.mode" . -}}
{{- include "fanfare.refusals.sizes" . -}}
{{- include "fanfare.refusals.reach" . -}}
{{- include "fanfare.refusals.settings" . -}}
{{- end -}}

{{- define "fanfare.refusals.keys" -}}
{{- if not .Values.image.repository -}}
{{- fail "image.repository is empty: build deploy/Dockerfile, push it, and name it: --set image.repository=registry.example/fanfare" -}}
{{- end -}}
{{- if eq .Values.image.tag "latest" -}}
{{- fail "image.tag is latest, which moves: name a version, or none for that of the chart" -}}
{{- end -}}
{{- with .Values.keys -}}
{{- $ways := list -}}
{{- if .existingSecret -}}{{- $ways = append $ways "keys.existingSecret" -}}{{- end -}}
{{- if .jwtSecret -}}{{- $ways = append $ways "keys.jwtSecret" -}}{{- end -}}
{{- if .elsewhere -}}{{- $ways = append $ways "keys.elsewhere" -}}{{- end -}}
{{- if $.Values.server.open -}}{{- $ways = append $ways "server.open" -}}{{- end -}}
{{- if not $ways -}}
{{- fail "no key: whoever publishes needs a token. Make a secret with `fanfare secret --file jwt.secret` and `kubectl create secret generic fanfare-keys --from-file=jwt.secret`, and name it: --set keys.existingSecret=fanfare-keys. Other ways are keys.jwtSecret, keys.elsewhere, and server.open, with which everybody publishes" -}}
{{- else if gt (len $ways) 1 -}}
{{- fail (printf "%s exclude each other: leave one" (join " and " $ways)) -}}
{{- end -}}
{{- if and .jwtSecret (include "fanfare.tickets" $) (not .ticketSecret) -}}
{{- fail "keys.ticketSecret is empty: tickets that all pods open need it beside keys.jwtSecret; `fanfare secret` prints one" -}}
{{- end -}}
{{- if and .ticketSecret (not .jwtSecret) -}}
{{- fail "keys.ticketSecret goes with keys.jwtSecret; in a secret of your own it is the key ticket.secret" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "fanfare.refusals.mode" -}}
{{- if eq .Values.mode "cluster" -}}
{{- if not .Values.nats.servers -}}
{{- fail "mode is cluster and nats.servers is empty: name the brokers, such as nats://fanfare-nats-0.fanfare-nats:4222 of deploy/kubernetes/nats.yaml" -}}
{{- end -}}
{{- if .Values.server.demos -}}
{{- fail "server.demos does not go with mode cluster: each node would publish them for all" -}}
{{- end -}}
{{- if .Values.publishersFeedEveryPod -}}
{{- fail "publishersFeedEveryPod does not go with mode cluster: the nodes share their events" -}}
{{- end -}}
{{- else -}}
{{- if .Values.nats.servers -}}
{{- fail (printf "nats.servers is given and mode is %s: the brokers are those of mode cluster" .Values.mode) -}}
{{- end -}}
{{- if .Values.autoscaling.enabled -}}
{{- fail (printf "autoscaling needs mode cluster: in mode %s pods share nothing, and each has only the events that it is sent" .Values.mode) -}}
{{- end -}}
{{- if and (gt (int .Values.replicas) 1) (not .Values.publishersFeedEveryPod) -}}
{{- fail (printf "replicas is %d and mode is %s: the pods share nothing, so each would have a part of the events. Take mode cluster, or have publishers send every event to every pod (\"Rolling restart\" in docs/operations.md) and say so: --set publishersFeedEveryPod=true" (int .Values.replicas) .Values.mode) -}}
{{- end -}}
{{- end -}}
{{- with .Values.autoscaling -}}
{{- if gt (int .minReplicas) (int .maxReplicas) -}}
{{- fail (printf "autoscaling.minReplicas (%d) is more than autoscaling.maxReplicas (%d)" (int .minReplicas) (int .maxReplicas)) -}}
{{- end -}}
{{- end -}}
{{- with .Values.nats -}}
{{- $files := without (values .secretKeys) "" -}}
{{- if and $files (not .existingSecret) -}}
{{- fail "nats.secretKeys names files of a secret, and nats.existingSecret names none" -}}
{{- end -}}
{{- if and .existingSecret (not $files) -}}
{{- fail "nats.existingSecret is given, and nats.secretKeys does not say what is in it" -}}
{{- end -}}
{{- if gt (len (without (list .secretKeys.credentials .secretKeys.user .secretKeys.token) "")) 1 -}}
{{- fail "nats.secretKeys has more than one of credentials, user and token: the brokers ask for one" -}}
{{- end -}}
{{- if ne (empty .secretKeys.certificate) (empty .secretKeys.key) -}}
{{- fail "nats.secretKeys.certificate and nats.secretKeys.key go together" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "fanfare.refusals.sizes" -}}
{{- $needed := include "fanfare.memory" . | int -}}
{{- $limit := include "fanfare.mebibytes" .Values.resources.limits.memory | int -}}
{{- if lt $limit $needed -}}
{{- fail (printf "resources.limits.memory is %s, and the server may take %d MiB: retention.memory, all of memory, and what it needs itself. Raise the limit, or lower those" .Values.resources.limits.memory $needed) -}}
{{- end -}}
{{- if gt (include "fanfare.mebibytes" .Values.resources.requests.memory | int) $limit -}}
{{- fail "resources.requests.memory is more than resources.limits.memory" -}}
{{- end -}}
{{- if eq .Values.mode "disk" -}}
{{- $disk := include "fanfare.mebibytes" .Values.retention.disk | int -}}
{{- $size := include "fanfare.mebibytes" .Values.persistence.size | int -}}
{{- if lt (mul 4 $size) (mul 5 $disk) -}}
{{- fail (printf "persistence.size is %s, and retention.disk %s: the volume has to be a quarter larger" .Values.persistence.size .Values.retention.disk) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "fanfare.refusals.reach" -}}
{{- if and .Values.ingress.enabled (not .Values.ingress.hosts) -}}
{{- fail "ingress.enabled needs ingress.hosts: the server refuses names that it does not know" -}}
{{- end -}}
{{- if and .Values.httpRoute.enabled (not (and .Values.httpRoute.parentRefs .Values.httpRoute.hostnames)) -}}
{{- fail "httpRoute.enabled needs httpRoute.parentRefs, the gateway, and httpRoute.hostnames: the server refuses names that it does not know" -}}
{{- end -}}
{{- $fromOutside := or .Values.ingress.enabled .Values.httpRoute.enabled (ne .Values.service.type "ClusterIP") -}}
{{- if and $fromOutside .Values.networkPolicy.enabled (not .Values.networkPolicy.from) -}}
{{- fail "networkPolicy.from is empty, so the policy lets no ingress, gateway or load balancer in: name its pods there, such as {namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: ingress}}}, or an ipBlock" -}}
{{- end -}}
{{- with .Values.podMonitor -}}
{{- if gt (trimSuffix "s" .scrapeTimeout | int) (trimSuffix "s" .interval | int) -}}
{{- fail "podMonitor.scrapeTimeout is more than podMonitor.interval" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Settings that the chart makes of its values. Given anywhere else they would be overridden, or the pod would not
be what the values say. */}}
{{- define "fanfare.refusals.settings" -}}
{{- $own := dict
  "listen" "service.port" "admin-listen" "no value, because probes ask there" "host" "server.hosts"
  "open" "server.open" "anonymous-subscribe" "server.anonymousSubscribe" "demos" "server.demos"
  "cors-origin" "server.corsOrigins" "trusted-proxy" "server.trustedProxies"
  "log-level" "server.logLevel" "log-format" "server.logFormat" "config" "server.config"
  "retain-events" "retention.events" "retain-age" "retention.age"
  "retain-bytes" "retention.disk or retention.memory" "retain-memory" "retention.memory"
  "data-dir" "mode" "sync" "persistence.sync" "drain-window" "drain.windowSeconds"
  "bodies-max" "memory.bodies" "selectors-max" "memory.selectors" "grants-max" "memory.grants"
  "output-buffers-max" "memory.outputBuffers" "tls-cert" "tls.existingSecret" "tls-key" "tls.existingSecret"
  "nats" "nats.servers" "nats-monitor" "nats.monitors" "nats-stream" "nats.stream" "nats-create" "nats.create"
  "nats-credentials" "nats.secretKeys" "nats-user-file" "nats.secretKeys" "nats-token-file" "nats.secretKeys"
  "nats-cert" "nats.secretKeys" "nats-key" "nats.secretKeys" "nats-ca" "nats.secretKeys" -}}
{{- if include "fanfare.keys" . -}}
{{- $_ := set $own "jwt-secret-file" "keys" -}}
{{- $_ := set $own "ticket-secret-file" "keys" -}}
{{- end -}}
{{- range $setting, $value := $own -}}
{{- $instead := printf "sets %s, for which there is %s" $setting $value -}}
{{- if regexMatch (printf "(?m)^\\s*\"?%s\"?\\s*=" $setting) $.Values.server.config -}}
{{- fail (printf "server.config %s" $instead) -}}
{{- end -}}
{{- range $.Values.server.extraArgs -}}
{{- if or (eq . (printf "--%s" $setting)) (hasPrefix (printf "--%s=" $setting) .) -}}
{{- fail (printf "server.extraArgs %s" $instead) -}}
{{- end -}}
{{- end -}}
{{- $variable := printf "FANFARE_%s" ($setting | upper | replace "-" "_") -}}
{{- range $.Values.server.extraEnv -}}
{{- if eq .name $variable -}}
{{- fail (printf "server.extraEnv %s" $instead) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
