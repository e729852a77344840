{{/* Names and labels. `app.kubernetes.io/name` is fanfare always: alerts, dashboards and the policy of the brokers
ask for it. */}}

{{- define "fanfare.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride -}}
{{- else if contains "fanfare" .Release.Name -}}
{{- .Release.Name | trunc 48 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-fanfare" (.Release.Name | trunc 40) -}}
{{- end -}}
{{- end -}}

{{- define "fanfare.component" -}}
{{- eq .Values.mode "cluster" | ternary "node" "server" -}}
{{- end -}}

{{- define "fanfare.selectorLabels" -}}
app.kubernetes.io/name: fanfare
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: {{ include "fanfare.component" . }}
{{- end -}}

{{- define "fanfare.labels" -}}
{{ include "fanfare.selectorLabels" . }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{- define "fanfare.serviceAccount" -}}
{{- .Values.serviceAccount.name | default (.Values.serviceAccount.create | ternary (include "fanfare.fullname" .) "default") -}}
{{- end -}}

{{- define "fanfare.image" -}}
{{- with .Values.image -}}
{{- .repository }}:{{ .tag | default $.Chart.AppVersion }}{{ with .digest }}@{{ . }}{{ end -}}
{{- end -}}
{{- end -}}

{{/* The Secret with the keys: one of the user's, one of this chart, or none. */}}
{{- define "fanfare.keys" -}}
{{- if .Values.keys.jwtSecret -}}
{{- include "fanfare.fullname" . }}-keys
{{- else -}}
{{- .Values.keys.existingSecret -}}
{{- end -}}
{{- end -}}

{{/* Whether tickets are sealed with a secret of the keys. Not empty: yes. */}}
{{- define "fanfare.tickets" -}}
{{- if and (include "fanfare.keys" .) (or .Values.keys.tickets (eq .Values.mode "cluster")) -}}yes{{- end -}}
{{- end -}}

{{/* What a size is in MiB: 64MiB and 1GiB of Fanfare, 512Mi and 1Gi of Kubernetes. */}}
{{- define "fanfare.mebibytes" -}}
{{- $number := regexFind "^[0-9]+" . | int -}}
{{- contains "Gi" . | ternary (mul 1024 $number) $number -}}
{{- end -}}

{{/* What the process may take at its limits, in MiB. Pages of a data folder are 32 MiB, and those that are being
read as much again. The program, 10,000 streams and the kernel's part of their sockets are 64 MiB. */}}
{{- define "fanfare.memory" -}}
{{- $sum := 64 -}}
{{- if eq .Values.mode "disk" -}}{{- $sum = 128 -}}{{- end -}}
{{- range list .Values.retention.memory .Values.memory.bodies .Values.memory.selectors .Values.memory.grants .Values.memory.outputBuffers -}}
{{- $sum = add $sum (include "fanfare.mebibytes" . | int) -}}
{{- end -}}
{{- $sum -}}
{{- end -}}

{{/* The names by which it is called: those of its services, of the ingress and of `kubectl port-forward`. */}}
{{- define "fanfare.hosts" -}}
{{- $name := include "fanfare.fullname" . -}}
{{- $hosts := list $name (printf "%s.$(POD_NAMESPACE)" $name) (printf "%s.$(POD_NAMESPACE).svc" $name) -}}
{{- if ne .Values.mode "cluster" -}}
{{- range $i := until (max 2 (int .Values.replicas) | int) -}}
{{- $hosts = append $hosts (printf "%s-%d.%s-pods" $name $i $name) -}}
{{- end -}}
{{- end -}}
{{- $hosts = append $hosts "localhost" -}}
{{- if .Values.ingress.enabled -}}{{- $hosts = concat $hosts .Values.ingress.hosts -}}{{- end -}}
{{- if .Values.httpRoute.enabled -}}{{- $hosts = concat $hosts .Values.httpRoute.hostnames -}}{{- end -}}
{{- concat $hosts .Values.server.hosts | uniq | join ",\\\n    " -}}
{{- end -}}
