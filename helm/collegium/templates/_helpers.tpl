{{- /* Names, labels and the parts that all pods share. */ -}}

{{- define "collegium.instance" -}}
{{- .Values.instance | default .Release.Name -}}
{{- end }}

{{- /* Name of an object: (list . "hub"). */ -}}
{{- define "collegium.name" -}}
{{- $root := index . 0 -}}
{{- printf "%s-%s" (include "collegium.instance" $root) (index . 1) -}}
{{- end }}

{{- define "collegium.host" -}}
{{- $root := index . 0 -}}
{{- printf "%s.%s.svc" (include "collegium.name" .) $root.Release.Namespace -}}
{{- end }}

{{- /* What selects a component, and only ours: a Zero-to-JupyterHub release has the same instance in addon mode. */ -}}
{{- define "collegium.selector" -}}
app.kubernetes.io/name: collegium
app.kubernetes.io/instance: {{ include "collegium.instance" (index . 0) }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{- define "collegium.labels" -}}
{{- $root := index . 0 -}}
{{ include "collegium.selector" . }}
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" }}
{{- end }}

{{- /* Labels that select every pod of ours in the control namespace. */ -}}
{{- define "collegium.all" -}}
app.kubernetes.io/name: collegium
app.kubernetes.io/instance: {{ include "collegium.instance" . }}
{{- end }}

{{- /* An image: (list . "hub"). Service and proxy are in the hub's image unless they have one of their own. */ -}}
{{- define "collegium.image" -}}
{{- $root := index . 0 -}}
{{- $images := $root.Values.images -}}
{{- $name := index $images (index . 1) | default $images.hub -}}
{{- if $images.registry -}}{{- $name = printf "%s/%s" $images.registry $name -}}{{- end -}}
{{- if or (contains "@" $name) (contains ":" (base $name)) -}}{{ $name }}
{{- else -}}{{ printf "%s:%s" $name ($images.tag | default $root.Chart.AppVersion) }}
{{- end -}}
{{- end }}

{{- define "collegium.groupNamespace" -}}
{{- .Values.groups.namespace | default (printf "%s-{group}" (include "collegium.instance" .)) -}}
{{- end }}

{{- define "collegium.filesClaim" -}}
{{- .Values.files.existingClaim | default (include "collegium.name" (list . "files")) -}}
{{- end }}

{{- /* Not empty if datasets may lie where the controller has to make volumes for them. */ -}}
{{- define "collegium.twins" -}}
{{- with .Values.datasets -}}{{- if or .nfsServers .hostPaths .csi -}}twins{{- end -}}{{- end -}}
{{- end }}

{{- /* Secrets: their names, ours or the operator's. */ -}}
{{- define "collegium.databaseSecret" -}}
{{- .Values.database.existingSecret | default (include "collegium.name" (list . "postgresql")) -}}
{{- end }}
{{- define "collegium.hubSecret" -}}
{{- .Values.secrets.hub | default (include "collegium.name" (list . "hub")) -}}
{{- end }}
{{- define "collegium.proxySecret" -}}
{{- .Values.secrets.proxy | default (include "collegium.name" (list . "proxy")) -}}
{{- end }}
{{- define "collegium.serviceSecret" -}}
{{- .Values.secrets.service | default (include "collegium.name" (list . "service")) -}}
{{- end }}
{{- define "collegium.sealingSecret" -}}
{{- .Values.secrets.sealing | default (include "collegium.name" (list . "sealing")) -}}
{{- end }}
{{- define "collegium.adminSecret" -}}
{{- .Values.admin.existingSecret | default (include "collegium.name" (list . "admin")) -}}
{{- end }}
{{- define "collegium.adminKey" -}}
{{- if .Values.admin.existingSecret -}}{{ .Values.admin.key | default .Values.admin.user }}{{- else -}}{{ .Values.admin.user }}{{- end -}}
{{- end }}

{{- /* What a Secret of ours holds already, else what is given: (list . name key new). Secrets are made once. */ -}}
{{- define "collegium.kept" -}}
{{- $root := index . 0 -}}
{{- $found := lookup "v1" "Secret" $root.Release.Namespace (index . 1) -}}
{{- $data := dict -}}
{{- if $found -}}{{- $data = $found.data | default dict -}}{{- end -}}
{{- if hasKey $data (index . 2) -}}{{ index $data (index . 2) | b64dec }}{{- else -}}{{ index . 3 }}{{- end -}}
{{- end }}

{{- /* Security of the pod and of its containers: Pod Security "restricted", and a read-only root. */ -}}
{{- define "collegium.podSecurity" -}}
runAsNonRoot: true
runAsUser: {{ .Values.security.uid }}
runAsGroup: {{ .Values.security.gid }}
fsGroup: {{ .Values.security.gid }}
fsGroupChangePolicy: OnRootMismatch
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "collegium.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{- /* Metadata of a pod: (list . component values config-to-hash). */ -}}
{{- define "collegium.podMetadata" -}}
{{- $values := index . 2 -}}
labels:
  {{- include "collegium.labels" (list (index . 0) (index . 1)) | nindent 2 }}
  {{- with $values.podLabels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
annotations:
  collegium.io/configuration: {{ index . 3 | sha256sum }}
  {{- with $values.podAnnotations }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}

{{- /* The first lines of every pod's spec: (list . component values). */ -}}
{{- define "collegium.pod" -}}
{{- $root := index . 0 -}}
{{- $values := index . 2 -}}
enableServiceLinks: false
securityContext:
  {{- include "collegium.podSecurity" $root | nindent 2 }}
{{- with $root.Values.images.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- with $values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with $values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- if hasKey $values "topologySpread" }}
topologySpreadConstraints:
  {{- if $values.topologySpread }}
  {{- toYaml $values.topologySpread | nindent 2 }}
  {{- else }}
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "collegium.selector" (list $root (index . 1)) | nindent 8 }}
  {{- end }}
{{- end }}
{{- end }}

{{- /* The first lines of every container: (list . component image values). */ -}}
{{- define "collegium.container" -}}
{{- $root := index . 0 -}}
{{- $values := index . 3 -}}
name: {{ index . 1 }}
image: {{ include "collegium.image" (list $root (index . 2)) | quote }}
imagePullPolicy: {{ $root.Values.images.pullPolicy }}
securityContext:
  {{- include "collegium.containerSecurity" $root | nindent 2 }}
{{- with $values.resources }}
resources:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- /* The database's URL, and where things are: for hub, api and controller. */ -}}
{{- define "collegium.environment" -}}
- name: COLLEGIUM_DATABASE_URL
  valueFrom:
    secretKeyRef: {name: {{ include "collegium.databaseSecret" . }}, key: {{ .Values.database.key }}}
- {name: COLLEGIUM_STATE_DIR, value: /var/lib/collegium/state}
- {name: COLLEGIUM_KUBERNETES, value: /etc/collegium/config/kubernetes.json}
{{- if include "collegium.withKeycloak" . }}
- {name: COLLEGIUM_KEYCLOAK, value: /etc/collegium/config/keycloak.json}
{{- end }}
{{- if include "collegium.onS3" . }}
- {name: COLLEGIUM_FILES, value: /etc/collegium/config/files.json}
{{- end }}
- {name: HOME, value: /tmp}
{{- end }}

{{- /* What hub and service must agree on to share the cluster: collegium.backends.kubernetes.settings. */ -}}
{{- define "collegium.kubernetes" -}}
{{- $v := .Values -}}
{{- $pull := $v.groups.pullSecrets | default list -}}
{{- dict
  "instance" (include "collegium.instance" .)
  "control_namespace" .Release.Namespace
  "namespace" (include "collegium.groupNamespace" .)
  "manage_namespaces" $v.groups.manageNamespaces
  "watch" $v.groups.watch
  "uid" (int $v.security.uid)
  "gid" (int $v.security.gid)
  "tools_image" (include "collegium.image" (list . "service"))
  "image_pull_policy" $v.images.pullPolicy
  "pull_secrets" $pull
  "pull_secrets_dir" (ternary "/etc/collegium/pull-secrets" "" (gt (len $pull) 0))
  "files_claim" (include "collegium.filesClaim" .)
  "files_dir" "/srv/collegium/files"
  "files_volume" ($v.files.volume | default dict)
  "files_capacity" (toString $v.files.capacity)
  "homes" $v.homes.kind
  "home_storage_class" $v.homes.storageClass
  "home_capacity" (toString $v.homes.capacity)
  "home_access_mode" $v.homes.accessMode
  "home_mount" $v.homes.mount
  "start_deadline" (int $v.groups.startDeadline)
  "kueue_queues" ($v.groups.kueueQueues | default dict)
  "headroom" $v.groups.headroom
  "dataset_nfs_servers" ($v.datasets.nfsServers | default list)
  "dataset_host_paths" ($v.datasets.hostPaths | default list)
  "dataset_csi" (ternary (dict "csi" $v.datasets.csi "mountOptions" ($v.datasets.csiMountOptions | default list)) dict (not (empty $v.datasets.csi)))
  "node_selector" ($v.groups.nodeSelector | default dict)
  "tolerations" ($v.groups.tolerations | default list)
  "internet" $v.groups.internet
  "blocked_ranges" $v.groups.blockedRanges
  "within_group" $v.groups.withinGroup
  "dns_peers" $v.networkPolicy.dnsTo
  "hub_port" (int (include "collegium.hubPort" .))
  "proxy_port" 8000
  "server_port" 8888
  | toPrettyJson -}}
{{- end }}

{{- /* The hub as servers and our own pods see it. */ -}}
{{- define "collegium.hubUrl" -}}
{{- if .Values.addon.enabled -}}
{{- $host := urlParse .Values.addon.hubUrl -}}
{{- $name := splitList ":" $host.host | first -}}
{{- if contains "." $name -}}{{ .Values.addon.hubUrl }}
{{- else -}}{{ printf "%s://%s.%s.svc:%s" $host.scheme $name .Release.Namespace (include "collegium.hubPort" .) }}
{{- end -}}
{{- else -}}http://{{ include "collegium.host" (list . "hub") }}:8081
{{- end -}}
{{- end }}

{{- define "collegium.hubPort" -}}
{{- if .Values.addon.enabled -}}
{{- $parts := splitList ":" (urlParse .Values.addon.hubUrl).host -}}
{{- if gt (len $parts) 1 -}}{{ last $parts }}{{- else -}}80{{- end -}}
{{- else -}}8081{{- end -}}
{{- end }}

{{- define "collegium.publicUrl" -}}
{{- if .Values.addon.enabled -}}{{ .Values.addon.publicUrl }}
{{- else -}}http://{{ include "collegium.host" (list . "proxy") }}:{{ .Values.proxy.service.port }}
{{- end -}}
{{- end }}
