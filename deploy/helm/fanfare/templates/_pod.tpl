{{/* The pod, which is the same in a StatefulSet and in a Deployment. */}}

{{- define "fanfare.pod" -}}
metadata:
  labels:
    {{- include "fanfare.selectorLabels" . | nindent 4 }}
    {{- with .Values.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- if or .Values.podAnnotations .Values.server.config .Values.keys.jwtSecret }}
  annotations:
    {{- with .Values.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
    {{- with .Values.server.config }}
    # A change of the file replaces the pod.
    checksum/config: {{ sha256sum . }}
    {{- end }}
    {{- if .Values.keys.jwtSecret }}
    checksum/keys: {{ printf "%s %s" .Values.keys.jwtSecret .Values.keys.ticketSecret | sha256sum }}
    {{- end }}
  {{- end }}
spec:
  serviceAccountName: {{ include "fanfare.serviceAccount" . }}
  automountServiceAccountToken: false
  # The sleep of preStop, the drain window, 4 s in which what is left is cut, and 11 s of margin.
  terminationGracePeriodSeconds: {{ add .Values.drain.preStopSeconds .Values.drain.windowSeconds 4 11 }}
  securityContext:
    runAsNonRoot: true
    {{- range $name, $id := pick .Values.securityContext "runAsUser" "runAsGroup" "fsGroup" }}
    {{- if not (kindIs "invalid" $id) }}
    {{ $name }}: {{ int64 $id }}
    {{- end }}
    {{- end }}
    seccompProfile:
      type: RuntimeDefault
    {{- with .Values.securityContext.sysctls }}
    sysctls:
      {{- toYaml . | nindent 6 }}
    {{- end }}
  {{- with .Values.image.pullSecrets }}
  imagePullSecrets:
    {{- range . }}
    - name: {{ . }}
    {{- end }}
  {{- end }}
  {{- with .Values.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  {{- with .Values.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- if or .Values.topologySpread.hostname .Values.topologySpread.zone }}
  # As far apart as there is room.
  topologySpreadConstraints:
    {{- range $key, $when := dict "kubernetes.io/hostname" .Values.topologySpread.hostname "topology.kubernetes.io/zone" .Values.topologySpread.zone }}
    {{- if $when }}
    - maxSkew: 1
      topologyKey: {{ $key }}
      whenUnsatisfiable: {{ $when }}
      labelSelector:
        matchLabels:
          {{- include "fanfare.selectorLabels" $ | nindent 10 }}
    {{- end }}
    {{- end }}
  {{- end }}
  containers:
    - name: fanfare
      # Build and push deploy/Dockerfile, and put the name here; never a tag that moves.
      image: {{ include "fanfare.image" . }}
      imagePullPolicy: {{ .Values.image.pullPolicy }}
      {{- with .Values.server.extraArgs }}
      args:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      env:
        {{- include "fanfare.env" . | nindent 8 }}
      ports:
        - name: http
          containerPort: 8080
        - name: admin
          containerPort: 9090
      {{- include "fanfare.probes" . | nindent 6 }}
      lifecycle:
        preStop:
          # A server that is told to end takes no more events and sends everybody away; until then the
          # endpoint has to be gone from every machine. Built in, because the image has no shell.
          sleep:
            seconds: {{ .Values.drain.preStopSeconds }}
      resources:
        requests:
          cpu: {{ .Values.resources.requests.cpu }}
          memory: {{ .Values.resources.requests.memory }}
        # No limit on CPU: a throttled server is late for everybody.
        limits:
          memory: {{ .Values.resources.limits.memory }}
      securityContext:
        allowPrivilegeEscalation: false
        readOnlyRootFilesystem: true
        capabilities:
          drop: [ALL]
      {{- include "fanfare.mounts" . | nindent 6 }}
  {{- include "fanfare.volumes" . | nindent 2 }}
{{- end -}}

{{- define "fanfare.probes" -}}
# All on the admin listener, which answers while everything else is busy, and until the process ends.
{{- if eq .Values.mode "cluster" }}
# It serves nothing before it has read what is retained; and waits up to 20 s for brokers that have
# just started.
{{- else }}
# A data folder is opened before anything is served.
{{- end }}
startupProbe:
  httpGet: {path: /healthz, port: admin}
  periodSeconds: 1
  failureThreshold: {{ .Values.startupSeconds }}
{{- if eq .Values.mode "cluster" }}
# Not ready in a drain, and when the brokers have been away for 15 s. All nodes at a time then: who is
# connected stays, and new clients wait for the brokers.
{{- else }}
# Ready fails at once in a drain, but nobody waits for it: a pod that is told to end has lost its endpoint
# already (preStop). So one answer that is late may take no pod out.
{{- end }}
readinessProbe:
  httpGet: {path: /readyz, port: admin}
  {{- if and .Values.publishersFeedEveryPod (gt (int .Values.replicas) 1) }}
  # A new pod is fed for longer than clients are away before any is sent there.
  initialDelaySeconds: 10
  {{- end }}
  periodSeconds: 2
  timeoutSeconds: 3
  failureThreshold: 2
{{- if eq .Values.mode "cluster" }}
# Brokers that are away are no reason to start anything anew: /healthz does not ask for them.
{{- else }}
# Alive fails slowly: a restart brings every client back at the same time.
{{- end }}
livenessProbe:
  httpGet: {path: /healthz, port: admin}
  periodSeconds: 10
  timeoutSeconds: 3
  failureThreshold: 6
{{- end -}}

{{/* `volumeMounts` and `volumes`, or nothing where there are none. */}}
{{- define "fanfare.mounts" -}}
{{- $mounts := include "fanfare.mount" . -}}
{{- if trim $mounts -}}
volumeMounts:
{{- $mounts | trim | nindent 2 }}
{{- end -}}
{{- end -}}

{{- define "fanfare.mount" -}}
{{- if include "fanfare.keys" . }}
- name: keys
  mountPath: /etc/fanfare/keys
  readOnly: true
{{- end }}
{{- if eq .Values.mode "disk" }}
- name: data
  mountPath: /var/lib/fanfare/data
{{- end }}
{{- if .Values.nats.existingSecret }}
- name: nats
  mountPath: /etc/fanfare/nats
  readOnly: true
{{- end }}
{{- if .Values.tls.existingSecret }}
- name: tls
  mountPath: /etc/fanfare/tls
  readOnly: true
{{- end }}
{{- if .Values.server.config }}
- name: config
  mountPath: /etc/fanfare/config
  readOnly: true
{{- end }}
{{- with .Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "fanfare.volumes" -}}
{{- $volumes := include "fanfare.volume" . -}}
{{- if trim $volumes -}}
volumes:
{{- $volumes | trim | nindent 2 }}
{{- end -}}
{{- end -}}

{{- define "fanfare.volume" -}}
{{- with include "fanfare.keys" . }}
- name: keys
  secret:
    secretName: {{ . }}
    # 0440 in octal, which YAML 1.1 and 1.2 write in different ways: readable by the group, which is
    # fsGroup, and by no others.
    defaultMode: 288
{{- end }}
{{- with .Values.nats.existingSecret }}
- name: nats
  secret:
    secretName: {{ . }}
    defaultMode: 288
{{- end }}
{{- with .Values.tls.existingSecret }}
- name: tls
  secret:
    secretName: {{ . }}
    defaultMode: 288
{{- end }}
{{- if .Values.server.config }}
- name: config
  configMap:
    name: {{ include "fanfare.fullname" . }}-config
{{- end }}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}
