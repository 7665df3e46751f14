#!/bin/sh
# install.sh system: the one step of PostgreSQL's image, run by its Dockerfile as root.
set -eu
here=$(dirname "$0")
export DEBIAN_FRONTEND=noninteractive
groupadd --gid 1000 postgresql
useradd --uid 1000 --gid 1000 --home-dir /var/lib/postgresql --no-create-home --shell /bin/sh postgresql
apt-get update -q
apt-get install -q -y --no-install-recommends postgresql-common tini
# Debian makes a database at installation otherwise; ours is made from a password that no image holds.
sed -i 's/^#*create_main_cluster.*/create_main_cluster = false/' /etc/postgresql-common/createcluster.conf
apt-get install -q -y --no-install-recommends postgresql-15
install -d -o 1000 -g 1000 -m 750 /var/lib/postgresql /var/lib/postgresql/data
install -m 755 "$here/start.sh" /usr/local/bin/collegium-postgresql
rm -rf /var/lib/apt/lists/* /var/cache/* /var/log/* /etc/ssl/private/*.key /etc/ssl/certs/ssl-cert-snakeoil.pem
