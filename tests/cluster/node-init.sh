#!/bin/bash
# PID 1 of the node: lays out the private mounts, then only reaps. Killing it kills everything on the node.
# Started by up.sh under: unshare --net --mount --pid --uts --ipc --fork --kill-child --mount-proc
set -e
root=$1 name=$2 cluster=$3
hostname "$name"
# the pods' cgroups go under one folder per cluster in every hierarchy
for h in /sys/fs/cgroup/*/; do
  mkdir -p "$h$cluster"
  if [ -e "${h}cpuset.cpus" ]; then for f in cpuset.cpus cpuset.mems; do cat "$h$f" > "$h$cluster/$f"; done; fi
done
mkdir -p "$root"/node/lib "$root"/node/log
rm -rf "$root"/node/lib/cni            # addresses of pods that ended with the last node
mount --make-rprivate /
# a sysfs that shows the node's own network devices, with the machine's cgroup mounts under it
mkdir -p "$root"/node/cg
mount --rbind /sys/fs/cgroup "$root"/node/cg
mount -t sysfs sysfs /sys
mount --move "$root"/node/cg /sys/fs/cgroup
mount --bind "$root"/node/lib /var/lib
mount --bind "$root"/node/log /var/log
mount -t tmpfs -o mode=755,size=64m tmpfs /run
mkdir -p /run/pids /run/lock /run/netns
mount --make-rshared /
ip link set lo up
sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0
# packets between pods of one bridge must pass the rules of policies too
sysctl -qw net.bridge.bridge-nf-call-iptables=1 || { echo "the kernel has no br_netfilter: policies cannot be enforced"; exit 1; }
touch /run/ready
trap 'exit 0' TERM
while :; do sleep 3600 & wait $!; done
