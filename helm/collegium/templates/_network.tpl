{{- define "collegium.policy" -}}
{{- $root := index . 0 -}}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {{ include "collegium.name" . }}
  labels:
    {{- include "collegium.labels" . | nindent 4 }}
spec:
  podSelector:
    matchLabels:
      {{- include "collegium.selector" . | nindent 6 }}
  policyTypes: [Ingress, Egress]
{{- end }}

{{- /* A peer: (list . "hub"). In addon mode hub and proxy are the other release's. */ -}}
{{- define "collegium.peer" -}}
{{- $root := index . 0 -}}
{{- $component := index . 1 -}}
- podSelector:
    matchLabels:
      {{- if and $root.Values.addon.enabled (has $component (list "hub" "proxy")) }}
      {{- toYaml (index $root.Values.addon (printf "%sLabels" $component)) | nindent 6 }}
      {{- else }}
      {{- include "collegium.selector" . | nindent 6 }}
      {{- end }}
{{- end }}

{{- /* Pods of a kind in groups' namespaces: (list . "server"). */ -}}
{{- define "collegium.groupPods" -}}
- namespaceSelector:
    matchLabels:
      app.kubernetes.io/managed-by: collegium
      app.kubernetes.io/instance: {{ include "collegium.instance" (index . 0) }}
  podSelector:
    matchLabels:
      app.kubernetes.io/instance: {{ include "collegium.instance" (index . 0) }}
      collegium.io/kind: {{ index . 1 }}
{{- end }}

{{- define "collegium.dns" -}}
- to:
    {{- toYaml .Values.networkPolicy.dnsTo | nindent 4 }}
  ports:
    - {protocol: UDP, port: 53}
    - {protocol: TCP, port: 53}
{{- end }}

{{- define "collegium.toDatabase" -}}
{{- if .Values.database.bundled.enabled -}}
- to:
    {{- include "collegium.peer" (list . "postgresql") | nindent 4 }}
  ports: [{protocol: TCP, port: 5432}]
{{- else -}}
- ports: [{protocol: TCP, port: {{ .Values.database.port }}}]
  {{- with .Values.networkPolicy.databaseTo }}
  to:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}
{{- end }}

{{- define "collegium.toKubernetes" -}}
- ports:
    {{- range .Values.networkPolicy.apiServer.ports }}
    - {protocol: TCP, port: {{ . }}}
    {{- end }}
  {{- with .Values.networkPolicy.apiServer.to }}
  to:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}
