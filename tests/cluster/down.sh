#!/bin/bash
# Stop the cluster: ending PID 1 of the node ends every process and mount of it. What it leaves behind is removed.
. "$(dirname "$0")/env.sh"
h=$(holder) && kill -KILL "$h"
for _ in $(seq 100); do holder >/dev/null || break; sleep 0.1; done
ip link del "${NAME}-h" 2>/dev/null    # its routes go with it
# the pods' cgroups are empty now: remove them, deepest first
for _ in 1 2 3 4 5; do
  for c in /sys/fs/cgroup/*/"$NAME"; do [ -d "$c" ] && find "$c" -depth -type d -exec rmdir {} + 2>/dev/null; done
  ls -d /sys/fs/cgroup/*/"$NAME" >/dev/null 2>&1 || break; sleep 0.2
done
rm -f "$HOLDER_FILE"
true
