#!/usr/bin/env bash
# Packs the package, installs the tarball into an empty folder and starts the service there, as a user would.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
# The project's own Node, for a machine that has only an older one.
export PATH="$root/node_modules/.bin:$PATH"
folder=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null; rm -rf "$folder"' EXIT

cd "$root"
tarball=$(npm pack --silent --pack-destination "$folder" | tail -n 1)
cd "$folder"
npm init --yes >/dev/null
# No package of the service runs a script when it is installed, so nothing is missing without them.
npm install --ignore-scripts --no-audit --no-fund --silent "./$tarball"
[ -s node_modules/vultr-grpc/dist/sbom.cdx.json ] || { echo "The package has no SBOM." >&2; exit 1; }
# By its path: a name would be looked up in the registry if the package did not have the command.
command=./node_modules/.bin/vultr-grpc
"$command" --version

"$command" serve --upstream sandbox --grpc 127.0.0.1:0 --http 127.0.0.1:0 >ready.log 2>server.log &
server=$!
for _ in $(seq 300); do
  grep -q ready ready.log && break
  sleep 0.1
done
cat ready.log
http=$(sed -n 's/.*HTTP \(http[^,]*\),.*/\1/p' ready.log)
total=$(curl --silent --fail "$http/api/regions" | sed -n 's/.*"total":\([0-9]*\).*/\1/p')
if [ "$total" != 32 ]; then
  echo "The installed package serves ${total:-no} regions instead of 32. Its log:" >&2
  cat server.log >&2
  exit 1
fi
for path in / /docs /status /openapi.json /assets/docs.js /assets/status.js /assets/swagger-ui-bundle.js /assets/swagger-ui.css; do
  curl --silent --fail --output /dev/null --header 'Accept: text/html, */*' "$http$path" ||
    { echo "The installed package does not serve $path." >&2; exit 1; }
done
kill "$server"
wait "$server" || { echo "The installed package did not stop in good order." >&2; exit 1; }
server=
echo "The installed package serves $total regions, and stops when told to."
