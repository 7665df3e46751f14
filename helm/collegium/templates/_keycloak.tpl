{{- /* Logins by Keycloak: collegium.identity.settings.KeycloakSettings. Nothing in here is, or shows, a secret. */ -}}
{{- define "collegium.withKeycloak" -}}
{{- if eq .Values.auth.type "keycloak" -}}yes{{- end -}}
{{- end }}

{{- /* Which of the realm's clients a component has the secret of; the other files are not in its pod. */ -}}
{{- define "collegium.keycloakClient" -}}
{{- get (dict "hub" "login" "controller" "sync" "api" "accounts") . -}}
{{- end }}

{{- /* One text for all pods: each must know which clients there are, and finds its own one's secret only. */ -}}
{{- define "collegium.keycloak" -}}
{{- $k := .Values.auth.keycloak -}}
{{- $made := dict
  "issuer" $k.issuer
  "groups" (dict
    "claim" $k.groups.claim
    "marker" $k.groups.marker
    "prefix" $k.groups.prefix
    "include" $k.groups.include
    "exclude" $k.groups.exclude
    "names" $k.groups.names
    "create" $k.groups.create)
  "roles" (dict "source" $k.roles.source "default" $k.roles.default "claim" $k.roles.claim "pattern" $k.roles.pattern)
  "platform_admin" (dict
    "realm_role" $k.platformAdmin.realmRole
    "realm_claim" $k.platformAdmin.realmClaim
    "client_role" $k.platformAdmin.clientRole
    "client_claim" $k.platformAdmin.clientClaim)
  "adopt_users" $k.adoptUsers
  "outage_grace" (int $k.outageGrace)
  "patience" $k.patience -}}
{{- range $name := list "login" "sync" "accounts" -}}
{{- $client := index $k $name -}}
{{- if $client.existingSecret -}}
{{- $_ := set $made $name (dict
  "client_id" $client.clientId
  "client_secret_file" (printf "/etc/collegium/secrets/keycloak-%s" $name)) -}}
{{- end -}}
{{- end -}}
{{- if $made.sync -}}
{{- $_ := set $made.sync "interval" $k.sync.interval -}}
{{- $_ := set $made.sync "walk_interval" $k.sync.walkInterval -}}
{{- end -}}
{{- /* Helm would add a given mapping to a default one, so the defaults of these two are the program's. */ -}}
{{- with $k.groups.newLimits -}}{{- $_ := set $made.groups "new_limits" . -}}{{- end -}}
{{- with $k.roles.names -}}{{- $_ := set $made.roles "names" . -}}{{- end -}}
{{- if include "collegium.hasCa" $k -}}{{- $_ := set $made "ca_file" "/etc/collegium/ca/keycloak/ca.crt" -}}{{- end -}}
{{- toPrettyJson $made -}}
{{- end }}

{{- /* Does a component talk to Keycloak? (list . "api"). Only who has a client of its own, and the self-test. */ -}}
{{- define "collegium.asksKeycloak" -}}
{{- $root := index . 0 -}}
{{- if include "collegium.withKeycloak" $root -}}
{{- if eq (index . 1) "selftest" -}}yes
{{- else if (index $root.Values.auth.keycloak (include "collegium.keycloakClient" (index . 1))).existingSecret -}}yes
{{- end -}}
{{- end -}}
{{- end }}

{{- define "collegium.keycloakMounts" -}}
{{- if and (include "collegium.withKeycloak" .) (include "collegium.hasCa" .Values.auth.keycloak) -}}
- {name: keycloak-ca, mountPath: /etc/collegium/ca/keycloak, readOnly: true}
{{- end -}}
{{- end }}

{{- define "collegium.keycloakVolumes" -}}
{{- if include "collegium.keycloakMounts" . -}}
{{- include "collegium.caVolume" (list "keycloak-ca" .Values.auth.keycloak.caBundle) -}}
{{- end -}}
{{- end }}

{{- /* The secret of a component's own client, as a source of a projected volume: (list . "hub"). */ -}}
{{- define "collegium.keycloakSecret" -}}
{{- if include "collegium.asksKeycloak" . -}}
{{- $name := include "collegium.keycloakClient" (index . 1) -}}
{{- $client := index (index . 0).Values.auth.keycloak $name -}}
- secret: {name: {{ $client.existingSecret }}, items: [{key: {{ $client.key | quote }}, path: keycloak-{{ $name }}}]}
{{- end -}}
{{- end }}

{{- define "collegium.issuerPort" -}}
{{- $url := urlParse .Values.auth.keycloak.issuer -}}
{{- regexFind ":[0-9]+$" $url.host | trimPrefix ":" | default (ternary "80" "443" (eq $url.scheme "http")) -}}
{{- end }}

{{- /* An egress rule, for those who ask Keycloak: (list . "hub"). */ -}}
{{- define "collegium.toKeycloak" -}}
{{- $policy := (index . 0).Values.networkPolicy.keycloak -}}
{{- if include "collegium.asksKeycloak" . -}}
- ports:
    {{- range append $policy.ports (include "collegium.issuerPort" (index . 0) | int) | uniq }}
    - {protocol: TCP, port: {{ int . }}}
    {{- end }}
  {{- with $policy.to }}
  to:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}
{{- end }}

{{- /* Refusals with clear words. */ -}}
{{- define "collegium.checkKeycloak" -}}
{{- $k := .Values.auth.keycloak -}}
{{- if not $k.issuer -}}
{{- fail "auth.keycloak.issuer is empty: with auth.type keycloak give the realm's URL, such as https://login.example.org/realms/lab" -}}
{{- end -}}
{{- if not $k.login.existingSecret -}}
{{- fail (printf "auth.keycloak.login.existingSecret is empty: name a Secret with the secret of the realm's client %q (key %s)" $k.login.clientId $k.login.key) -}}
{{- end -}}
{{- if and (eq $k.roles.source "attribute") (not $k.sync.existingSecret) -}}
{{- fail "auth.keycloak.roles.source is attribute: only the sync account can read groups' attributes; give auth.keycloak.sync.existingSecret" -}}
{{- end -}}
{{- include "collegium.checkCa" (list "auth.keycloak" $k.caBundle) -}}
{{- with .Values.catalog.users -}}
{{- fail (printf "catalog.users names %s: with auth.type keycloak people come from the realm, and the catalog may name none" (index . 0).name) -}}
{{- end -}}
{{- range .Values.catalog.groups -}}
{{- if .members -}}
{{- fail (printf "catalog.groups: %s has members: with auth.type keycloak they come from the realm's groups; leave members out" .name) -}}
{{- end -}}
{{- end -}}
{{- end }}
