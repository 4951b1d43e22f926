#!/bin/sh
# fetch-peers.sh DIRECTORY: unpacks the peers of the comparisons from Debian's packages below DIRECTORY.
# Unpacked, not installed: syslog-ng and rsyslog exclude each other, and no service is to be started.
set -eu

directory=$1
packages="ripgrep rsyslog libestr0 libfastjson4 syslog-ng-core libglib2.0-0
	libpcre3 libivykis0 libnet1 libwrap0 sec mtail fail2ban monit"

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
[ ! -d lib ] || { cp -a lib/. usr/lib && rm -r lib; } # as where /lib is a link
libraries=$PWD/usr/lib/x86_64-linux-gnu:$PWD/usr/lib/syslog-ng
for program in usr/bin/rg usr/bin/mtail usr/bin/monit usr/sbin/rsyslogd usr/sbin/syslog-ng; do
	if LD_LIBRARY_PATH=$libraries ldd "$program" 2>&1 | grep "not found"; then
		echo "fetch-peers.sh: $program wants a library that is neither here nor unpacked" >&2
		exit 1
	fi
done
echo "$packages" >complete
