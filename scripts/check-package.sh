#!/usr/bin/env bash
# Packs the package, installs it into an empty folder and starts it there, as a user of the published one would.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
# Node of the project for a machine that has only an older one.
export PATH="$root/node_modules/.bin:$PATH"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

cd "$root"
tarball=$(npm pack --silent --pack-destination "$folder" | tail -n 1)
cd "$folder"
npm init --yes >/dev/null
npm install --no-audit --no-fund --silent "./$tarball"
npx vultr-grpc --version

npx vultr-grpc serve --upstream sandbox --grpc 127.0.0.1:0 --http 127.0.0.1:0 >ready.log 2>server.log &
server=$!
for _ in $(seq 100); do
  grep -q ready ready.log && break
  sleep 0.1
done
cat ready.log
http=$(sed -n 's/.*HTTP \(http[^,]*\),.*/\1/p' ready.log)
total=$(curl --silent --fail "$http/api/regions" | sed -n 's/.*"total":\([0-9]*\).*/\1/p')
kill "$server"
wait "$server" || true
[ "$total" = 32 ] || { echo "the installed package answers with ${total:-nothing} for the number of regions, not 32"; exit 1; }
echo "the installed package serves $total regions"
