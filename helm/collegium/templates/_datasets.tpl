{{- /* Options of api, which checks sources, and of controller, which reads them. */ -}}
{{- define "collegium.datasetArguments" -}}
{{- $d := .Values.datasets -}}
# Repositories are fetched there: the folder of the state is small.
- --CollegiumService.dataset_fetch_dir=/srv/collegium/files/fetches
{{- range $d.networks }}
- --CollegiumService.dataset_networks={{ . }}
{{- end }}
{{- if include "collegium.hasCa" $d }}
- --CollegiumService.dataset_ca_file=/etc/collegium/ca/datasets/ca.crt
{{- end }}
{{- end }}

{{- define "collegium.datasetMounts" -}}
{{- if include "collegium.hasCa" .Values.datasets -}}
- {name: datasets-ca, mountPath: /etc/collegium/ca/datasets, readOnly: true}
{{- end -}}
{{- end }}

{{- define "collegium.datasetVolumes" -}}
{{- if include "collegium.hasCa" .Values.datasets -}}
{{- include "collegium.caVolume" (list "datasets-ca" .Values.datasets.caBundle) -}}
{{- end -}}
{{- end }}

{{- /* An egress rule, for those who read sources of datasets. */ -}}
{{- define "collegium.toDatasets" -}}
{{- with .Values.networkPolicy.datasets.ports -}}
- ports:
    {{- range . }}
    - {protocol: TCP, port: {{ int . }}}
    {{- end }}
  {{- with $.Values.networkPolicy.datasets.to }}
  to:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}
{{- end }}
