{{- define "backup.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "backup.selector" -}}
app.kubernetes.io/name: {{ default .Chart.Name .Values.nameOverride }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "backup.labels" -}}
{{ include "backup.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- define "backup.serviceAccount" -}}
{{- $default := .Values.serviceAccount.create | ternary (include "backup.fullname" .) "default" -}}
{{- default $default .Values.serviceAccount.name -}}
{{- end -}}

{{- /* An image, from a dict with `root` and `image`. A name without a registry would be pulled from
Docker Hub, where somebody else may own it. */ -}}
{{- define "backup.image" -}}
{{- $registry := .root.Values.registry | default "" | trimSuffix "/" -}}
{{- if $registry }}{{ $registry }}/
{{- else if not (regexMatch "^([^/]*[.:][^/]*|localhost)/" .image.repository) -}}
{{- fail (printf "registry: empty; write where the nodes get the image %s, such as --set registry=registry.example.com/backup (localhost for images that are loaded onto the nodes)" .image.repository) -}}
{{- end -}}
{{- .image.repository -}}
{{- if .image.digest }}@{{ .image.digest }}{{ else }}:{{ default .root.Chart.AppVersion .image.tag }}{{ end -}}
{{- end -}}

{{- /* Namespaces that are never injected, as a JSON list. Values can only add to them. */ -}}
{{- define "backup.excluded" -}}
{{- $always := list "kube-system" "kube-public" "kube-node-lease" .Release.Namespace -}}
{{- concat $always .Values.namespaceExcludes | uniq | toJson -}}
{{- end -}}

{{- /* `annotated`, or which other pods are backed up by default. */ -}}
{{- define "backup.enabled" -}}
{{- if and (ne .Values.enabled "annotated") (not .Values.follow) -}}
{{- fail (printf "follow: false, but enabled: %s needs it, since a namespace may turn backups off: write follow: true" .Values.enabled) -}}
{{- end -}}
{{- .Values.enabled -}}
{{- end -}}

{{- /* CEL: whether pods that say nothing are backed up in a policy's namespace; contract/annotations/namespace.py. */ -}}
{{- define "backup.byDefault" -}}
{{- $said := "namespaceObject.metadata.?annotations[?'backup.enabled'].orValue('').trim().lowerAscii()" -}}
{{- if eq (include "backup.enabled" .) "all" -}}
!({{ $said }} in ['false', 'no', 'off', '0'])
{{- else -}}
({{ $said }} in ['true', 'yes', 'on', '1'])
{{- end -}}
{{- end -}}

{{- /* "true" if the server needs the API; otherwise it gets no permissions and no token. */ -}}
{{- define "backup.needsApi" -}}
{{- if or (include "backup.needsRole" .) (include "backup.needsClusterRole" .) -}}true{{- end -}}
{{- end -}}

{{- define "backup.needsRole" -}}
{{- if or (eq .Values.certificates.mode "self") .Values.prePull.enabled -}}true{{- end -}}
{{- end -}}

{{- define "backup.needsClusterRole" -}}
{{- if or (eq .Values.certificates.mode "self") .Values.follow .Values.coverage.enabled -}}true{{- end -}}
{{- end -}}

{{- define "backup.caSecret" -}}
{{- include "backup.fullname" . }}-ca
{{- end -}}

{{- define "backup.tlsSecret" -}}
{{- if eq .Values.certificates.mode "existing" -}}
{{- required "certificates.existing.secretName: name the Secret that holds tls.crt and tls.key" .Values.certificates.existing.secretName -}}
{{- else -}}
{{- include "backup.fullname" . }}-tls
{{- end -}}
{{- end -}}

{{- define "backup.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "backup.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}

{{- /* Both ports of a pod, or of a node on the host network. */ -}}
{{- define "backup.ports" -}}
{{- if eq (int .Values.webhook.port) (int .Values.metrics.port) -}}
{{- fail (printf "metrics.port: %d is webhook.port too; write another one" (int .Values.metrics.port)) -}}
{{- end -}}
- name: https
  containerPort: {{ .Values.webhook.port }}
- name: metrics
  containerPort: {{ .Values.metrics.port }}
{{- end -}}

{{- define "backup.test" -}}
helm.sh/hook: test
helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded,hook-failed
{{- end -}}

{{- /* Floors that no annotation, Secret or record can lower; only values that are not the default. */}}
{{- define "backup.retention" -}}
{{- $least := dict }}
{{- with .Values.retention.floorWithin }}{{ $least = set $least "floor-within" . }}{{ end }}
{{- with .Values.retention.floorLast | toString }}{{ $least = set $least "floor-last" . }}{{ end }}
{{- $days := int .Values.retention.graceDays }}
{{- if ne $days 7 }}{{ $least = set $least "shrink-grace" (printf "%dd" $days) }}{{ end }}
{{- $least | toJson }}
{{- end }}
