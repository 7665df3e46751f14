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
  # Where runs of jobs reach it, which is where servers do.
  - --CollegiumService.service_address={{ include "collegium.publicUrl" $root }}
  {{- if eq $role "controller" }}
  {{- with $root.Values.auth.revocation }}
  - --CollegiumService.revocation_grace={{ int .grace }}
  - --CollegiumService.revocation_servers={{ .servers }}
  - --CollegiumService.revocation_jobs={{ .jobs }}
  {{- end }}
  {{- end }}
  {{- include "collegium.notificationArguments" $root | nindent 2 }}
  {{- include "collegium.datasetArguments" $root | nindent 2 }}
workingDir: /var/lib/collegium
env:
  {{- include "collegium.environment" $root | nindent 2 }}
  - name: JUPYTERHUB_API_TOKEN
    valueFrom:
      secretKeyRef: {name: {{ include "collegium.serviceSecret" $root }}, key: service-token}
  # Without it all goes on but secrets; the service says so.
  - name: COLLEGIUM_SECRET_KEY
    valueFrom:
      secretKeyRef: {name: {{ include "collegium.sealingSecret" $root }}, key: secret-key, optional: true}
  - {name: JUPYTERHUB_API_URL, value: "{{ include "collegium.hubUrl" $root }}{{ $base }}hub/api"}
  - {name: JUPYTERHUB_BASE_URL, value: {{ $base | quote }}}
  - {name: JUPYTERHUB_SERVICE_PREFIX, value: "{{ $base }}services/collegium/"}
  - {name: JUPYTERHUB_CLIENT_ID, value: service-collegium}
  {{- if $root.Values.mail.host }}
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
  {{- with include "collegium.mailMounts" $root }}
  {{- . | nindent 2 }}
  {{- end }}
  {{- with include "collegium.filesMounts" $root }}
  {{- . | nindent 2 }}
  {{- end }}
  {{- with include "collegium.datasetMounts" $root }}
  {{- . | nindent 2 }}
  {{- end }}
  - {name: files, mountPath: /srv/collegium/files}
  - {name: state, mountPath: /var/lib/collegium}
  - {name: tmp, mountPath: /tmp}
{{- end }}

{{- /* What a role alone gets to see of others' secrets, as sources of a volume: (list . role). */ -}}
{{- define "collegium.serviceSecrets" -}}
{{- $mail := include "collegium.mailSecret" (index . 0) -}}
{{- compact (list (include "collegium.keycloakSecret" .) $mail (include "collegium.filesSecret" (index . 0))) | join "\n" -}}
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
      {{- if $root.Values.mail.host }}
      - {key: mail.json, path: mail.json}
      {{- end }}
      {{- if include "collegium.onS3" $root }}
      - {key: files.json, path: files.json}
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
{{- with include "collegium.mailVolumes" $root }}
{{- . | nindent 0 }}
{{- end }}
{{- with include "collegium.filesVolumes" $root }}
{{- . | nindent 0 }}
{{- end }}
{{- with include "collegium.datasetVolumes" $root }}
{{- . | nindent 0 }}
{{- end }}
- name: files
  persistentVolumeClaim: {claimName: {{ include "collegium.filesClaim" $root }}}
- name: state
  emptyDir: {sizeLimit: 64Mi}
- name: tmp
  emptyDir: {sizeLimit: 256Mi}
{{- end }}

{{- /* Options of api, which checks, and of controller, which sends. */ -}}
{{- define "collegium.notificationArguments" -}}
{{- $n := .Values.notifications -}}
- --CollegiumService.notification_days={{ int $n.days }}
{{- range $n.networks }}
- --CollegiumService.notification_networks={{ . }}
{{- end }}
{{- range $n.mailDomains }}
- --CollegiumService.notification_mail_domains={{ . }}
{{- end }}
{{- with include "collegium.linkUrl" . }}
- --CollegiumService.public_url={{ . }}
{{- end }}
{{- end }}

{{- /* Under which browsers find us; empty if nobody said. */ -}}
{{- define "collegium.linkUrl" -}}
{{- if .Values.notifications.publicUrl -}}{{ .Values.notifications.publicUrl | trimSuffix "/" }}
{{- else if and .Values.ingress.enabled .Values.ingress.hosts -}}
{{ ternary "https" "http" (not (empty .Values.ingress.tls)) }}://{{ first .Values.ingress.hosts }}
{{- end -}}
{{- end }}

{{- define "collegium.toWebhooks" -}}
{{- with .Values.networkPolicy.webhooks.ports -}}
- ports:
    {{- range . }}
    - {protocol: TCP, port: {{ int . }}}
    {{- end }}
  {{- with $.Values.networkPolicy.webhooks.to }}
  to:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}
{{- end }}

{{- /* What api and controller are restarted for when it changes. */ -}}
{{- define "collegium.serviceConfig" -}}
{{- include "collegium.kubernetes" . -}}
{{- if include "collegium.withKeycloak" . -}}{{- include "collegium.keycloak" . -}}{{- end -}}
{{- if include "collegium.onS3" . -}}{{- include "collegium.files" . -}}{{- end -}}
{{- end }}
{{- define "collegium.roleConfig" -}}
{{- include "collegium.serviceConfig" (index . 0) -}}
{{- if (index . 0).Values.mail.host -}}{{- include "collegium.mail" (index . 0) -}}{{- end -}}
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
