{{- /* The catalog as the hub reads it: the values', with the user image while there is no other, and somebody to begin. */ -}}
{{- define "collegium.catalog" -}}
{{- $catalog := deepCopy .Values.catalog -}}
{{- if and (not $catalog.users) (not $catalog.groups) (not (include "collegium.withKeycloak" .)) -}}
{{- $_ := set $catalog "users" (list (dict "name" .Values.admin.user "platform_admin" true)) -}}
{{- $_ := set $catalog "groups" (list (dict
  "name" "welcome"
  "display_name" "Welcome"
  "description" "Where the first administrator tries things. Replace it by groups of your own."
  "limits" (dict "cpu" "4" "memory" "4Gi")
  "members" (dict .Values.admin.user "admin"))) -}}
{{- end -}}
{{- if not $catalog.images -}}
{{- $_ := set $catalog "images" (list (dict
  "name" "scientific-python"
  "display_name" "Scientific Python"
  "description" "JupyterLab with numpy, scikit-learn and matplotlib."
  "reference" (include "collegium.image" (list . "user"))
  "everyone" true)) -}}
{{- end -}}
{{- toYaml $catalog -}}
{{- end }}

{{- /* Refusals with clear words; one place, included once. */ -}}
{{- define "collegium.check" -}}
{{- $v := .Values -}}
{{- if and $v.database.existingSecret $v.database.bundled.enabled -}}
{{- fail "database.existingSecret and database.bundled.enabled: give one of them" -}}
{{- end -}}
{{- if not (or $v.database.existingSecret $v.database.bundled.enabled) -}}
{{- fail "database.existingSecret is empty: name a Secret with the URL of a PostgreSQL database (key database.key), or set database.bundled.enabled for a trial. SQLite cannot be used, as hub and service run in pods of their own" -}}
{{- end -}}
{{- if $v.database.existingSecret -}}
{{- $secret := lookup "v1" "Secret" .Release.Namespace $v.database.existingSecret | default dict -}}
{{- range $key := compact (list $v.database.key $v.database.hubKey) -}}
{{- if hasPrefix "sqlite" (index ($secret.data | default dict) $key | default "" | b64dec) -}}
{{- fail (printf "database.existingSecret %s: %s is the URL of an SQLite file; hub and service run in pods of their own and need PostgreSQL" $v.database.existingSecret $key) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if not (or $v.files.existingClaim $v.files.volume) -}}
{{- fail "files.volume and files.existingClaim are empty: jobs need a read-write-many volume, such as files.volume.nfs" -}}
{{- end -}}
{{- $template := include "collegium.groupNamespace" . -}}
{{- if and (not (contains "{group}" $template)) $v.files.volume (eq $template .Release.Namespace) (not $v.files.existingClaim) -}}
{{- fail "groups.namespace is the release's own: give files.existingClaim, as one namespace has room for one claim of that name" -}}
{{- end -}}
{{- if eq $template "{group}" -}}
{{- fail "groups.namespace is {group} alone: a group could be named like any namespace of the cluster; put something before it" -}}
{{- end -}}
{{- $admins := list -}}
{{- range (include "collegium.catalog" . | fromYaml).users -}}
{{- if .platform_admin -}}{{- $admins = append $admins .name -}}{{- end -}}
{{- end -}}
{{- if include "collegium.withKeycloak" . -}}
{{- include "collegium.checkKeycloak" . -}}
{{- else if and (not $v.addon.enabled) (not (has $v.admin.user $admins)) -}}
{{- fail (printf "admin.user is %q: catalog.users has no platform_admin of that name; there are: %s" $v.admin.user (join ", " $admins | default "none")) -}}
{{- end -}}
{{- include "collegium.checkMail" . -}}
{{- include "collegium.checkFiles" . -}}
{{- include "collegium.checkCa" (list "datasets" .Values.datasets.caBundle) -}}
{{- if and $v.ingress.enabled (not $v.ingress.hosts) -}}
{{- fail "ingress.hosts is empty: name at least one host" -}}
{{- end -}}
{{- if and $v.addon.enabled $v.ingress.enabled -}}
{{- fail "ingress.enabled: in addon mode the proxy, and what is before it, is the other release's" -}}
{{- end -}}
{{- if and $v.addon.enabled (not $v.instance) -}}
{{- fail "instance is empty: in addon mode it must be the name of the Zero-to-JupyterHub release, whose pods carry it" -}}
{{- end -}}
{{- if and $v.groups.namespaces $v.groups.manageNamespaces -}}
{{- fail "groups.namespaces: only with groups.manageNamespaces off; the controller binds rights itself otherwise" -}}
{{- end -}}
{{- end }}
