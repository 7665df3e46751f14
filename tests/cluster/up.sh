#!/bin/bash
# Bring up a one-node Kubernetes inside namespaces of its own (network, mounts, processes). `scripts/cluster up` calls it.
set -e
here=$(cd "$(dirname "$0")" && pwd)
. "$here/env.sh"
say() { printf '  %5.1f s  %s\n' "$(( ($(date +%s%N)-T0)/100000000 ))e-1" "$*"; }
T0=$(date +%s%N)
mkdir -p "$CONF" "$LOGS" "$STATE"

# 1. the node's namespaces
setsid unshare --net --mount --pid --uts --ipc --fork --kill-child --mount-proc \
  bash "$here/node-init.sh" "$CLUSTER_ROOT" "$NODE_NAME" "$NAME" >"$LOGS/node-init.log" 2>&1 </dev/null &
u=$!
for _ in $(seq 50); do p=$(ps -o pid= --ppid $u | tr -d ' '); [ -n "$p" ] && break; sleep 0.1; done
echo "$p" > "$HOLDER_FILE"
for _ in $(seq 50); do in_node test -e /run/ready 2>/dev/null && break; sleep 0.1; done
in_node test -e /run/ready || { cat "$LOGS/node-init.log" >&2; exit 1; }
ip link add "$NAME-h" type veth peer name eth0 netns "$p"
ip addr add "$HOST_IP/30" dev "$NAME-h"; ip link set "$NAME-h" up
in_node ip addr add "$NODE_IP/30" dev eth0; in_node ip link set eth0 up
in_node ip route add default via "$HOST_IP"     # this machine does not forward: nothing of the cluster gets out
ip route replace "$POD_NET" via "$NODE_IP"; ip route replace "$SVC_CIDR" via "$NODE_IP"
# service addresses with no endpoint must not leave the node
in_node ip link add svc0 type bridge; in_node ip link set svc0 up; in_node ip route add "$SVC_CIDR" dev svc0
in_node ip route add unreachable "$POD_NET"     # of simulated pods; real ones have the bridge's own route
say "namespaces of the node"

# 2. certificates, configuration
[ -s "$KUBECONFIG" ] || bash "$here/pki.sh"
sed 's/^    //' > "$CONF/cni.conflist" <<Y
    {"cniVersion": "0.4.0", "name": "pods", "plugins": [
      {"type": "bridge", "bridge": "cni0", "isGateway": true, "ipMasq": false, "hairpinMode": true,
       "ipam": {"type": "host-local", "ranges": [[{"subnet": "$POD_CIDR"}]], "routes": [{"dst": "0.0.0.0/0"}]}},
      {"type": "portmap", "capabilities": {"portMappings": true}, "snat": true}]}
Y
mkdir -p "$CONF/cni" && mv "$CONF/cni.conflist" "$CONF/cni/10-pods.conflist"
cat > "$CONF/containerd.toml" <<Y
version = 2
root = "/var/lib/containerd"
state = "/run/containerd"
disabled_plugins = ["io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.internal.v1.opt"]
[grpc]
  address = "/run/containerd/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "$PAUSE_IMAGE"
  restrict_oom_score_adj = true   # without CAP_SYS_RESOURCE runc dies on a lower score: "can't get final child's PID from pipe: EOF"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "$CNI_BIN"
    conf_dir = "$CONF/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    default_runtime_name = "runc"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        SystemdCgroup = false
Y
echo "nameserver $NODE_IP" > "$CONF/resolv.conf"
cat > "$CONF/kubelet.yaml" <<Y
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
authentication:
  anonymous: {enabled: false}
  webhook: {enabled: true}
  x509: {clientCAFile: $PKI/ca.crt}
authorization: {mode: Webhook}
tlsCertFile: $PKI/kubelet.crt
tlsPrivateKeyFile: $PKI/kubelet.key
containerRuntimeEndpoint: unix:///run/containerd/containerd.sock
cgroupDriver: cgroupfs
cgroupRoot: /$NAME
failCgroupV1: false
failSwapOn: false
clusterDNS: [$DNS_IP]
clusterDomain: cluster.local
resolvConf: $CONF/resolv.conf
nodeStatusUpdateFrequency: 5s
maxPods: 110
imageGCHighThresholdPercent: 100
imageGCLowThresholdPercent: 99
evictionHard: {memory.available: 200Mi, nodefs.available: 1Gi, imagefs.available: 1Gi, nodefs.inodesFree: 1%, imagefs.inodesFree: 1%}
runtimeRequestTimeout: 5m
shutdownGracePeriod: 0s
Y
cat > "$CONF/proxy.yaml" <<Y
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
clientConnection: {kubeconfig: $CONF/proxy.kubeconfig}
mode: nftables
clusterCIDR: $POD_NET
hostnameOverride: $NODE_NAME
conntrack: {maxPerCore: 0, min: 0, tcpEstablishedTimeout: 0s, tcpCloseWaitTimeout: 0s}
nodePortAddresses: [primary]
Y
cat > "$CONF/Corefile" <<Y
.:53 {
    bind $NODE_IP
    errors
    health $NODE_IP:8080
    ready $NODE_IP:8181
    hosts {
      $HOST_IP host.cluster.test
      fallthrough
    }
    kubernetes cluster.local in-addr.arpa {
      kubeconfig $CONF/dns.kubeconfig
      pods insecure
      ttl 5
    }
    cache 5
}
Y
printf '%s\n' "$CLUSTER_BIN/etcd --name e0 --data-dir $STATE/etcd --listen-client-urls http://127.0.0.1:2379 --advertise-client-urls http://127.0.0.1:2379 --listen-peer-urls http://127.0.0.1:2380 --unsafe-no-fsync --log-level warn --auto-compaction-retention 1h" > "$CONF/etcd.cmd"
printf '%s ' "$CLUSTER_BIN/kube-apiserver" --etcd-servers=http://127.0.0.1:2379 --bind-address=0.0.0.0 --secure-port=6443 --advertise-address=$NODE_IP \
  --service-cluster-ip-range=$SVC_CIDR --authorization-mode=Node,RBAC --enable-admission-plugins=NodeRestriction --allow-privileged=true \
  --client-ca-file=$PKI/ca.crt --tls-cert-file=$PKI/apiserver.crt --tls-private-key-file=$PKI/apiserver.key \
  --kubelet-client-certificate=$PKI/kubelet-client.crt --kubelet-client-key=$PKI/kubelet-client.key --kubelet-certificate-authority=$PKI/ca.crt --kubelet-preferred-address-types=InternalIP \
  --service-account-issuer=https://kubernetes.default.svc.cluster.local --service-account-key-file=$PKI/sa.pub --service-account-signing-key-file=$PKI/sa.key \
  --proxy-client-cert-file=$PKI/front-client.crt --proxy-client-key-file=$PKI/front-client.key --requestheader-client-ca-file=$PKI/front.crt \
  --requestheader-allowed-names=front-proxy-client --requestheader-extra-headers-prefix=X-Remote-Extra- --requestheader-group-headers=X-Remote-Group --requestheader-username-headers=X-Remote-User \
  --enable-aggregator-routing=true --profiling=false > "$CONF/apiserver.cmd"
# One node: after an API server was away it must not be taken for lost, with all services on it.
printf '%s ' "$CLUSTER_BIN/kube-controller-manager" --kubeconfig=$CONF/kcm.kubeconfig --authentication-kubeconfig=$CONF/kcm.kubeconfig --authorization-kubeconfig=$CONF/kcm.kubeconfig \
  --cluster-cidr=$POD_NET --allocate-node-cidrs=false --service-cluster-ip-range=$SVC_CIDR --cluster-name=$NAME \
  --root-ca-file=$PKI/ca.crt --service-account-private-key-file=$PKI/sa.key --use-service-account-credentials=true --leader-elect=false --kube-api-qps=200 --kube-api-burst=400 --node-monitor-grace-period=15m \
  --cluster-signing-cert-file=$PKI/ca.crt --cluster-signing-key-file=$PKI/ca.key --bind-address=127.0.0.1 --profiling=false > "$CONF/kcm.cmd"
printf '%s ' "$CLUSTER_BIN/kube-scheduler" --kubeconfig=$CONF/scheduler.kubeconfig --authentication-kubeconfig=$CONF/scheduler.kubeconfig --authorization-kubeconfig=$CONF/scheduler.kubeconfig --leader-elect=false --kube-api-qps=200 --kube-api-burst=400 --bind-address=127.0.0.1 --profiling=false > "$CONF/scheduler.cmd"
echo "containerd --config $CONF/containerd.toml" > "$CONF/containerd.cmd"
echo "$CLUSTER_BIN/kubelet --config=$CONF/kubelet.yaml --kubeconfig=$CONF/kubelet.kubeconfig --root-dir=/var/lib/kubelet --node-ip=$NODE_IP --hostname-override=$NODE_NAME --node-labels=cluster.test/kind=real --v=1" > "$CONF/kubelet.cmd"
echo "$CLUSTER_BIN/kube-proxy --config=$CONF/proxy.yaml" > "$CONF/proxy.cmd"
echo "$CLUSTER_BIN/coredns -conf $CONF/Corefile" > "$CONF/dns.cmd"

# 3. programs
node() { bash "$here/node.sh" "$@"; }
wait_for() { local what=$1; shift; for _ in $(seq 600); do "$@" >/dev/null 2>&1 && { say "$what"; return; }; sleep 0.2; done; echo "TIMEOUT: $what" >&2; exit 1; }
kubectl() { "$CLUSTER_BIN/kubectl" "$@"; }
node start containerd; node start etcd
wait_for "etcd" in_node "$CLUSTER_BIN/etcdctl" endpoint health
node start apiserver
wait_for "containerd" in_node ctr version
in_node ctr -n k8s.io images ls -q | grep -qxF "$PAUSE_IMAGE" || in_node ctr -n k8s.io images import "$CLUSTER_ROOT/pause.tar" >/dev/null
wait_for "apiserver ready" kubectl get --raw /readyz
node start kcm; node start scheduler; node start kubelet; node start proxy
kubectl apply -f - >/dev/null <<Y
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: coredns}
rules:
- {apiGroups: [""], resources: [endpoints, services, pods, namespaces], verbs: [list, watch, get]}
- {apiGroups: [discovery.k8s.io], resources: [endpointslices], verbs: [list, watch]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: coredns}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: coredns}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: coredns}]
---
apiVersion: v1
kind: Service
metadata: {name: kube-dns, namespace: kube-system}
spec:
  clusterIP: $DNS_IP
  ports: [{name: dns, port: 53, protocol: UDP}, {name: dns-tcp, port: 53, protocol: TCP}]
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: kube-dns-host, namespace: kube-system, labels: {kubernetes.io/service-name: kube-dns}}
addressType: IPv4
ports: [{name: dns, port: 53, protocol: UDP}, {name: dns-tcp, port: 53, protocol: TCP}]
endpoints: [{addresses: ["$NODE_IP"], conditions: {ready: true}}]
Y
node start dns
# the node's own small programs: NetworkPolicy enforcer, volumes for claims
echo "$PYTHON -B $here/node/netpol.py $NODE_IP 6443 $PKI $NODE_NAME" > "$CONF/netpol.cmd"; node start netpol
echo "$PYTHON -B $here/node/provisioner.py $NODE_IP 6443 $PKI $CLUSTER_ROOT/volumes" > "$CONF/provisioner.cmd"; node start provisioner
wait_for "node Ready" kubectl wait --for=condition=Ready "node/$NODE_NAME" --timeout=2s
wait_for "default service account" kubectl -n default get sa default
