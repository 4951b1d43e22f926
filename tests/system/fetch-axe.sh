#!/bin/sh
# Brings axe-core, which finds what shuts people out of a page, into a folder: fetch-axe.sh FOLDER
set -eu

version=4.14.1
digest=sha512-FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ==

folder=$1
if [ -s "$folder/axe.min.js" ]; then
    exit 0
fi
# Debian's npm is some 360 packages of 25 MB: installed only here, where nothing else brings it.
if ! command -v npm >/dev/null && ! "$(dirname "$0")/../../packaging/deps.sh" npm; then
    echo "fetch-axe.sh: npm is not here, so axe-core will not look at the page" >&2
    exit 0
fi
mkdir -p "$folder"
cd "$folder"
if ! npm pack --loglevel=error --fetch-retries=0 --fetch-timeout=20000 "axe-core@$version" >/dev/null
then
    echo "fetch-axe.sh: npm brought nothing, so axe-core will not look at the page" >&2
    exit 0
fi
archive=axe-core-$version.tgz
found=sha512-$(openssl dgst -sha512 -binary "$archive" | openssl base64 -A)
if [ "$found" != "$digest" ]; then
    echo "fetch-axe.sh: $archive is not the one that is wanted: $found" >&2
    exit 1
fi
tar -xzf "$archive" --strip-components=1 package/axe.min.js
rm "$archive"
