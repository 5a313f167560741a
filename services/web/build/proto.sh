#!/bin/sh
# Generates the contract's types from ../../proto, by protoc-gen-es (see `make proto`); needs `make env` and `npm ci`.
set -e
cd "$(dirname "$0")/.."
out=${1:-src/api/contract}
rm -rf "$out"
mkdir -p "$out"
../../.venv/bin/python -m grpc_tools.protoc -I../../proto --plugin=protoc-gen-es=node_modules/.bin/protoc-gen-es \
  --es_out="$out" --es_opt=target=dts,json_types=true ../../proto/workflow_engine/v1/*.proto
mv "$out"/workflow_engine/v1/*.d.ts "$out"
rm -r "$out/workflow_engine"
