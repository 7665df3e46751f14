{{- /* A value as CEL writes it; {namespace} in texts becomes the namespace that the volume is for. */ -}}
{{- define "collegium.cel" -}}
{{- if kindIs "string" . -}}
{{- $parts := list -}}
{{- range splitList "{namespace}" . -}}{{- $parts = append $parts (toJson .) -}}{{- end -}}
{{- if eq (len $parts) 1 -}}{{ first $parts }}{{- else -}}({{ join " + object.spec.claimRef.namespace + " $parts }}){{- end -}}
{{- else if kindIs "map" . -}}
{ {{- $items := list -}}
{{- range $key, $value := . -}}{{- $items = append $items (printf "%s: %s" (toJson $key) (include "collegium.cel" $value)) -}}{{- end -}}
{{- join ", " $items -}} }
{{- else if kindIs "slice" . -}}
[ {{- $items := list -}}
{{- range . -}}{{- $items = append $items (include "collegium.cel" .) -}}{{- end -}}
{{- join ", " $items -}} ]
{{- else -}}{{ toJson . }}{{- end -}}
{{- end }}

{{- /* A regular expression for names of groups' namespaces. A group's name is at most 30 letters, digits and hyphens. */ -}}
{{- define "collegium.namespacePattern" -}}
{{- $template := include "collegium.groupNamespace" . -}}
{{- if contains "{group}" $template -}}
^{{ $template | replace "{group}" "[a-z0-9]([-a-z0-9]{0,28}[a-z0-9])?" }}$
{{- else -}}^{{ $template }}${{- end -}}
{{- end }}
