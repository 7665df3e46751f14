{{- /* The server by which api and controller send mail: collegium.services.mail.MailSettings. */ -}}
{{- define "collegium.mail" -}}
{{- $m := .Values.mail -}}
{{- $made := dict
  "host" $m.host
  "port" (int $m.port)
  "security" $m.security
  "user" $m.user
  "sender" $m.sender
  "patience" $m.patience -}}
{{- if $m.user -}}{{- $_ := set $made "password_file" "/etc/collegium/secrets/mail-password" -}}{{- end -}}
{{- if include "collegium.hasCa" $m -}}{{- $_ := set $made "ca_file" "/etc/collegium/ca/mail/ca.crt" -}}{{- end -}}
{{- toPrettyJson $made -}}
{{- end }}

{{- define "collegium.mailSecret" -}}
{{- if and .Values.mail.host .Values.mail.user -}}
- secret: {name: {{ .Values.mail.existingSecret }}, items: [{key: {{ .Values.mail.key | quote }}, path: mail-password}]}
{{- end -}}
{{- end }}

{{- define "collegium.mailMounts" -}}
{{- if and .Values.mail.host (include "collegium.hasCa" .Values.mail) -}}
- {name: mail-ca, mountPath: /etc/collegium/ca/mail, readOnly: true}
{{- end -}}
{{- end }}

{{- define "collegium.mailVolumes" -}}
{{- if include "collegium.mailMounts" . -}}
{{- include "collegium.caVolume" (list "mail-ca" .Values.mail.caBundle) -}}
{{- end -}}
{{- end }}

{{- define "collegium.toMail" -}}
{{- if .Values.mail.host -}}
- ports: [{protocol: TCP, port: {{ .Values.mail.port | default (get (dict "none" 25 "starttls" 587 "tls" 465) .Values.mail.security) | int }}}]
  {{- with .Values.networkPolicy.mailTo }}
  to:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}
{{- end }}

{{- define "collegium.checkMail" -}}
{{- $m := .Values.mail -}}
{{- if and $m.host (not $m.sender) -}}
{{- fail "mail.sender is empty: with mail.host give the address that mails come from" -}}
{{- end -}}
{{- if and $m.host $m.user (not $m.existingSecret) -}}
{{- fail (printf "mail.existingSecret is empty: name a Secret with the password of %s (key %s)" $m.user $m.key) -}}
{{- end -}}
{{- if and $m.host $m.user (eq $m.security "none") -}}
{{- fail "mail.security is none: a password may not travel openly; take starttls or tls, or leave mail.user empty" -}}
{{- end -}}
{{- include "collegium.checkCa" (list "mail" $m.caBundle) -}}
{{- end }}

{{- /* Certificate authorities: something with a caBundle in it, or (list name caBundle). */ -}}
{{- define "collegium.hasCa" -}}
{{- if or .caBundle.configMap .caBundle.secret -}}yes{{- end -}}
{{- end }}

{{- define "collegium.caVolume" -}}
{{- $ca := index . 1 -}}
- name: {{ index . 0 }}
  {{- if $ca.configMap }}
  configMap: {name: {{ $ca.configMap }}, items: [{key: {{ $ca.key | quote }}, path: ca.crt}]}
  {{- else }}
  secret: {secretName: {{ $ca.secret }}, defaultMode: 0440, items: [{key: {{ $ca.key | quote }}, path: ca.crt}]}
  {{- end }}
{{- end }}

{{- define "collegium.checkCa" -}}
{{- $ca := index . 1 -}}
{{- if and $ca.configMap $ca.secret -}}
{{- fail (printf "%s.caBundle.configMap and %s.caBundle.secret: give one of them" (index . 0) (index . 0)) -}}
{{- end -}}
{{- end }}
