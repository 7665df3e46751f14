{{- /* What api and controller have in common: (list . role). */ -}}
{{- define "collegium.serviceContainer" -}}
{{- $root := index . 0 -}}
{{- $role := index . 1 -}}
{{- $values := index $root.Values $role -}}
{{- $base := $root.Values.hub.baseUrl -}}
{{- include "collegium.container" (list $root $role "service" $values) }}
args:
  - python
  - -m
  - collegium.services
  - --role={{ $role }}
  - --backend=kubernetes
  - --address=0.0.0.0
  - --port=10101
  {{- if eq $role "controller" }}
  {{- with $root.Values.auth.revocation }}
  - --CollegiumService.revocation_grace={{ int .grace }}
  - --CollegiumService.revocation_servers={{ .servers }}
  - --CollegiumService.revocation_jobs={{ .jobs }}
  {{- end }}
  {{- end }}
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
  {{- if and (eq $role "api") $root.Values.mail.host }}
  - {name: COLLEGIUM_MAIL, value: /etc/collegium/config/mail.json}
  {{- end }}
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
  {{- if include "collegium.serviceSecrets" . }}
  - {name: secrets, mountPath: /etc/collegium/secrets, readOnly: true}
  {{- end }}
  {{- with include "collegium.keycloakMounts" $root }}
  {{- . | nindent 2 }}
  {{- end }}
  {{- if eq $role "api" }}
  {{- with include "collegium.mailMounts" $root }}
  {{- . | nindent 2 }}
  {{- end }}
  {{- end }}
  - {name: files, mountPath: /srv/collegium/files}
  - {name: state, mountPath: /var/lib/collegium}
  - {name: tmp, mountPath: /tmp}
{{- end }}

{{- /* What a role alone gets to see of others' secrets, as sources of a volume: (list . role). */ -}}
{{- define "collegium.serviceSecrets" -}}
{{- $mail := "" -}}
{{- if eq (index . 1) "api" -}}{{- $mail = include "collegium.mailSecret" (index . 0) -}}{{- end -}}
{{- compact (list (include "collegium.keycloakSecret" .) $mail) | join "\n" -}}
{{- end }}

{{- /* (list . role) */ -}}
{{- define "collegium.serviceVolumes" -}}
{{- $root := index . 0 -}}
- name: config
  configMap:
    name: {{ include "collegium.name" (list $root "config") }}
    items:
      - {key: kubernetes.json, path: kubernetes.json}
      {{- if include "collegium.withKeycloak" $root }}
      - {key: keycloak.json, path: keycloak.json}
      {{- end }}
      {{- if and (eq (index . 1) "api") $root.Values.mail.host }}
      - {key: mail.json, path: mail.json}
      {{- end }}
{{- with include "collegium.serviceSecrets" . }}
- name: secrets
  projected:
    defaultMode: 0440
    sources:
      {{- . | nindent 6 }}
{{- end }}
{{- with include "collegium.keycloakVolumes" $root }}
{{- . | nindent 0 }}
{{- end }}
{{- if eq (index . 1) "api" }}
{{- with include "collegium.mailVolumes" $root }}
{{- . | nindent 0 }}
{{- end }}
{{- end }}
- name: files
  persistentVolumeClaim: {claimName: {{ include "collegium.filesClaim" $root }}}
- name: state
  emptyDir: {sizeLimit: 64Mi}
- name: tmp
  emptyDir: {sizeLimit: 256Mi}
{{- end }}

{{- /* What api and controller are restarted for when it changes. */ -}}
{{- define "collegium.serviceConfig" -}}
{{- include "collegium.kubernetes" . -}}
{{- if include "collegium.withKeycloak" . -}}{{- include "collegium.keycloak" . -}}{{- end -}}
{{- end }}
{{- define "collegium.roleConfig" -}}
{{- include "collegium.serviceConfig" (index . 0) -}}
{{- if and (eq (index . 1) "api") (index . 0).Values.mail.host -}}{{- include "collegium.mail" (index . 0) -}}{{- end -}}
{{- end }}

{{- /* Labels by which a Zero-to-JupyterHub hub lets our pods in. */ -}}
{{- define "collegium.serviceMetadata" -}}
{{- $root := index . 0 -}}
{{- $values := deepCopy (index . 2) -}}
{{- if $root.Values.addon.enabled -}}
{{- $_ := set $values "podLabels" (merge (dict "hub.jupyter.org/network-access-hub" "true") $values.podLabels) -}}
{{- end -}}
{{- include "collegium.podMetadata" (list $root (index . 1) $values (include "collegium.roleConfig" .)) -}}
{{- end }}
