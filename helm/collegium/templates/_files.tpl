{{- /* Where the files of groups are: collegium.stores.settings.FileSettings. Nothing for the volume, which needs no word. */ -}}
{{- define "collegium.onS3" -}}
{{- if eq .Values.files.store "s3" -}}yes{{- end -}}
{{- end }}

{{- define "collegium.files" -}}
{{- $s := .Values.files.s3 -}}
{{- $made := dict
  "store" "s3"
  "bucket" $s.bucket
  "prefix" $s.prefix
  "endpoint" ($s.endpoint | trimSuffix "/")
  "region" $s.region
  "access_key_file" "/etc/collegium/secrets/s3-access-key"
  "secret_key_file" "/etc/collegium/secrets/s3-secret-key"
  "direct" $s.direct
  "public_endpoint" ($s.publicEndpoint | trimSuffix "/") -}}
{{- if include "collegium.hasCa" $s -}}{{- $_ := set $made "ca_file" "/etc/collegium/ca/s3/ca.crt" -}}{{- end -}}
{{- toPrettyJson $made -}}
{{- end }}

{{- define "collegium.filesSecret" -}}
{{- if include "collegium.onS3" . -}}
{{- $s := .Values.files.s3 -}}
- secret:
    name: {{ $s.secretName }}
    items: [{key: {{ $s.accessEntry | quote }}, path: s3-access-key}, {key: {{ $s.signingEntry | quote }}, path: s3-secret-key}]
{{- end -}}
{{- end }}

{{- define "collegium.filesMounts" -}}
{{- if and (include "collegium.onS3" .) (include "collegium.hasCa" .Values.files.s3) -}}
- {name: s3-ca, mountPath: /etc/collegium/ca/s3, readOnly: true}
{{- end -}}
{{- end }}

{{- define "collegium.filesVolumes" -}}
{{- if include "collegium.filesMounts" . -}}
{{- include "collegium.caVolume" (list "s3-ca" .Values.files.s3.caBundle) -}}
{{- end -}}
{{- end }}

{{- /* An egress rule, for those who read and write files: hub, api and controller. */ -}}
{{- define "collegium.toS3" -}}
{{- if include "collegium.onS3" . -}}
{{- $url := urlParse (.Values.files.s3.endpoint | default "https://s3.amazonaws.com") -}}
{{- $port := regexFind ":[0-9]+$" $url.host | trimPrefix ":" | default (ternary "80" "443" (eq $url.scheme "http")) -}}
{{- $ports := list (int $port) -}}
{{- range .Values.networkPolicy.s3.ports -}}{{- $ports = append $ports (int .) -}}{{- end -}}
- ports:
    {{- range uniq $ports }}
    - {protocol: TCP, port: {{ . }}}
    {{- end }}
  {{- with .Values.networkPolicy.s3.to }}
  to:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}
{{- end }}

{{- define "collegium.checkFiles" -}}
{{- $s := .Values.files.s3 -}}
{{- if include "collegium.onS3" . -}}
{{- if not $s.bucket -}}
{{- fail "files.s3.bucket is empty: with files.store s3 name the bucket that holds the files of groups" -}}
{{- end -}}
{{- if not $s.secretName -}}
{{- fail (printf "files.s3.secretName is empty: name a Secret with the keys of the S3 server (entries %s and %s)" $s.accessEntry $s.signingEntry) -}}
{{- end -}}
{{- if and $s.publicEndpoint (not $s.direct) -}}
{{- fail "files.s3.publicEndpoint: only with files.s3.direct; otherwise no browser talks to the S3 server" -}}
{{- end -}}
{{- else -}}
{{- range $name := list "bucket" "endpoint" "secretName" "publicEndpoint" -}}
{{- if get $s $name -}}
{{- fail (printf "files.s3.%s is given, and files.store is %s: set files.store to s3, or leave it out" $name $.Values.files.store) -}}
{{- end -}}
{{- end -}}
{{- if $s.direct -}}
{{- fail (printf "files.s3.direct is on, and files.store is %s: only an S3 server takes files from browsers" .Values.files.store) -}}
{{- end -}}
{{- end -}}
{{- include "collegium.checkCa" (list "files.s3" $s.caBundle) -}}
{{- end }}
