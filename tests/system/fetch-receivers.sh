#!/bin/sh
# Brings a real rsyslogd, a real syslog-ng and a real Prometheus into a folder:
# fetch-receivers.sh FOLDER
#
# They are unpacked, not installed: as packages the first two exclude each other, and a test must
# not replace the system's own logger, nor start a server beside it. What they link to is installed by packaging/deps.sh test.
set -eu

folder=$1
rsyslogd=$folder/usr/sbin/rsyslogd
syslog_ng=$folder/usr/sbin/syslog-ng
promtool=$folder/usr/bin/promtool
if [ -x "$rsyslogd" ] && [ -x "$syslog_ng" ] && [ -x "$promtool" ]; then
    exit 0
fi

mkdir -p "$folder"
cd "$folder"
if ! apt-get -o APT::Sandbox::User=root download -qq rsyslog syslog-ng-core prometheus; then
    echo "fetch-receivers.sh: apt-get cannot download rsyslog, syslog-ng-core and prometheus:" \
        "run apt-get update as root, then again" >&2
    exit 1
fi
for package in rsyslog_*.deb syslog-ng-core_*.deb prometheus_*.deb; do
    dpkg -x "$package" .
    rm "$package"
done
