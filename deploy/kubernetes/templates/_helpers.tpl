{{- define "voxshard.name" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name }}{{ else }}{{ .Release.Name }}-{{ .Chart.Name }}{{ end }}
{{- end }}

{{- define "voxshard.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "voxshard.labels" -}}
{{ include "voxshard.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{/* Of pods that belong to workers, whatever pool. */}}
{{- define "voxshard.workers" -}}
{{ include "voxshard.selector" . }}
app.kubernetes.io/component: worker
{{- end }}

{{- define "voxshard.gateways" -}}
{{ include "voxshard.selector" . }}
app.kubernetes.io/component: gateway
{{- end }}

{{- define "voxshard.image" -}}
{{- $tag := ternary .values.gpuTag .values.cpuTag (eq .kind "gpu") | default (printf "%s-%s" .appVersion .kind) -}}
{{ .values.repository }}:{{ $tag }}
{{- end }}

{{/* Of every container. */}}
{{- define "voxshard.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{/* Of every pod. Service links would be variables named VOXSHARD_..., which no process would start with. */}}
{{- define "voxshard.pod" -}}
enableServiceLinks: false
automountServiceAccountToken: false
serviceAccountName: {{ include "voxshard.name" . }}
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  seccompProfile: {type: RuntimeDefault}
{{- with .Values.image.pullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* Settings of every process. */}}
{{- define "voxshard.settings" -}}
- name: VOXSHARD_REDIS_URL
  valueFrom:
    secretKeyRef:
      name: {{ required "redis.existingSecret: the name of a secret with the address of Redis" .Values.redis.existingSecret }}
      key: {{ .Values.redis.key }}
- name: VOXSHARD_ADVERTISE_HOST
  valueFrom: {fieldRef: {fieldPath: status.podIP}}
- {name: VOXSHARD_OPS_HOST, value: 0.0.0.0}
- {name: VOXSHARD_DRAIN_TIMEOUT, value: {{ .Values.drainTimeoutSeconds | quote }}}
- {name: VOXSHARD_ENGINE, value: {{ .Values.engine.name | quote }}}
{{- end }}

{{/* A map of settings as variables. */}}
{{- define "voxshard.variables" -}}
{{- range $name, $value := . }}
- {name: VOXSHARD_{{ $name }}, value: {{ $value | quote }}}
{{- end }}
{{- end }}

{{/* To names and to Redis. */}}
{{- define "voxshard.egress" }}
- ports: [{protocol: UDP, port: 53}, {protocol: TCP, port: 53}]
- ports: [{protocol: TCP, port: {{ .Values.redis.port }}}]
  {{- with .Values.networkPolicy.redis }}
  to: {{- toYaml . | nindent 4 }}
  {{- end }}
{{- with .Values.networkPolicy.collector }}
- to: {{- toYaml . | nindent 4 }}
{{- end }}
{{- end }}

{{/* Of a ServiceMonitor. */}}
{{- define "voxshard.endpoint" }}
- port: {{ .port }}
  interval: {{ .interval }}
  # The labels that rules and dashboards use, as gateways give them (`/targets`).
  relabelings:
    - {targetLabel: job, replacement: voxshard}
    - {targetLabel: process, replacement: {{ .process }}}
    - {targetLabel: voxshard_instance, sourceLabels: [__meta_kubernetes_pod_ip], replacement: "$1:10095"}
{{- end }}
