#!/bin/sh
# fetch-peers.sh DIRECTORY: unpacks the peers of the comparisons from Debian's packages below DIRECTORY.
# Unpacked, not installed: syslog-ng and rsyslog exclude each other, and no service is to be started.
set -eu

directory=$1
packages="ripgrep rsyslog libestr0 libfastjson4 syslog-ng-core libivykis0 libnet1 libwrap0 sec mtail fail2ban monit"

[ "$(cat "$directory/complete" 2>/dev/null)" = "$packages" ] && exit 0
rm -rf "$directory"
mkdir -p "$directory/packages"
cd "$directory/packages"
# shellcheck disable=SC2086 # a list of names
apt-get download $packages >/dev/null 2>&1 || {
	apt-get update >/dev/null
	apt-get download $packages >/dev/null
}
for package in *.deb; do
	dpkg-deb -x "$package" ..
done
for package in *.deb; do
	# shellcheck disable=SC2016 # dpkg-deb expands it
	dpkg-deb -W --showformat='${Package} ${Version}\n' "$package"
done >../versions
cd ..
rm -rf packages
echo "$packages" >complete
