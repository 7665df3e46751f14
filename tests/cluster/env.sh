# Settings of the shell scripts; `scripts/cluster` sets CLUSTER_ROOT, CLUSTER_NUMBER, CLUSTER_BIN and PYTHON.
#   CLUSTER_ROOT    folder of the cluster's state (certificates, etcd data, images, logs)
#   CLUSTER_NUMBER  0 to 9: clusters beside one another differ in names and addresses
: "${CLUSTER_ROOT:?set CLUSTER_ROOT to a folder for the state of the cluster}"
: "${CLUSTER_BIN:=$CLUSTER_ROOT/bin}"
: "${CLUSTER_NUMBER:=0}"
: "${PYTHON:=$(command -v python3)}"
: "${CNI_BIN:=/usr/lib/cni}"
case "$CLUSTER_ROOT" in /run/*|/var/lib/*|/var/log/*) echo "CLUSTER_ROOT must not lie under /run, /var/lib or /var/log" >&2; exit 2;; esac
NAME=kube$CLUSTER_NUMBER                        # also of the veth pair and of the cgroups
HOST_IP=10.200.$CLUSTER_NUMBER.1                # this machine's end of the veth pair
NODE_IP=10.200.$CLUSTER_NUMBER.2                # the node's end: API server, kubelet, DNS
POD_NET=10.$((244-CLUSTER_NUMBER)).0.0/16       # routed to the node
POD_CIDR=10.$((244-CLUSTER_NUMBER)).0.0/24      # the real pods' part of it
FAKE_POD_CIDR=10.$((244-CLUSTER_NUMBER)).128.0/17  # simulated pods' part: they answer nothing
SVC_CIDR=10.$((96+CLUSTER_NUMBER)).0.0/16
SVC_API_IP=10.$((96+CLUSTER_NUMBER)).0.1
DNS_IP=10.$((96+CLUSTER_NUMBER)).0.10
NODE_NAME=node1
PAUSE_IMAGE=localhost/pause:test
PKI=$CLUSTER_ROOT/pki CONF=$CLUSTER_ROOT/conf LOGS=$CLUSTER_ROOT/logs STATE=$CLUSTER_ROOT/node
HOLDER_FILE=$CLUSTER_ROOT/holder.pid            # PID 1 of the node, as this machine counts
export KUBECONFIG=$CLUSTER_ROOT/admin.kubeconfig

# holder: the node's PID 1, if it lives. A number alone could be another program's by now.
holder() {
  local p; p=$(cat "$HOLDER_FILE" 2>/dev/null) && [ -n "$p" ] || return 1
  tr '\0' ' ' <"/proc/$p/cmdline" 2>/dev/null | grep -qF "node-init.sh $CLUSTER_ROOT " && echo "$p"
}
# in_node CMD...: run a command inside the node's namespaces
in_node() {
  local p; p=$(holder) || { echo "the cluster is not up" >&2; return 1; }
  nsenter -t "$p" -m -n -p -u -i -- "$@"
}
