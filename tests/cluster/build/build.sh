#!/bin/bash
# build.sh OUT_DIR PART...   build the cluster's programs from Go modules, versions pinned in PART/go.mod and PART/go.sum.
# Parts: kube etcd coredns (needed), kwok helm (extras). GO names the Go program.
set -e
here=$(cd "$(dirname "$0")" && pwd); out=$(mkdir -p "$1" && cd "$1" && pwd); shift
: "${GO:=go}"
export GOFLAGS=-buildvcs=false CGO_ENABLED=0 GOTOOLCHAIN=local GOWORK=off
plain='-s -w'

build() { # PART NAME PACKAGE LDFLAGS
  (cd "$here/$1" && "$GO" build -mod=readonly -trimpath -ldflags "$4" -o "$out/$2" "$3")
}
version() { (cd "$here/$1" && "$GO" list -m -f '{{.Version}}' "$2"); }

for part in "$@"; do
  case $part in
  kube)
    v=$(version kube k8s.io/kubernetes); IFS=. read -r major minor _ <<<"${v#v}"; x="-X k8s.io/component-base/version"
    flags="$plain $x.gitVersion=$v $x.gitMajor=$major $x.gitMinor=$minor $x.gitTreeState=clean $x.buildDate=1970-01-01T00:00:00Z"
    flags="$flags $x.gitCommit=0000000000000000000000000000000000000000"
    for name in kube-apiserver kube-controller-manager kube-scheduler kubelet kube-proxy kubectl; do
      build kube "$name" "k8s.io/kubernetes/cmd/$name" "$flags"
    done
    # The program of every pod's sandbox: Kubernetes' own module carries its source.
    source=$(cd "$here/kube" && "$GO" list -m -f '{{.Dir}}' k8s.io/kubernetes)/build/pause/linux/pause.c
    gcc -Os -static -s -DVERSION=test -o "$out/pause" "$source";;
  etcd)
    build etcd etcd go.etcd.io/etcd/server/v3 "$plain"
    build etcd etcdctl go.etcd.io/etcd/etcdctl/v3 "$plain";;
  coredns) build coredns coredns . "$plain";;
  helm) build helm helm helm.sh/helm/v3/cmd/helm "$plain";;
  kwok)
    build kwok kwok sigs.k8s.io/kwok/cmd/kwok "$plain -X sigs.k8s.io/kwok/pkg/consts.Version=$(version kwok sigs.k8s.io/kwok)"
    stages=$(cd "$here/kwok" && "$GO" list -m -f '{{.Dir}}' sigs.k8s.io/kwok)/kustomize/stage
    mkdir -p "$out/kwok-stages"
    for f in node/fast/node-initialize node/heartbeat-with-lease/node-heartbeat-with-lease pod/fast/pod-ready \
      pod/fast/pod-complete pod/fast/pod-delete; do install -m 644 "$stages/$f.yaml" "$out/kwok-stages/"; done;;
  *) echo "unknown part $part" >&2; exit 2;;
  esac
done
