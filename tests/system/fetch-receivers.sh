#!/bin/sh
# Brings a real rsyslogd and a real syslog-ng into a folder: fetch-receivers.sh FOLDER
#
# They are unpacked, not installed: as packages they exclude each other, and a test must not
# replace the system's own logger. What they link to is installed by packaging/deps.sh test.
set -eu

folder=$1
rsyslogd=$folder/usr/sbin/rsyslogd
syslog_ng=$folder/usr/sbin/syslog-ng
if [ -x "$rsyslogd" ] && [ -x "$syslog_ng" ]; then
    exit 0
fi

mkdir -p "$folder"
cd "$folder"
if ! apt-get -o APT::Sandbox::User=root download -qq rsyslog syslog-ng-core; then
    echo "fetch-receivers.sh: apt-get cannot download rsyslog and syslog-ng-core:" \
        "run apt-get update as root, then again" >&2
    exit 1
fi
for package in rsyslog_*.deb syslog-ng-core_*.deb; do
    dpkg -x "$package" .
    rm "$package"
done
