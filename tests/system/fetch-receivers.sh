#!/bin/sh
# Brings real receivers into a folder: rsyslogd, syslog-ng, Prometheus, Alertmanager, Icinga 2.
# fetch-receivers.sh FOLDER
#
# They are unpacked, not installed: as packages the first two exclude each other, and a test must
# not replace the system's own logger, nor start a server beside it. What they link to is installed
# by packaging/deps.sh test.
set -eu

folder=$1
packages="rsyslog syslog-ng-core prometheus prometheus-alertmanager icinga2-bin icinga2-common"
programs="sbin/rsyslogd sbin/syslog-ng bin/promtool bin/prometheus-alertmanager sbin/icinga2"

have_all() {
    for program in $programs share/icinga2; do
        [ -e "$folder/usr/$program" ] || return 1
    done
}

if have_all; then
    exit 0
fi

mkdir -p "$folder"
cd "$folder"
# shellcheck disable=SC2086 # a list of words
if ! apt-get -o APT::Sandbox::User=root download -qq $packages; then
    echo "fetch-receivers.sh: apt-get cannot download $packages:" \
        "run apt-get update as root, then again" >&2
    exit 1
fi
for package in $packages; do
    dpkg -x "$package"_*.deb .
    rm "$package"_*.deb
done
