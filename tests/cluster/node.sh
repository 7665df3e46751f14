#!/bin/bash
# node.sh start|stop|kill|restart NAME   one program of the node (its command line is conf/NAME.cmd)
# node.sh status | heal | exec CMD... | logs NAME
set -e
. "$(dirname "$0")/env.sh"
start() {
  in_node bash -c '
    cd /; ulimit -n 65536 2>/dev/null || ulimit -n $(ulimit -Hn)
    setsid '"$(cat "$CONF/$1.cmd")"' >>"'"$LOGS/$1.log"'" 2>&1 </dev/null & echo $! > /run/pids/'"$1"
}
stop() { # a program that does not end in 10 seconds is killed
  in_node bash -c 'p=$(cat /run/pids/'"$1"' 2>/dev/null) || exit 0; kill -'"${2:-TERM}"' $p 2>/dev/null || exit 0
    for i in $(seq 100); do kill -0 $p 2>/dev/null || break; sleep 0.1; done; kill -KILL $p 2>/dev/null; rm -f /run/pids/'"$1"
}
alive() { in_node bash -c 'kill -0 $(cat /run/pids/'"$1"') 2>/dev/null' 2>/dev/null; }
heal() { # start what shall run and does not
  for n in containerd etcd apiserver kcm scheduler kubelet proxy dns netpol provisioner; do alive $n || start $n; done
}
case "$1" in
  start) alive "$2" || start "$2";; stop) stop "$2";; kill) stop "$2" KILL;; restart) stop "$2"; start "$2";;
  status) for f in "$CONF"/*.cmd; do n=${f##*/}; n=${n%.cmd}; alive "$n" && echo "$n up" || echo "$n down"; done;;
  heal) heal;;
  exec) shift; in_node "$@";;
  logs) cat "$LOGS/$2.log";;
  *) sed -n 2,3p "$0"; exit 2;;
esac
