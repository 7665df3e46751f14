#!/bin/bash
# kwok.sh up N | down   N simulated nodes, for tests of scale. Their pods "run" at once and answer nothing.
# They carry the taint cluster.test/fake: only pods that tolerate it land there.
set -e
here=$(cd "$(dirname "$0")" && pwd); . "$here/env.sh"
kubectl() { "$CLUSTER_BIN/kubectl" "$@"; }
case "$1" in
up)
  stages=$(readlink -f "$CLUSTER_BIN/kwok"); stages=${stages%/*}/kwok-stages
  echo "$CLUSTER_BIN/kwok --kubeconfig=$KUBECONFIG $(printf -- '--config=%s ' "$stages"/*.yaml)" \
    "--manage-nodes-with-label-selector=cluster.test/kind=fake --cidr=$FAKE_POD_CIDR --node-ip=$NODE_IP" \
    "--node-lease-duration-seconds=120" | tr '\n' ' ' > "$CONF/kwok.cmd"
  bash "$here/node.sh" start kwok
  for i in $(seq "$2"); do cat <<Y
---
apiVersion: v1
kind: Node
metadata:
  name: fake-$i
  labels: {cluster.test/kind: fake, kubernetes.io/hostname: fake-$i, kubernetes.io/os: linux, kubernetes.io/arch: amd64}
spec: {taints: [{key: cluster.test/fake, effect: NoSchedule}]}
status:
  allocatable: {cpu: "32", memory: 256Gi, pods: "110", nvidia.com/gpu: "4"}
  capacity: {cpu: "32", memory: 256Gi, pods: "110", nvidia.com/gpu: "4"}
Y
  done | kubectl apply --server-side -f - >/dev/null
  kubectl wait --for=condition=Ready node -l cluster.test/kind=fake --timeout=300s | wc -l;;
down)
  kubectl delete node -l cluster.test/kind=fake --wait=false >/dev/null
  bash "$here/node.sh" stop kwok; rm -f "$CONF/kwok.cmd";;
*) sed -n 2p "$0"; exit 2;;
esac
