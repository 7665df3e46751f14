{{- /* What api and controller have in common: (list . role). */ -}}
{{- define "collegium.serviceContainer" -}}
{{- $root := index . 0 -}}
{{- $role := index . 1 -}}
{{- $values := index $root.Values $role -}}
{{- $base := $root.Values.hub.baseUrl -}}
{{- include "collegium.container" (list $root $role "service" $values) }}
args: [python, -m, collegium.services, --role={{ $role }}, --backend=kubernetes, --address=0.0.0.0, --port=10101]
workingDir: /var/lib/collegium
env:
  {{- include "collegium.environment" $root | nindent 2 }}
  - name: JUPYTERHUB_API_TOKEN
    valueFrom:
      secretKeyRef: {name: {{ include "collegium.serviceSecret" $root }}, key: service-token}
  - {name: JUPYTERHUB_API_URL, value: "{{ include "collegium.hubUrl" $root }}{{ $base }}hub/api"}
  - {name: JUPYTERHUB_BASE_URL, value: {{ $base | quote }}}
  - {name: JUPYTERHUB_SERVICE_PREFIX, value: "{{ $base }}services/collegium/"}
  - {name: JUPYTERHUB_CLIENT_ID, value: service-collegium}
  {{- with $values.extraEnv }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
ports:
  - {name: http, containerPort: 10101}
# It may wait for its database.
startupProbe:
  httpGet: {path: "{{ $base }}services/collegium/health/live", port: http}
  periodSeconds: 2
  failureThreshold: 900
# Whether it answers at all: a database or a cluster that is away is no reason for a restart.
livenessProbe:
  httpGet: {path: "{{ $base }}services/collegium/health/live", port: http}
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
readinessProbe:
  httpGet: {path: "{{ $base }}services/collegium/health/ready", port: http}
  periodSeconds: 5
  timeoutSeconds: 8
volumeMounts:
  - {name: config, mountPath: /etc/collegium/config, readOnly: true}
  - {name: files, mountPath: /srv/collegium/files}
  - {name: state, mountPath: /var/lib/collegium}
  - {name: tmp, mountPath: /tmp}
{{- end }}

{{- define "collegium.serviceVolumes" -}}
- name: config
  configMap:
    name: {{ include "collegium.name" (list . "config") }}
    items: [{key: kubernetes.json, path: kubernetes.json}]
- name: files
  persistentVolumeClaim: {claimName: {{ include "collegium.filesClaim" . }}}
- name: state
  emptyDir: {sizeLimit: 64Mi}
- name: tmp
  emptyDir: {sizeLimit: 256Mi}
{{- end }}

{{- /* Labels by which a Zero-to-JupyterHub hub lets our pods in. */ -}}
{{- define "collegium.serviceMetadata" -}}
{{- $root := index . 0 -}}
{{- $values := deepCopy (index . 2) -}}
{{- if $root.Values.addon.enabled -}}
{{- $_ := set $values "podLabels" (merge (dict "hub.jupyter.org/network-access-hub" "true") $values.podLabels) -}}
{{- end -}}
{{- include "collegium.podMetadata" (list $root (index . 1) $values (include "collegium.kubernetes" $root)) -}}
{{- end }}
