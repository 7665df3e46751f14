{{- /* Settings of JupyterHub that follow from the chart; hub.config comes on top of them, and is checked by the hub. */ -}}
{{- define "collegium.hubConfig" -}}
{{- $ours := dict
  "JupyterHub" (dict
    "bind_url" (printf "http://0.0.0.0:8000%s" .Values.hub.baseUrl)
    "hub_bind_url" "http://0.0.0.0:8081"
    "hub_connect_url" (include "collegium.hubUrl" .))
  "GroupKubeSpawner" (dict "service_address" (include "collegium.publicUrl" .))
  "ConfigurableHTTPProxy" (dict "api_url" (printf "http://%s:8001" (include "collegium.host" (list . "proxy-api")))) -}}
{{- mergeOverwrite $ours (deepCopy .Values.hub.config) | toPrettyJson -}}
{{- end }}
