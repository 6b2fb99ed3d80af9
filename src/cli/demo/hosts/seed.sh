#!/bin/sh
# Furnishes one demo host. Called once with the host's name while its directory is empty:
#   HOME=DIR PATH=DIR/bin:$PATH sh seed.sh web-1
# Everything it makes lies under $HOME. The host is as a deployment tool would leave it: releases beside each other,
# a link to the live one, configuration, logs, data and its backup, and who may log in.
set -eu
umask 022

name=$1
cd "$HOME"
case $name in db-*) service=db ;; *) service=web ;; esac

mkdir -p app/releases app/config app/logs backups changes data state/$service.service .ssh

# v1.4.2 is live; v1.5.0 is the next good one; v1.6.0 starts, and then answers every request with an error.
for version in v1.4.1 v1.4.2 v1.5.0 v1.6.0; do
  mkdir -p "app/releases/$version"
  echo "$version" >"app/releases/$version/VERSION"
  echo "the program $service, release $version" >"app/releases/$version/$service"
  (cd "app/releases/$version" && sha256sum VERSION $service >SHA256SUMS)
done
: >app/releases/v1.6.0/BROKEN
touch -t 202510010900 app/releases/v1.4.1
touch -t 202510220900 app/releases/v1.4.2
ln -s releases/v1.4.2 app/current
printf 'WORKERS=4\nLOG_LEVEL=info\n' >app/config/$service.env
(umask 077 && echo "demo-token-of-october" >app/config/token)

# Logs: today's, an unpacked older one, and packed ones from long ago.
log=app/logs/$service.log
echo "$(date -u +%Y-%m-%dT%H:%M:%SZ) $service request ok" >$log
awk -v s="$service" 'BEGIN { for (i = 1; i <= 4000; i++) printf "2025-09-30T12:00:00Z %s request %d ok\n", s, i }' >$log.1
for n in 2 3 4; do gzip -c $log.1 >$log.$n.gz; done
touch -t 202509301200 $log.1
touch -t 202508311200 $log.2.gz $log.3.gz
touch -t 202507311200 $log.4.gz

# Data with its manifest, and the backup of last night, which is 40 records behind.
records() { awk -v n="$1" 'BEGIN { print "id,amount"; for (i = 1; i <= n; i++) printf "%d,%d\n", i, i * 7 % 1000 }'; }
records 200 >data/records.csv
(cd data && sha256sum records.csv >MANIFEST)
tar -czf backups/data-nightly.tar.gz data
(cd backups && sha256sum data-nightly.tar.gz >data-nightly.tar.gz.sha256)
records 240 >data/records.csv
(cd data && sha256sum records.csv >MANIFEST)

(
  umask 077
  for who in ada@bastion bo@bastion kim@bastion contractor@laptop; do
    echo "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDemoDemoDemoDemoDemoDemoDemoDemoDemoDemoDem $who"
  done >.ssh/authorized_keys
)

echo "libssl3 3.0.15-1 3.0.17-1" >state/packages
echo "openssh-client 1:9.2p1-2 1:9.2p1-2+deb12u5" >>state/packages
echo 0.62 >state/budget
echo 0.41 >state/utilisation
echo "$service.service" >state/unit
systemctl start $service.service

# edge-1 is the sick one: it leaks until it is restarted or taken out of rotation, and its data are damaged.
if [ "$name" = edge-1 ]; then
  : >state/$service.service/leaking
  head -n 120 data/records.csv >data/records.cut
  mv data/records.cut data/records.csv
fi
