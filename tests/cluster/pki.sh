#!/bin/bash
# Certificates and kubeconfigs for one node; up.sh calls it once. The admin kubeconfig is last: it says that all are there.
set -e
umask 077
. "$(dirname "$0")/env.sh"
mkdir -p "$PKI" && cd "$PKI"
q() { openssl "$@" 2>/dev/null; }
key() { q ecparam -name prime256v1 -genkey -noout -out "$1.key"; }
ca() { key "$1"; q req -x509 -new -key "$1.key" -sha256 -days 3650 -subj "/CN=$2" -out "$1.crt" \
        -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign,digitalSignature; }
crt() { # NAME CA SUBJECT EKU [SAN]
  key "$1"; q req -new -key "$1.key" -subj "$3" -out "$1.csr"
  { echo "keyUsage=critical,digitalSignature,keyEncipherment"; echo "extendedKeyUsage=$4"; [ -z "$5" ] || echo "subjectAltName=$5"; } > "$1.ext"
  q x509 -req -in "$1.csr" -CA "$2.crt" -CAkey "$2.key" -CAcreateserial -days 3650 -sha256 -extfile "$1.ext" -out "$1.crt"
  rm -f "$1.csr" "$1.ext"; }
kubeconfig() { # NAME OUT
  cat > "$2" <<Y
apiVersion: v1
kind: Config
clusters: [{name: $NAME, cluster: {server: "https://$NODE_IP:6443", certificate-authority-data: $(base64 -w0 ca.crt)}}]
users: [{name: $1, user: {client-certificate-data: $(base64 -w0 "$1.crt"), client-key-data: $(base64 -w0 "$1.key")}}]
contexts: [{name: $NAME, context: {cluster: $NAME, user: $1}}]
current-context: $NAME
Y
}
ca ca kubernetes-ca; ca front front-proxy-ca
q genrsa -out sa.key 2048; q rsa -in sa.key -pubout -out sa.pub
crt apiserver ca /CN=kube-apiserver serverAuth "DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,DNS:kubernetes.default.svc.cluster.local,DNS:localhost,IP:$SVC_API_IP,IP:$NODE_IP,IP:127.0.0.1"
crt kubelet-client ca /O=system:masters/CN=apiserver-kubelet-client clientAuth
crt front-client front /CN=front-proxy-client clientAuth
crt kubelet ca "/O=system:nodes/CN=system:node:$NODE_NAME" serverAuth,clientAuth "DNS:$NODE_NAME,IP:$NODE_IP"
crt admin ca /O=system:masters/CN=admin clientAuth
crt kcm ca /CN=system:kube-controller-manager clientAuth
crt scheduler ca /CN=system:kube-scheduler clientAuth
crt proxy ca /CN=system:kube-proxy clientAuth
crt dns ca /CN=coredns clientAuth
mkdir -p "$CONF"
for n in kcm scheduler proxy kubelet dns; do kubeconfig $n "$CONF/$n.kubeconfig"; done
kubeconfig admin "$KUBECONFIG.draft"; mv "$KUBECONFIG.draft" "$KUBECONFIG"
